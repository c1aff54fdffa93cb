import { ByteWriter } from "./byte-writer.ts";
import { kernelHeader, type SynthKernelHeader, type SynthRun } from "./kernel-header.ts";

/**
 * Kernel dumps that carry physical pages: full, summary (narrow bitmap), wide bitmap and RDMP. A page is
 * named by its number; pages without given bytes are zero.
 */

const PAGE = 0x1000;

/** Content of some physical pages by page number, each 4096 bytes. */
export type SynthPages = ReadonlyMap<number, Uint8Array>;

/** DumpType 1: the runs of the header, page by page. `keepPages` cuts the file after so many. */
export function synthFullDump(header: SynthKernelHeader, pages: SynthPages, keepPages?: number): Uint8Array {
  const numbers = (header.runs ?? []).flatMap(pageNumbers).slice(0, keepPages);
  const w = new ByteWriter().bytes(kernelHeader(header));
  for (const number of numbers) w.bytes(pages.get(number) ?? new Uint8Array(PAGE));
  return w.finish();
}

/** DumpType 5 and 6: `FDMP` or `SDMP` with the wide bitmap header. `totalPages` is the number of bits. */
export function synthBitmapDump(
  header: SynthKernelHeader,
  signature: "FDMP" | "SDMP",
  pages: SynthPages,
  totalPages: number,
): Uint8Array {
  const w = new ByteWriter().bytes(kernelHeader(header));
  const start = w.length;
  const bitmapBytes = Math.ceil(totalPages / 8);
  const firstPage = Math.ceil((start + 0x38 + bitmapBytes) / PAGE) * PAGE;
  w.ascii(signature).ascii("DUMP").u32(0);
  w.to(start + 0x20).u64(firstPage);
  w.u64(pages.size).u64(totalPages).bytes(bitmap(pages, totalPages));
  w.to(firstPage);
  writePages(w, pages);
  return w.finish();
}

/** DumpType 2: `SDMP` with the narrow bitmap header of systems before Windows 8. */
export function synthSummaryDump(header: SynthKernelHeader, pages: SynthPages, totalPages: number): Uint8Array {
  const wide = header.bits === 64;
  const w = new ByteWriter().bytes(kernelHeader(header));
  const start = w.length;
  const bitmapBytes = Math.ceil(totalPages / 32) * 4;
  const firstPage = Math.ceil((start + 0x28 + bitmapBytes) / PAGE) * PAGE;
  w.ascii("SDMP").ascii("DUMP").u32(0).u32(firstPage);
  w.u32(totalPages).u32(pages.size).u32(totalPages);
  if (wide) w.u32(0).u64(0xfffffa8000000000n);
  else w.u32(0x81f00000);
  w.bytes(bitmap(pages, totalPages));
  w.to(firstPage);
  writePages(w, pages);
  return w.finish();
}

/** DumpType 8, 9 and 0xA: RDMP with ranges of pages. */
export function synthRangeDump(
  header: SynthKernelHeader,
  ranges: readonly SynthRun[],
  pages: SynthPages = new Map(),
): Uint8Array {
  const w = new ByteWriter().bytes(kernelHeader(header));
  const start = w.length;
  const metadata = 0x30 + (ranges.length + 1) * 16;
  const firstPage = Math.ceil((start + metadata) / PAGE) * PAGE;
  const total = ranges.reduce((sum, run) => sum + run.pageCount, 0);
  w.u32(0x40).ascii("RDMP").ascii("DUMP").u32(0);
  // The two sizes agree: MetadataSize - 0x20 == FirstPageOffset - 0x2040.
  w.u64(firstPage - 0x2020).u64(firstPage);
  if (header.dumpType === 0xa) w.u32(ranges.length).u32(0).u64(total);
  else w.u64(0).u64(0);
  for (const { basePage, pageCount } of ranges) w.u64(basePage).u64(pageCount);
  w.to(firstPage);
  for (const number of ranges.flatMap(pageNumbers)) w.bytes(pages.get(number) ?? new Uint8Array(PAGE));
  return w.finish();
}

/** DumpType 3: nothing behind the header. */
export function synthHeaderDump(header: SynthKernelHeader): Uint8Array {
  return kernelHeader(header);
}

function bitmap(pages: SynthPages, totalPages: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(totalPages / 8));
  for (const number of pages.keys()) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
  return bits;
}

function writePages(w: ByteWriter, pages: SynthPages): void {
  for (const number of [...pages.keys()].sort((a, b) => a - b)) w.bytes(pages.get(number) ?? new Uint8Array(PAGE));
}

function pageNumbers(run: SynthRun): number[] {
  return Array.from({ length: run.pageCount }, (_, i) => run.basePage + i);
}
