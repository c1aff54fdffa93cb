import { FormatError } from "../../../bytes/errors.ts";
import { dataView } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import type { VirtualAddress } from "../../address.ts";
import type { MemorySegment } from "../../memory.ts";
import { MINIDUMP_MEMORY_DESCRIPTOR, MINIDUMP_MEMORY_DESCRIPTOR64, MINIDUMP_MEMORY64_LIST } from "../format.ts";
import { readList } from "../list.ts";
import type { RawThread } from "./thread-list.ts";

/**
 * Most runs of memory that are read. Linux allows a process 65,530 mappings; a full dump of a large
 * browser has some 30,000. Each costs 0.5 KB here while they are sorted.
 */
export const MAX_MEMORY_RANGES = 1 << 17;

/** Reads MemoryListStream; runs without bytes in the file are left out. */
export function readMemoryList(body: Uint8Array, notes: Notes): MemorySegment[] {
  return readList(body, MINIDUMP_MEMORY_DESCRIPTOR, MAX_MEMORY_RANGES, notes, "MemoryListStream")
    .filter(({ Rva, DataSize }) => Rva !== 0 && DataSize !== 0)
    .map(({ StartOfMemoryRange, DataSize, Rva }) => clamp(StartOfMemoryRange, DataSize, Rva));
}

/**
 * Reads Memory64ListStream: the bytes of all runs stand in a row from BaseRva on, beyond 4 GiB too.
 * @throws FormatError when its head or a sum of sizes is no file offset
 */
export function readMemory64List(body: Uint8Array, notes: Notes): MemorySegment[] {
  const where = "Memory64ListStream";
  const head = MINIDUMP_MEMORY64_LIST.from(body);
  const size = MINIDUMP_MEMORY_DESCRIPTOR64.size;
  const room = Math.max(0, Math.floor((body.length - MINIDUMP_MEMORY64_LIST.size) / size));
  const count = Math.min(head.NumberOfMemoryRanges, room, MAX_MEMORY_RANGES);
  if (count < head.NumberOfMemoryRanges) {
    const code = room < MAX_MEMORY_RANGES ? "format.truncated" : "limit.entries";
    notes.add(code, where, `${head.NumberOfMemoryRanges} entries are promised, ${count} are read`);
  }
  // A plain loop: full-memory dumps have hundreds of thousands of runs.
  const view = dataView(body);
  const segments: MemorySegment[] = [];
  let offset = head.BaseRva;
  for (let index = 0; index < count; index++) {
    const at = MINIDUMP_MEMORY64_LIST.size + index * size;
    const length = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
    if (!Number.isSafeInteger(offset + length)) {
      throw new FormatError("format.bad-value", "a run of memory lies beyond any file", { offset: index });
    }
    segments.push(clamp(view.getBigUint64(at, true) as VirtualAddress, length, offset));
    offset += length;
  }
  return segments;
}

/** The memory of threads' stacks, which writers may leave out of the memory list. */
export function stackSegments(threads: readonly RawThread[]): MemorySegment[] {
  return threads
    .map(({ Stack }) => Stack)
    .filter(({ Rva, DataSize }) => Rva !== 0 && DataSize !== 0)
    .map(({ StartOfMemoryRange, DataSize, Rva }) => clamp(StartOfMemoryRange, DataSize, Rva));
}

/** Cuts a run at the end of the address space. */
function clamp(address: VirtualAddress, size: number, offset: number): MemorySegment {
  const room = 2n ** 64n - address;
  return { address, size: BigInt(size) > room ? Number(room) : size, offset };
}
