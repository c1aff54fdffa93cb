import { BlockCache, type FetchedBytes } from "../bytes/block-cache.ts";
import type { ByteSource } from "../bytes/byte-source.ts";
import { attempt, type Notes } from "../notes.ts";
import { type BreakpadIndex, BreakpadIndexer } from "./breakpad/breakpad-index.ts";

/** Read at once while a file is indexed. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Files up to this size are kept whole: reading records of them again costs more than the memory. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** A Breakpad file with its index. */
export interface IndexedBreakpad {
  readonly index: BreakpadIndex;
  /** The whole file, when it is small. */
  readonly kept?: FetchedBytes;
}

/**
 * Indexes a Breakpad file by reading it once from its start.
 * @returns undefined, with a note, when it is none
 * @throws SourceError when it cannot be read
 */
export async function indexBreakpad(source: ByteSource, notes: Notes): Promise<IndexedBreakpad | undefined> {
  const indexer = new BreakpadIndexer();
  const cache = source.size <= KEPT_BYTES ? new BlockCache(source.size) : undefined;
  for (let start = 0; start < source.size; start += PIECE_BYTES) {
    const range = { start, end: Math.min(start + PIECE_BYTES, source.size) };
    const [piece] = await source.read([range]);
    if (!piece) return undefined;
    cache?.add(range, piece);
    const good = attempt(notes, "symbols/breakpad", () => {
      indexer.push(piece);
      return true;
    });
    if (!good) return undefined;
  }
  const index = attempt(notes, "symbols/breakpad", () => indexer.finish());
  return index && { index, ...(cache && { kept: cache }) };
}
