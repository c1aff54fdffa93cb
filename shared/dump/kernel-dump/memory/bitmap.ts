import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { FormatError } from "../../../bytes/errors.ts";
import { dataView } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import { BITMAP_DUMP, SUMMARY_DUMP, VALID_DUMP32 } from "../format.ts";
import type { KernelHeader } from "../header.ts";
import { countText, PAGE_SIZE, placeInFile } from "./page-runs.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const WHERE = "pages/bitmap";
/** Signature `SDMP`: a bitmap of the kernel's pages. */
export const SDMP = 0x504d4453;
/** Signature `FDMP`: a bitmap of all pages. */
export const FDMP = 0x504d4446;
/** DumpType 2 has the narrow form. */
const SUMMARY_TYPE = 2;
/** Bits per entry of the rank index: 2 MiB of bitmap (64 GiB of memory) take 128 KiB of index. */
const CHUNK_BITS = 512;
const CHUNK_BYTES = CHUNK_BITS / 8;
/** Largest bitmap that is read: 48 MiB stand for 1.5 TiB of memory, and it counts against the memory of an analysis. */
const MAX_BITMAP_BYTES = 48 * 1024 * 1024;

/** Where a bitmap and its pages are. */
interface BitmapPlace {
  /** File offset of the first byte of the bitmap. */
  readonly start: number;
  /** Bits that the header states; Infinity where it is beyond 2^53. */
  readonly bits: number;
  /** Set bits that the header states. */
  readonly stored: number;
  /** File offset of the first page. */
  readonly firstPage: number;
}

/**
 * Bitmap dumps: bit n says that page n is stored, and pages follow each other in the order of their numbers,
 * so a page's place is the count of set bits before its own. The bitmap comes in one round.
 * @throws FormatError without a bitmap header or with one too large
 */
export function readBitmapPages(bytes: FetchedBytes, header: KernelHeader, notes: Notes): PhysicalMemory {
  const place = bitmapPlace(bytes, header);
  const room = Math.max(0, Math.min(place.firstPage, bytes.size) - place.start) * 8;
  if (place.bits > room) {
    notes.add(
      "format.bad-value",
      WHERE,
      `the header states ${countText(place.bits)} pages, the file has bits for ${room}`,
    );
  }
  const bits = Math.min(place.bits, room);
  const length = Math.ceil(bits / 8);
  if (length > MAX_BITMAP_BYTES) {
    throw new FormatError("format.limit-exceeded", `the bitmap has ${length} bytes`, { expected: MAX_BITMAP_BYTES });
  }
  bytes.plan([{ start: place.start, end: place.start + length }]);
  const map = bytes.bytes(place.start, length);
  const { ranks, count } = rankIndex(map, bits);
  if (count !== place.stored) {
    notes.add(
      "format.bad-value",
      WHERE,
      `${count} pages are marked as stored, the header says ${countText(place.stored)}`,
    );
  }
  return {
    pageLimit: bits,
    storedPages: count,
    firstPage: place.firstPage,
    end: place.firstPage + count * PAGE_SIZE,
    locate: (page) => {
      if (!(page >= 0 && page < bits) || (((map[page >>> 3] as number) >>> (page & 7)) & 1) === 0) {
        return { hole: "not-in-dump" };
      }
      return placeInFile(place.firstPage + rank(map, ranks, page) * PAGE_SIZE, bytes.size);
    },
  };
}

function bitmapPlace(bytes: FetchedBytes, header: KernelHeader): BitmapPlace {
  const head = bytes.upTo(header.size, BITMAP_DUMP.size);
  const wide = BITMAP_DUMP.from(head);
  if ((wide.Signature !== SDMP && wide.Signature !== FDMP) || wide.ValidDump !== VALID_DUMP32) {
    throw new FormatError("format.bad-signature", "no bitmap stands behind the header", { offset: header.size });
  }
  const narrow = SUMMARY_DUMP.from(head);
  const places: BitmapPlace[] = [
    {
      start: header.size + BITMAP_DUMP.size,
      bits: wide.Pages,
      stored: wide.TotalPresentPages,
      firstPage: wide.FirstPage,
    },
    {
      start: header.size + (header.pointerSize === 8 ? 0x28 : 0x20),
      bits: narrow.BitmapSize,
      stored: narrow.Pages,
      firstPage: narrow.HeaderSize,
    },
  ];
  if (header.record.DumpType === SUMMARY_TYPE) places.reverse();
  // What one form has where the other has the offset of the first page is nothing, fill, or a pointer.
  const place = places.find(fits) ?? places.find(hasFirstPage);
  if (place) return place;
  throw new FormatError("format.bad-value", "the bitmap's header does not say where the pages start", {
    offset: header.size + BITMAP_DUMP.offsetOf("FirstPage"),
  });
}

function hasFirstPage({ start, firstPage }: BitmapPlace): boolean {
  return firstPage > start && firstPage % PAGE_SIZE === 0;
}

/** Whether a bitmap of that size stands before the first page. */
function fits(place: BitmapPlace): boolean {
  const { start, bits, firstPage } = place;
  return hasFirstPage(place) && bits > 0 && start + bits / 8 <= firstPage;
}

/** Set bits before each chunk, and in all; bits of the last byte behind `bits` do not count. */
function rankIndex(map: Uint8Array, bits: number): { ranks: Uint32Array; count: number } {
  const ranks = new Uint32Array(Math.ceil(bits / CHUNK_BITS));
  const view = dataView(map);
  const whole = Math.floor(bits / CHUNK_BITS);
  let count = 0;
  for (let chunk = 0; chunk < whole; chunk++) {
    ranks[chunk] = count;
    const start = chunk * CHUNK_BYTES;
    for (let at = start; at < start + CHUNK_BYTES; at += 4) count += popcount(view.getUint32(at, true));
  }
  if (whole < ranks.length) {
    ranks[whole] = count;
    for (let bit = whole * CHUNK_BITS; bit < bits; bit++) count += ((map[bit >>> 3] as number) >>> (bit & 7)) & 1;
  }
  return { ranks, count };
}

/** Set bits before bit `page`. */
function rank(map: Uint8Array, ranks: Uint32Array, page: number): number {
  const chunk = Math.floor(page / CHUNK_BITS);
  let count = ranks[chunk] as number;
  const last = page >>> 3;
  for (let at = chunk * CHUNK_BYTES; at < last; at++) count += popcount(map[at] as number);
  return count + popcount((map[last] as number) & ((1 << (page & 7)) - 1));
}

/** Set bits of a 32-bit word, counted in halves, quarters and so on side by side. */
function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
