import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { FormatError } from "../../../bytes/errors.ts";
import { dataView, u64AsNumber } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import { RDMP_DUMP } from "../format.ts";
import type { KernelHeader } from "../header.ts";
import { isPlausibleRun, memoryOfRuns, overlaps, PAGE_SIZE, type PageRun } from "./page-runs.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const WHERE = "pages/ranges";
/** Signature `RDMP`, behind a marker of four bytes. */
export const RDMP = 0x504d4452;
/** Bytes of a range: number of its first page, then of pages. */
const RANGE_BYTES = 16;
/** Most ranges that are read: 4 MiB of list; a list twice the pages of memory's fragments is damage. */
const MAX_RANGES = 262_144;
/** DumpType 0xA alone counts its ranges and pages in the header. */
const COMPLETE_MEMORY = 10;

/**
 * RDMP dumps (types 8, 9, 0xA): ranges of pages, stored in the order of the list. Types 8 and 9 end the list
 * with a range that starts at page 0; 0xA says how many pages there are in all.
 * @throws FormatError without the RDMP header
 */
export function readRangePages(bytes: FetchedBytes, header: KernelHeader, notes: Notes): PhysicalMemory {
  const record = RDMP_DUMP.from(bytes.upTo(header.size, RDMP_DUMP.size));
  const start = header.size + RDMP_DUMP.size;
  if (record.Signature !== RDMP) {
    throw new FormatError("format.bad-signature", "no list of ranges stands behind the header", {
      offset: header.size,
    });
  }
  const firstPage = record.FirstPageOffset;
  if (!(firstPage >= start) || !Number.isSafeInteger(firstPage)) {
    throw new FormatError("format.bad-value", "the list of ranges does not say where the pages start", {
      offset: header.size + RDMP_DUMP.offsetOf("FirstPageOffset"),
    });
  }
  const fit = Math.floor((Math.min(firstPage, bytes.size) - start) / RANGE_BYTES);
  if (fit > MAX_RANGES) notes.add("format.limit-exceeded", WHERE, `only ${MAX_RANGES} of up to ${fit} ranges are read`);
  const length = Math.min(fit, MAX_RANGES) * RANGE_BYTES;
  const total = header.record.DumpType === COMPLETE_MEMORY ? record.TotalNumberOfPages : undefined;
  const runs = readRanges(bytes.bytes(start, Math.max(0, length)), firstPage, total, notes);
  if (runs.length === 0) throw new FormatError("format.bad-value", "the list of ranges is empty", { offset: start });
  if (overlaps(runs)) notes.add("format.bad-value", WHERE, "ranges overlap");
  return memoryOfRuns(runs, firstPage, bytes.size);
}

function readRanges(list: Uint8Array, firstPage: number, total: number | undefined, notes: Notes): PageRun[] {
  const view = dataView(list);
  const runs: PageRun[] = [];
  let pages = 0;
  for (let at = 0; at + RANGE_BYTES <= list.length; at += RANGE_BYTES) {
    const page = u64AsNumber.read(view, at);
    const count = u64AsNumber.read(view, at + 8);
    if (total === undefined ? page === 0 : pages >= total) break;
    if (!isPlausibleRun(page, count)) {
      notes.add("format.bad-value", WHERE, `range ${runs.length} cannot exist, the list ends there`);
      break;
    }
    runs.push({ page, count, offset: firstPage + pages * PAGE_SIZE });
    pages += count;
  }
  return runs;
}
