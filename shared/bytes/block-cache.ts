import { FormatError } from "./errors.ts";
import { type ByteRange, coalesceRanges } from "./range.ts";

/** 4 KiB: a page, the unit in which kernel dumps scatter what belongs together. */
export const BLOCK_SIZE = 4096;

/**
 * Thrown out of a step when bytes are not there yet. Not an Error, so that a
 * `catch` for errors that lets unknown things pass lets it pass too; only the
 * step runner may catch it (test/shared/catch-rule.test.ts holds that).
 */
export class MissingRanges {
  readonly ranges: readonly ByteRange[];
  /** The bytes that miss them, where a runner reads several sources; absent: those of its first one. */
  readonly owner: FetchedBytes | undefined;
  constructor(ranges: readonly ByteRange[], owner?: FetchedBytes) {
    this.ranges = ranges;
    this.owner = owner;
  }
}

/**
 * Thrown out of a step when a whole file is not there yet: it must be located or opened before its bytes can
 * be asked for. A {@link MissingRanges} too, so that whatever lets those pass lets it pass. The runner calls
 * `open`, side by side with the round's reads, and runs the step again.
 */
export class MissingResource extends MissingRanges {
  /**
   * Brings the file, or remembers that there is none: the step that runs again must not throw for it once more.
   * May be called more than once. Rejects only with what should end the analysis (SourceError, BudgetError).
   */
  readonly open: () => Promise<void>;
  constructor(open: () => Promise<void>) {
    super([]);
    this.open = open;
  }
}

/** Synchronous bytes: what parsers, page walks and unwinders read from. */
export interface FetchedBytes {
  /** Size of the source in bytes. */
  readonly size: number;
  /**
   * The bytes `[offset, offset+length)`, without a copy where they lie together.
   * @throws MissingRanges when a block of it has not been fetched: the step is run again later.
   * @throws FormatError `format.truncated` when the range leaves the source.
   */
  bytes(offset: number, length: number): Uint8Array;
  /** The bytes from `offset`, at most `length`, fewer at the end of the source. */
  upTo(offset: number, length: number): Uint8Array;
  /**
   * Says that these ranges will be needed: nothing happens when all are there, else all missing
   * ones are asked for together. A plan spares rounds; parts outside of the source are ignored.
   * @throws MissingRanges
   */
  plan(ranges: readonly ByteRange[]): void;
  /**
   * The ranges that must be fetched before these can be read; empty when all are there. For walks that go
   * on elsewhere where one way is blocked, and then ask for everything together.
   */
  missing(ranges: readonly ByteRange[]): ByteRange[];
}

/**
 * Keeps fetched blocks of {@link BLOCK_SIZE} bytes by number. Nothing is evicted:
 * the byte budget of the analysis bounds it, and a step that runs again must find what it read.
 */
export class BlockCache implements FetchedBytes {
  readonly size: number;
  readonly #blocks = new Map<number, { bytes: Uint8Array; offset: number }>();

  constructor(size: number) {
    this.size = size;
  }

  /** Adds fetched bytes. `range` must start on a block and end on one or at the end of the source. */
  add(range: ByteRange, bytes: Uint8Array): void {
    for (let at = range.start; at < range.end; at += BLOCK_SIZE) {
      this.#blocks.set(at / BLOCK_SIZE, { bytes, offset: at - range.start });
    }
  }

  /** The block-aligned ranges that must be fetched before these can be read; ascending, disjoint. */
  missing(ranges: readonly ByteRange[]): ByteRange[] {
    const holes: ByteRange[] = [];
    for (const range of ranges) {
      const end = Math.min(range.end, this.size);
      if (range.start >= end) continue;
      for (let block = Math.floor(Math.max(0, range.start) / BLOCK_SIZE); block * BLOCK_SIZE < end; block++) {
        if (!this.#blocks.has(block)) {
          holes.push({ start: block * BLOCK_SIZE, end: Math.min(this.size, (block + 1) * BLOCK_SIZE) });
        }
      }
    }
    return coalesceRanges(holes);
  }

  plan(ranges: readonly ByteRange[]): void {
    const missing = this.missing(ranges);
    if (missing.length > 0) throw new MissingRanges(missing, this);
  }

  bytes(offset: number, length: number): Uint8Array {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
      throw new FormatError("format.truncated", `no bytes at ${offset}, length ${length}`);
    }
    const end = offset + length;
    if (end > this.size) {
      throw new FormatError("format.truncated", `bytes end at ${end} in a source of ${this.size}`, {
        offset,
        expected: end,
        actual: this.size,
      });
    }
    if (length === 0) return new Uint8Array(0);
    const first = Math.floor(offset / BLOCK_SIZE);
    const last = Math.floor((end - 1) / BLOCK_SIZE);
    const head = this.#blocks.get(first);
    if (!head) this.plan([{ start: offset, end }]);
    const start = (head as { offset: number }).offset + (offset - first * BLOCK_SIZE);
    const together = this.#together(first, last, offset, end);
    if (together) return together.subarray(start, start + length);
    return this.#copy(first, last, offset, end);
  }

  upTo(offset: number, length: number): Uint8Array {
    if (offset >= this.size) return new Uint8Array(0);
    return this.bytes(offset, Math.min(length, this.size - offset));
  }

  /** The one buffer that holds all blocks in a row, if there is one. */
  #together(first: number, last: number, offset: number, end: number): Uint8Array | undefined {
    const head = this.#blocks.get(first) as { bytes: Uint8Array; offset: number };
    for (let block = first + 1; block <= last; block++) {
      const next = this.#blocks.get(block);
      if (!next) this.plan([{ start: offset, end }]);
      if (next?.bytes !== head.bytes || next.offset !== head.offset + (block - first) * BLOCK_SIZE) return undefined;
    }
    return head.bytes;
  }

  #copy(first: number, last: number, offset: number, end: number): Uint8Array {
    this.plan([{ start: offset, end }]);
    const out = new Uint8Array(end - offset);
    for (let block = first; block <= last; block++) {
      const piece = this.#blocks.get(block) as { bytes: Uint8Array; offset: number };
      const from = Math.max(offset, block * BLOCK_SIZE);
      const to = Math.min(end, (block + 1) * BLOCK_SIZE);
      const at = piece.offset + (from - block * BLOCK_SIZE);
      out.set(piece.bytes.subarray(at, at + (to - from)), from - offset);
    }
    return out;
  }
}
