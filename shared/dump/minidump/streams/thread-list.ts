import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import type { RecordOf } from "../../../bytes/layout.ts";
import type { ByteRange } from "../../../bytes/range.ts";
import type { Notes } from "../../../notes.ts";
import type { CpuArch } from "../../address.ts";
import { MAX_CONTEXT_BYTES, readContext } from "../../context/context.ts";
import type { CpuContext } from "../../cpu-context.ts";
import { MINIDUMP_THREAD } from "../format.ts";
import { readList } from "../list.ts";

/** Most threads that are read. */
export const MAX_THREADS = 16_384;

/** One entry of ThreadListStream. */
export type RawThread = RecordOf<typeof MINIDUMP_THREAD>;

/** Reads the entries of ThreadListStream in its order. */
export function readThreadList(body: Uint8Array, notes: Notes): RawThread[] {
  return readList(body, MINIDUMP_THREAD, MAX_THREADS, notes, "ThreadListStream");
}

/** The bytes of a context that are looked at: what lies behind the largest layout is XSTATE. */
export function contextRange(location: { readonly DataSize: number; readonly Rva: number }): ByteRange {
  return { start: location.Rva, end: location.Rva + Math.min(location.DataSize, MAX_CONTEXT_BYTES) };
}

/** Reads a context; undefined, with a note, when it leaves the file or is none of this CPU. */
export function readContextAt(
  bytes: FetchedBytes,
  location: { readonly DataSize: number; readonly Rva: number },
  cpu: CpuArch,
  notes: Notes,
  where: string,
): CpuContext | undefined {
  if (location.DataSize === 0) return undefined;
  if (location.Rva + location.DataSize > bytes.size) {
    notes.add("format.truncated", where, "a thread's context lies outside of the file");
    return undefined;
  }
  const { start, end } = contextRange(location);
  const context = readContext(cpu, bytes.bytes(start, end - start));
  if (!context) notes.add("minidump.bad-context", where, `a context of ${location.DataSize} bytes is none of ${cpu}`);
  return context;
}
