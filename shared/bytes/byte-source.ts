import { SourceError } from "./errors.ts";
import { type ByteRange, checkRange } from "./range.ts";

/**
 * The port through which every dump and symbol file is read. Two members, so that
 * a file, an S3 object and a test's array are the same thing; caching, counting,
 * coalescing and budgets are wrappers of the same shape.
 */
export interface ByteSource {
  /** Size in bytes; at most 2^53-1. The content is pinned: a source never mixes two versions of an object. */
  readonly size: number;
  /**
   * Reads several ranges at once, in any order, and gives the bytes in the order asked.
   * All or nothing. Results may share memory: callers must not write to them.
   * @throws SourceError
   */
  read(ranges: readonly ByteRange[], signal?: AbortSignal): Promise<Uint8Array[]>;
}

/** A source over bytes in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: async (ranges, signal) => {
      throwIfAborted(signal);
      for (const range of ranges) checkRange(range, bytes.length);
      return ranges.map((range) => bytes.subarray(range.start, range.end));
    },
  };
}

/** @throws SourceError `source.aborted` when the signal has fired. */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) {
    throw new SourceError("source.aborted", "the read was aborted", { cause: signal.reason });
  }
}

/** What reading one source has cost so far. */
export interface IoCounts {
  /** Bytes that came over the wire or from disk. */
  bytes: number;
  /** Single range requests: what S3 charges for. */
  requests: number;
  /** Reads that waited for the ones before them. */
  rounds: number;
}

/**
 * A source that counts what passes through it; put it directly around the adapter.
 * @param counts where to count; several sources may share one
 */
export function countingSource(
  inner: ByteSource,
  counts: IoCounts = { bytes: 0, requests: 0, rounds: 0 },
): ByteSource & { readonly counts: IoCounts } {
  return {
    counts,
    get size() {
      return inner.size;
    },
    read: async (ranges, signal) => {
      counts.rounds += 1;
      counts.requests += ranges.length;
      for (const range of ranges) counts.bytes += range.end - range.start;
      return inner.read(ranges, signal);
    },
  };
}
