import { BlockCache, type FetchedBytes, MissingRanges, MissingResource } from "./block-cache.ts";
import type { ByteSource } from "./byte-source.ts";
import { BudgetError } from "./errors.ts";
import { type ByteRange, coalesceRanges } from "./range.ts";

/** A pure function over fetched bytes. It may be run several times; its last run's value counts. */
export type Step<T> = (bytes: FetchedBytes) => T;

/**
 * A step among many that run side by side: its value is the further work that it found. It is run
 * again from its start until nothing is missing, so it writes down what it found only behind its last read.
 */
export type Task = (bytes: FetchedBytes) => readonly Task[];

/** How a runner is limited. */
export interface StepRunnerOptions {
  readonly signal?: AbortSignal;
  /** `performance.now()` value after which no further round starts. */
  readonly deadline?: number;
  /** Rounds that one step may need; a guard against a step that asks without end. */
  readonly maxRoundsPerStep?: number;
}

/** Objects up to this size are read whole in the first request: DESIGN allows two for them, and a round costs more. */
export const WHOLE_READ_LIMIT = 4 * 1024 * 1024;
/** First read of larger ones: headers of every format and the start of a page bitmap. */
export const FIRST_READ_BYTES = 64 * 1024;

/**
 * Runs synchronous steps over a source: the only place that awaits bytes. A step that
 * misses throws {@link MissingRanges}; the runner fetches all of them in one round and runs
 * the step again from its start (ADR 0003: measured cheaper than generators and promises).
 */
export class StepRunner {
  readonly #source: ByteSource;
  readonly #cache: BlockCache;
  readonly #sources = new Map<FetchedBytes, { readonly cache: BlockCache; readonly source: ByteSource }>();
  readonly #options: StepRunnerOptions;
  readonly #beside = new Crew();
  #rounds = 0;
  #turns = 0;

  constructor(source: ByteSource, options: StepRunnerOptions = {}) {
    this.#source = source;
    this.#cache = new BlockCache(source.size);
    this.#sources.set(this.#cache, { cache: this.#cache, source });
    this.#options = options;
  }

  /**
   * Gives the bytes of a further source (a symbol file, an image) to the steps of this runner: what they
   * miss of it comes in the same rounds as what they miss of the dump.
   */
  attach(source: ByteSource): FetchedBytes {
    const cache = new BlockCache(source.size);
    this.#sources.set(cache, { cache, source });
    return cache;
  }

  /** Rounds of reads so far. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Times that something was read or opened: the reads of one turn are over before the next one begins. */
  get turns(): number {
    return this.#turns;
  }

  /** What has been fetched so far; reading from it outside of a step may throw MissingRanges. */
  get fetched(): FetchedBytes {
    return this.#cache;
  }

  /** The first request: the whole of a small object, the start of a large one. */
  async prefetch(): Promise<void> {
    const end = this.#source.size <= WHOLE_READ_LIMIT ? this.#source.size : FIRST_READ_BYTES;
    if (end === 0) return;
    this.#rounds += 1;
    await this.#fetch(this.#cache, [{ start: 0, end }]);
  }

  /**
   * Runs a step to its value.
   * @throws whatever the step throws, SourceError from the source, BudgetError when a limit is reached.
   */
  async run<T>(step: Step<T>): Promise<T> {
    const limit = this.#options.maxRoundsPerStep ?? 10_000;
    for (let round = 0; ; round++) {
      this.#checkTime();
      let missing: MissingRanges;
      try {
        return step(this.#cache);
      } catch (signal) {
        if (!(signal instanceof MissingRanges)) throw signal;
        missing = signal;
      }
      if (round >= limit) {
        throw new BudgetError("budget.rounds", `a step asked for more bytes ${round} times`, { expected: limit });
      }
      await this.#supply([missing]);
    }
  }

  /**
   * Takes on work that nobody waits for: whatever it misses comes in the rounds of other steps and tasks, and
   * costs none of its own until {@link settle}. Its tasks must not fail.
   */
  beside(tasks: readonly Task[]): void {
    this.#beside.add(tasks);
  }

  /**
   * Ends the work that {@link beside} took on: it goes on as long as no more than `lastRound` rounds have been
   * made in all, and what is not done then never will be.
   * @returns whether all of it was done
   */
  async settle(lastRound: number): Promise<boolean> {
    for (;;) {
      const missing = this.#beside.advance(this.#cache);
      if (missing.length === 0) return true;
      if (this.#rounds >= lastRound) break;
      this.#checkTime();
      await this.#read(missing);
    }
    this.#beside.leave();
    return false;
  }

  /**
   * Runs tasks side by side until none is left: what they miss comes in one round for all, and work
   * that a task finds starts at once. So chains of reads that do not depend on each other share their rounds.
   * @param maxRounds rounds after which it gives up: a hostile chain of reads has no other end
   * @throws what {@link run} throws; what the tasks wrote down until then stays
   */
  async runTogether(tasks: readonly Task[], maxRounds = this.#options.maxRoundsPerStep ?? 10_000): Promise<void> {
    const crew = new Crew();
    crew.add(tasks);
    for (let round = 0; ; round++) {
      this.#checkTime();
      const missing = crew.advance(this.#cache);
      if (missing.length === 0) return;
      if (round >= maxRounds) {
        throw new BudgetError("budget.rounds", `${round} rounds did not end the work`, { expected: maxRounds });
      }
      await this.#supply(missing);
    }
  }

  /** One round: everything that steps miss, and what the work beside them misses where something is read at all. */
  async #supply(missing: readonly MissingRanges[]): Promise<void> {
    const reads = missing.some((signal) => !(signal instanceof MissingResource));
    await this.#read(reads ? [...missing, ...this.#beside.advance(this.#cache)] : missing);
  }

  /** Of all sources side by side. */
  async #read(missing: readonly MissingRanges[]): Promise<void> {
    const wanted = new Map<FetchedBytes, ByteRange[]>();
    const opening: Promise<void>[] = [];
    for (const signal of missing) {
      const owner = signal.owner ?? this.#cache;
      if (signal instanceof MissingResource) opening.push(signal.open());
      else wanted.set(owner, [...(wanted.get(owner) ?? []), ...signal.ranges]);
    }
    this.#turns += 1;
    if (wanted.size > 0) this.#rounds += 1;
    for (const [owner, ranges] of wanted) opening.push(this.#fetch(owner, coalesceRanges(ranges)));
    await Promise.all(opening);
  }

  async #fetch(owner: FetchedBytes, ranges: readonly ByteRange[]): Promise<void> {
    const attached = this.#sources.get(owner);
    if (!attached) throw new TypeError("a step asked for bytes of a source that is not attached to its runner");
    const parts = await attached.source.read(ranges, this.#options.signal);
    for (const [index, range] of ranges.entries()) attached.cache.add(range, parts[index] as Uint8Array);
  }

  #checkTime(): void {
    const { deadline, signal } = this.#options;
    if (signal?.aborted || (deadline !== undefined && performance.now() > deadline)) {
      throw new BudgetError("budget.time", "the time of this analysis is used up");
    }
  }
}

/** Tasks that go on side by side. */
class Crew {
  #waiting: Task[] = [];

  add(tasks: readonly Task[]): void {
    this.#waiting.push(...tasks);
  }

  /** Gives up what is left. */
  leave(): void {
    this.#waiting = [];
  }

  /** Runs each task, and the work that it finds at once, until it is done or misses something: all that is missing. */
  advance(bytes: FetchedBytes): MissingRanges[] {
    const ready = this.#waiting.reverse();
    this.#waiting = [];
    const missing: MissingRanges[] = [];
    for (let task = ready.pop(); task; task = ready.pop()) {
      try {
        ready.push(...[...task(bytes)].reverse());
      } catch (signal) {
        if (!(signal instanceof MissingRanges)) throw signal;
        missing.push(signal);
        this.#waiting.push(task);
      }
    }
    return missing;
  }
}
