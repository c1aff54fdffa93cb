import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { at, struct, u32, u64 } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import { va64 } from "../address.ts";
import type { DumpSection } from "../dump.ts";
import { readEntries } from "./list.ts";

/**
 * How the crashed process' address space was laid out, as far as a minidump says: MemoryInfoListStream of
 * Windows, /proc/self/maps in LinuxMaps. Read on demand: the lists of large processes are long.
 */

/** A run of addresses with one protection. */
export interface MemoryRegion {
  readonly start: bigint;
  /** First address behind it. */
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  /** The system's own mark: the first access raises an exception. */
  readonly guard: boolean;
}

/** https://learn.microsoft.com/windows/win32/api/minidumpapiset/ns-minidumpapiset-minidump_memory_info */
const MINIDUMP_MEMORY_INFO = struct("MINIDUMP_MEMORY_INFO", 0x30, {
  BaseAddress: at(0x00, va64),
  RegionSize: at(0x18, u64),
  State: at(0x20, u32),
  Protect: at(0x24, u32),
});

/** Head of MemoryInfoListStream: its count has 64 bits. */
const MINIDUMP_MEMORY_INFO_LIST = struct("MINIDUMP_MEMORY_INFO_LIST", 0x10, {
  SizeOfHeader: at(0x0, u32),
  SizeOfEntry: at(0x4, u32),
  NumberOfEntries: at(0x8, u64),
});

const MEM_COMMIT = 0x1000;
const READABLE = 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80;
const WRITABLE = 0x04 | 0x08 | 0x40 | 0x80;
const EXECUTABLE = 0x10 | 0x20 | 0x40 | 0x80;
const PAGE_GUARD = 0x100;

/** Most bytes of either stream that are read: some 40,000 regions. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_REGIONS = 65_536;

/**
 * Regions in ascending order, without those that only are reserved or free; empty where the dump does not say.
 * @param sections streams of the dump
 */
export function readMemoryRegions(bytes: FetchedBytes, sections: readonly DumpSection[], notes: Notes): MemoryRegion[] {
  const windows = sections.find(({ name }) => name === "MemoryInfoListStream");
  const linux = sections.find(({ name }) => name === "LinuxMaps");
  const section = windows ?? linux;
  if (!section) return [];
  const body = bytes.upTo(section.offset, Math.min(section.size, MAX_BYTES));
  const regions = section === windows ? infoRegions(body, notes) : mapsRegions(body);
  return regions.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

function infoRegions(body: Uint8Array, notes: Notes): MemoryRegion[] {
  if (body.length < MINIDUMP_MEMORY_INFO_LIST.size) return [];
  const { SizeOfHeader, SizeOfEntry, NumberOfEntries } = MINIDUMP_MEMORY_INFO_LIST.from(body);
  if (SizeOfHeader < MINIDUMP_MEMORY_INFO_LIST.size || SizeOfEntry < MINIDUMP_MEMORY_INFO.size) return [];
  const promised = Number(NumberOfEntries);
  const where = "MemoryInfoListStream";
  return readEntries(body, SizeOfHeader, MINIDUMP_MEMORY_INFO, SizeOfEntry, promised, MAX_REGIONS, notes, where)
    .filter(({ State, RegionSize }) => State === MEM_COMMIT && RegionSize > 0n)
    .map(({ BaseAddress, RegionSize, Protect }) => {
      const guard = (Protect & PAGE_GUARD) !== 0;
      return {
        start: BaseAddress,
        end: BaseAddress + RegionSize,
        readable: (Protect & READABLE) !== 0 && !guard,
        writable: (Protect & WRITABLE) !== 0 && !guard,
        executable: (Protect & EXECUTABLE) !== 0 && !guard,
        guard,
      };
    });
}

/** `00400000-00401000 r-xp …`, one a line. */
function mapsRegions(body: Uint8Array): MemoryRegion[] {
  const regions: MemoryRegion[] = [];
  for (const line of new TextDecoder("latin1").decode(body).split("\n", MAX_REGIONS)) {
    const [, from, to, access = ""] = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-])/.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const start = BigInt(`0x${from}`);
    const end = BigInt(`0x${to}`);
    if (end <= start) continue;
    regions.push({
      start,
      end,
      readable: access[0] === "r",
      writable: access[1] === "w",
      executable: access[2] === "x",
      guard: false,
    });
  }
  return regions;
}

/** The region that holds an address. */
export function regionAt(regions: readonly MemoryRegion[], address: bigint): MemoryRegion | undefined {
  let low = 0;
  let high = regions.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const region = regions[middle] as MemoryRegion;
    if (address < region.start) high = middle - 1;
    else if (address >= region.end) low = middle + 1;
    else return region;
  }
  return undefined;
}
