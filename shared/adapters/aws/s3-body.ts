import { SourceError } from "../../bytes/errors.ts";

/**
 * Reads the body of an answer into one buffer of exactly the length that is due. Allocates no more
 * than that, whatever the server sends.
 * @throws SourceError `source.short-read` when it ends or breaks early, `source.bad-response` when it is longer
 */
export async function readBody(body: unknown, length: number, signal?: AbortSignal): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  let at = 0;
  // The SDK stops listening to the signal once the headers are there.
  const onAbort = () => discardBody(body);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    for await (const chunk of chunksOf(body)) {
      if (at + chunk.length > length) {
        throw new SourceError("source.bad-response", "the body is longer than its headers said", { expected: length });
      }
      out.set(chunk, at);
      at += chunk.length;
    }
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    if (signal?.aborted) throw new SourceError("source.timeout", "the body did not come in time", { cause });
    throw new SourceError("source.short-read", "the body broke off", { expected: length, actual: at, cause });
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  if (at !== length) {
    throw new SourceError("source.short-read", "the body ended early", { expected: length, actual: at });
  }
  return out;
}

/** Ends a body that nobody will read, so that its connection is not kept busy. */
export function discardBody(body: unknown): void {
  (body as { destroy?: () => void } | undefined)?.destroy?.();
}

function chunksOf(body: unknown): AsyncIterable<Uint8Array> {
  if (body === undefined || body === null) return (async function* () {})();
  return body as AsyncIterable<Uint8Array>;
}
