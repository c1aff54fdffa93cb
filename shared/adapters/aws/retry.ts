import { throwIfAborted } from "../../bytes/byte-source.ts";

/**
 * Tries again with exponential back-off and full jitter (each wait is random between nothing and a
 * bound that doubles), so that many functions that were throttled together do not come back together.
 */

/** How often and how long; clock and chance are given from outside. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly tries: number;
  /** Bound of the first wait in milliseconds; it doubles with every try. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly capMs: number;
  /** One try is given up after this many milliseconds. */
  readonly tryMs: number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Resolves after `ms` or when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Few tries: whatever still fails is tried again by the queue. */
export const DEFAULT_RETRY: RetryPolicy = {
  tries: 4,
  baseMs: 50,
  capMs: 2_000,
  tryMs: 15_000,
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
};

/** The wait before try number `next` (2 is the first repetition), in milliseconds. */
export function waitBefore(next: number, policy: RetryPolicy): number {
  return Math.floor(policy.random() * Math.min(policy.capMs, policy.baseMs * 2 ** (next - 2)));
}

/**
 * Runs `work` until it succeeds, fails for good, or the tries are used up. Each try has a signal
 * that fires when its time is over or the caller's fires.
 * @throws the last error of `work`; SourceError `source.aborted` when the caller's signal fires between tries
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  isRetryable: (error: unknown) => boolean,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    throwIfAborted(signal);
    const timer = new AbortController();
    const timeout = setTimeout(
      () => timer.abort(new DOMException("the try took too long", "TimeoutError")),
      policy.tryMs,
    );
    try {
      return await work(signal ? AbortSignal.any([signal, timer.signal]) : timer.signal);
    } catch (error) {
      if (tried >= policy.tries || !isRetryable(error)) throw error;
    } finally {
      clearTimeout(timeout);
    }
    await policy.sleep(waitBefore(tried + 1, policy), signal);
  }
}
