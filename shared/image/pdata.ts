import { dataView } from "../bytes/layout.ts";
import type { ImageBytes } from "./image-bytes.ts";
import type { DataDirectory } from "./pe.ts";

/**
 * The exception directory of an image: RUNTIME_FUNCTION records sorted by their functions' start, three words
 * each on x64, two on ARM and ARM64.
 */

/** Most records that a table may claim: the largest images have some hundred thousand. */
const MAX_ENTRIES = 1 << 22;
/** First guesses go by proportion, since functions are spread evenly: fewer pages are touched than by halving. */
const GUESSES = 4;
/** Below this many records the rest lies within two pages and is halved. */
const NEAR = 256;

/** A record of the table. */
export interface PdataEntry {
  /** Start of the function. */
  readonly begin: number;
  /** The words behind it: end and unwind information on x64, unwind data on ARM64. */
  readonly words: readonly [number, number];
}

/**
 * Finds the last record that starts at or before an address.
 * @param entrySize bytes of a record: 12 on x64, 8 elsewhere
 * @param imageSize where the last function ends at the latest: guides the search
 * @returns `none` where no record starts so early, `hole` where a record on the way cannot be read
 */
export function findPdata(
  image: ImageBytes,
  table: DataDirectory,
  entrySize: 8 | 12,
  imageSize: number,
  rva: number,
): PdataEntry | "none" | "hole" {
  let low = 0;
  let high = Math.min(MAX_ENTRIES, Math.floor(table.size / entrySize));
  let lowRva = 0;
  let highRva = Math.max(imageSize, rva + 1);
  let best: PdataEntry | "none" = "none";
  for (let round = 0; low < high; round++) {
    const near = high - low <= NEAR || round >= GUESSES;
    const share = highRva > lowRva ? (rva - lowRva) / (highRva - lowRva) : 0.5;
    const middle = near ? (low + high) >> 1 : low + Math.floor((high - low) * Math.min(0.999, Math.max(0, share)));
    const bytes = image.read(table.rva + middle * entrySize, entrySize);
    if (bytes.length < entrySize) return "hole";
    const view = dataView(bytes);
    const begin = view.getUint32(0, true);
    if (begin <= rva) {
      best = { begin, words: [view.getUint32(4, true), entrySize === 12 ? view.getUint32(8, true) : 0] };
      low = middle + 1;
      lowRva = begin;
    } else {
      high = middle;
      highRva = begin;
    }
  }
  return best;
}
