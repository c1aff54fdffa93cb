import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import { type Memory, readExact, readPointer } from "../../memory.ts";

/** Where a process keeps the list of its images: 64-bit offsets, the same since Vista. */
export const USER_LOADER = {
  /** TEB.ProcessEnvironmentBlock. */
  tebPeb: 0x60,
  /** PEB.Ldr. */
  pebLdr: 0x18,
  /** PEB_LDR_DATA.InLoadOrderModuleList. */
  ldrList: 0x10,
  /** LDR_DATA_TABLE_ENTRY. */
  entry: { bytes: 0x90, base: 0x30, size: 0x40, name: 0x58, timestamp: 0x80 },
} as const;

/** Entries that are fetched ahead: the first ones are the program and the libraries that every stack ends in. */
const MAX_ENTRIES = 32;
/** Bytes of a base name. */
const MAX_NAME = 256;

/**
 * Work that fetches the list of a process' images ahead of the walk that will ask for it: four records in four places,
 * each of which leads to the next.
 * @param memory of the process
 */
export function loaderAhead(memory: Memory, teb: VirtualAddress): Task[] {
  const { tebPeb, pebLdr, ldrList } = USER_LOADER;
  return [
    () => {
      const peb = readPointer(memory, addOffset(teb, tebPeb), 8);
      const ldr = peb && readPointer(memory, addOffset(peb, pebLdr), 8);
      const first = ldr && readPointer(memory, addOffset(ldr, ldrList), 8);
      return first ? [entryAhead(memory, first, MAX_ENTRIES)] : [];
    },
  ];
}

function entryAhead(memory: Memory, at: VirtualAddress, left: number): Task {
  const { bytes, name } = USER_LOADER.entry;
  return () => {
    const record = left > 0 ? readExact(memory, at, bytes) : undefined;
    if (!record) return [];
    const view = dataView(record);
    const text = view.getBigUint64(name + 8, true) as VirtualAddress;
    const length = Math.min(view.getUint16(name, true), MAX_NAME);
    const named: Task = () => {
      memory.plan([{ address: text, length }]);
      return [];
    };
    return [named, entryAhead(memory, view.getBigUint64(0, true) as VirtualAddress, left - 1)];
  };
}
