import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { at, struct, u8, u32 } from "../../bytes/layout.ts";
import type { DumpSection } from "../dump.ts";

/**
 * The firmware's tables (SMBIOS) that kernels put into the secondary data of a dump: who made the machine, as far
 * as it tells a virtual one. Serial numbers and identities of the machine stand there too and are never read out.
 */

/** The secondary data that holds them, by its tag. */
const SMBIOS_BLOB = "blob bc5c008f-1e3a-44d7-988d-86f6884c6758";
/** Tables of real machines stay below; structures are short and few. */
const MAX_BYTES = 16 * 1024;
const MAX_STRUCTURES = 128;
/** System information: https://www.dmtf.org/standards/smbios */
const SYSTEM_INFORMATION = 1;

const RawSMBIOSData = struct("RawSMBIOSData", 8, {
  SMBIOSMajorVersion: at(1, u8),
  SMBIOSMinorVersion: at(2, u8),
  Length: at(4, u32),
});

const SYSTEM_INFORMATION_HEAD = struct("SMBIOS System Information", 6, {
  Type: at(0, u8),
  Length: at(1, u8),
  Manufacturer: at(4, u8),
  ProductName: at(5, u8),
});

/** What debuggers call the machines that hypervisors make, by manufacturer and product. */
const MACHINES: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  [/virtualbox/i, "VirtualBox"],
  [/vmware/i, "VMware"],
  [/^microsoft corporation\n.*virtual machine/i, "HyperV"],
];

/** The kind of virtual machine that the firmware's tables tell; undefined for real ones and without tables. */
export function virtualMachine(bytes: FetchedBytes, sections: readonly DumpSection[]): string | undefined {
  const section = sections.find(({ name }) => name === SMBIOS_BLOB);
  const table = section && bytes.upTo(section.offset, Math.min(section.size, MAX_BYTES));
  const maker = table && systemMaker(table);
  return maker === undefined ? undefined : MACHINES.find(([pattern]) => pattern.test(maker))?.[1];
}

/** Manufacturer and product of the system, a line each. */
function systemMaker(table: Uint8Array): string | undefined {
  if (table.length < RawSMBIOSData.size) return undefined;
  const end = Math.min(table.length, RawSMBIOSData.size + RawSMBIOSData.from(table).Length);
  let start: number = RawSMBIOSData.size;
  for (let index = 0; index < MAX_STRUCTURES && start + SYSTEM_INFORMATION_HEAD.size <= end; index++) {
    const head = SYSTEM_INFORMATION_HEAD.from(table.subarray(start));
    if (head.Length < 4) return undefined;
    const strings = stringsAt(table, start + head.Length, end);
    if (head.Type === SYSTEM_INFORMATION)
      return `${strings.values[head.Manufacturer - 1] ?? ""}\n${strings.values[head.ProductName - 1] ?? ""}`;
    start = strings.end;
  }
  return undefined;
}

/** The texts behind a structure, and where the next one starts: an empty text ends them. */
function stringsAt(table: Uint8Array, start: number, end: number): { readonly values: string[]; readonly end: number } {
  const values: string[] = [];
  let at = start;
  while (at < end) {
    const zero = table.indexOf(0, at);
    const stop = zero === -1 || zero > end ? end : zero;
    if (stop === at) return { values, end: at + (values.length === 0 ? 2 : 1) };
    values.push(String.fromCharCode(...table.subarray(at, Math.min(stop, at + 64))));
    at = stop + 1;
  }
  return { values, end };
}
