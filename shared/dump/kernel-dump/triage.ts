import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView, type RecordOf } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import type { KernelHeader } from "./header.ts";
import { TRIAGE_DUMP32, TRIAGE_DUMP64, TRIAGE_END_MARKER } from "./triage-format.ts";

/** A triage dump's own header: the same fields in both widths. */
export interface TriageHeader {
  readonly record: RecordOf<typeof TRIAGE_DUMP64>;
  readonly pointerSize: 4 | 8;
  /** File offset of the record, and its size in bytes. */
  readonly offset: number;
  readonly size: number;
}

/**
 * Reads TRIAGE_DUMP behind the header and checks its end marker.
 * @throws FormatError `format.truncated` when the file ends before triageHeaderEnd
 */
export function readTriageHeader(bytes: FetchedBytes, header: KernelHeader, notes: Notes): TriageHeader {
  const layout = header.pointerSize === 8 ? TRIAGE_DUMP64 : TRIAGE_DUMP32;
  const record = layout.from(bytes.bytes(header.size, layout.size));
  const triage: TriageHeader = { record, pointerSize: header.pointerSize, offset: header.size, size: layout.size };
  planTriage(bytes, triage);
  const marker = bytes.upTo(record.ValidOffset, 4);
  if (marker.length < 4 || dataView(marker).getUint32(0, true) !== TRIAGE_END_MARKER) {
    notes.add("kernel.no-end-marker", "triage", "the marker TRGD is not at ValidOffset: the file is cut or damaged");
  }
  return triage;
}

/** File offset behind the TRIAGE_DUMP header: a file that ends before it has no more than the dump header. */
export function triageHeaderEnd(header: KernelHeader): number {
  return header.size + (header.pointerSize === 8 ? TRIAGE_DUMP64 : TRIAGE_DUMP32).size;
}

/** Most bytes that one part of the plan asks for. */
const MAX_PLANNED_BYTES = 1024 * 1024;

/**
 * Asks for all parts that this reader looks at in one round; files up to 4 MiB are there already.
 * Data blocks themselves are left to whoever reads memory.
 */
function planTriage(bytes: FetchedBytes, { record }: TriageHeader): void {
  const until = (offset: number, size: number) => ({
    start: offset,
    end: offset === 0 ? 0 : offset + Math.min(size, MAX_PLANNED_BYTES),
  });
  bytes.plan([
    until(record.PrcbOffset, 0xc000),
    until(record.ProcessOffset, 0x1000),
    until(record.ThreadOffset, 0x1000),
    until(record.UnloadedDriversOffset, 0x1000),
    until(record.DebuggerDataOffset, 0x1000),
    until(record.DriverListOffset, record.DriverCount * 0x90),
    until(record.StringPoolOffset, record.StringPoolSize),
    until(record.DataBlocksOffset, record.DataBlocksCount * 16),
    until(record.ValidOffset, 4),
  ]);
}

/** Copies of kernel records that are no longer than this: PRCBs reach 0xC000. */
const MAX_COPY_BYTES = 0x20000;

/**
 * Bytes of a record copied to `offset`: the size that KDBG gives, cut at the next part and at the end
 * of the file. Without KDBG the next part alone bounds it.
 */
export function copyExtent(
  bytes: FetchedBytes,
  triage: TriageHeader,
  offset: number,
  known: number | undefined,
): number {
  if (offset === 0 || offset >= bytes.size) return 0;
  const { record } = triage;
  const starts = [
    record.MmOffset,
    record.UnloadedDriversOffset,
    record.PrcbOffset,
    record.ProcessOffset,
    record.ThreadOffset,
    record.CallStackOffset,
    record.DriverListOffset,
    record.StringPoolOffset,
    record.DataPageOffset,
    record.DebuggerDataOffset,
    record.DataBlocksOffset,
    record.ValidOffset,
  ].filter((start) => start > offset);
  return Math.min(known ?? MAX_COPY_BYTES, bytes.size - offset, MAX_COPY_BYTES, ...starts.map((s) => s - offset));
}

/** The copy of a kernel record, or undefined when there is none. */
export function copyOf(
  bytes: FetchedBytes,
  triage: TriageHeader,
  offset: number,
  known: number | undefined,
): Uint8Array | undefined {
  const size = copyExtent(bytes, triage, offset, known);
  return size > 0 ? bytes.bytes(offset, size) : undefined;
}
