import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView, u64AsNumber } from "../../bytes/layout.ts";
import type { DumpSection } from "../dump.ts";
import { unlessFill } from "./fill.ts";
import {
  BITMAP_DUMP,
  DUMP_SIGNATURE,
  PHYSICAL_MEMORY_DESCRIPTOR32,
  PHYSICAL_MEMORY_DESCRIPTOR64,
  RDMP_DUMP,
  SUMMARY_DUMP,
  VALID_DUMP32,
} from "./format.ts";
import type { KernelHeader } from "./header.ts";

/** Longest list of ranges that is added up: 16,384 ranges. */
const MAX_RANGE_BYTES = 256 * 1024;
/** Bytes of a page of physical memory. */
const PAGE = 0x1000;
/** `SDMP`, `FDMP` and `RDMP`. */
const SDMP = 0x504d4453;
const FDMP = 0x504d4446;
const RDMP = 0x504d4452;

/** What the headers say of the pages behind them. */
export interface PagePromise {
  readonly sections: readonly DumpSection[];
  /** Bytes that the file must have to hold all pages; undefined where no header says. */
  readonly end?: number;
}

/** Reads the header that stands before the pages of a dump with physical memory. */
export function readPagePromise(bytes: FetchedBytes, header: KernelHeader): PagePromise {
  switch (header.record.DumpType) {
    case 1:
      return fullPromise(header);
    case 2:
    case 5:
    case 6:
    case 7:
      return bitmapPromise(bytes, header);
    case 8:
    case 9:
    case 10:
      return rdmpPromise(bytes, header);
    default:
      return { sections: [] };
  }
}

function fullPromise({ record, pointerSize, size }: KernelHeader): PagePromise {
  const layout = pointerSize === 8 ? PHYSICAL_MEMORY_DESCRIPTOR64 : PHYSICAL_MEMORY_DESCRIPTOR32;
  const { NumberOfRuns, NumberOfPages } = layout.from(record.PhysicalMemoryBlock);
  const bytes = NumberOfPages * PAGE;
  const usable =
    unlessFill(NumberOfRuns) !== undefined && NumberOfPages !== DUMP_SIGNATURE && Number.isSafeInteger(bytes);
  return usable ? pages(size, bytes) : { sections: [] };
}

function bitmapPromise(bytes: FetchedBytes, { size }: KernelHeader): PagePromise {
  const start = bytes.upTo(size, BITMAP_DUMP.size);
  if (start.length < BITMAP_DUMP.size) return { sections: [] };
  const wide = BITMAP_DUMP.from(start);
  if ((wide.Signature !== SDMP && wide.Signature !== FDMP) || wide.ValidDump !== VALID_DUMP32) return { sections: [] };
  const narrow = SUMMARY_DUMP.from(start);
  // In the narrow form the first page's offset stands where the wide form has nothing.
  const isNarrow = narrow.HeaderSize > size && narrow.HeaderSize !== DUMP_SIGNATURE;
  const first = isNarrow ? narrow.HeaderSize : wide.FirstPage;
  const stored = isNarrow ? narrow.Pages : wide.TotalPresentPages;
  const head = { name: isNarrow ? "SUMMARY_DUMP" : "BITMAP_DUMP", offset: size, size: first - size };
  const length = stored * PAGE;
  if (!(first > size) || !Number.isSafeInteger(first + length)) return { sections: [] };
  const promise = pages(first, length);
  return { ...promise, sections: [head, ...promise.sections] };
}

function rdmpPromise(bytes: FetchedBytes, { size, record }: KernelHeader): PagePromise {
  const start = bytes.upTo(size, RDMP_DUMP.size);
  if (start.length < RDMP_DUMP.size) return { sections: [] };
  const { Signature, FirstPageOffset, NumberOfRanges, TotalNumberOfPages } = RDMP_DUMP.from(start);
  if (Signature !== RDMP || !(FirstPageOffset > size) || !Number.isSafeInteger(FirstPageOffset))
    return { sections: [] };
  const head = { name: "RDMP_DUMP", offset: size, size: FirstPageOffset - size };
  const counted = record.DumpType === 10 && FirstPageOffset >= size + RDMP_DUMP.size + NumberOfRanges * 16;
  const stored = counted ? TotalNumberOfPages : rangePages(bytes, size + RDMP_DUMP.size, FirstPageOffset);
  const length = (stored ?? Number.NaN) * PAGE;
  if (!Number.isSafeInteger(FirstPageOffset + length)) return { sections: [head], end: FirstPageOffset };
  const promise = pages(FirstPageOffset, length);
  return { ...promise, sections: [head, ...promise.sections] };
}

/** Types 8 and 9 have no total: their ranges (first page, count) are added up to the one that starts at page 0. */
function rangePages(bytes: FetchedBytes, start: number, end: number): number | undefined {
  if (end - start > MAX_RANGE_BYTES || end > bytes.size) return undefined;
  const list = bytes.bytes(start, Math.max(0, end - start));
  const view = dataView(list);
  let total = 0;
  for (let offset = 0; offset + 16 <= list.length; offset += 16) {
    if (u64AsNumber.read(view, offset) === 0) break;
    total += u64AsNumber.read(view, offset + 8);
  }
  return total;
}

function pages(offset: number, size: number): PagePromise {
  return { sections: [{ name: "pages", offset, size }], end: offset + size };
}
