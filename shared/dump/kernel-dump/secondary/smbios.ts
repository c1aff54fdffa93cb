import { at, struct, u8, u32 } from "../../../bytes/layout.ts";
import type { DumpFirmware } from "../../secondary-data.ts";
import { asciiText } from "../fill.ts";

/**
 * The firmware's tables (SMBIOS) that kernels put into the secondary data of a dump: who made the machine and its
 * firmware. Serial numbers and identities of the machine stand there too and are never read out.
 * https://www.dmtf.org/standards/smbios
 */

/** Tables of real machines stay below; structures are short and few. */
export const MAX_SMBIOS_BYTES = 16 * 1024;
const MAX_STRUCTURES = 128;
const MAX_STRINGS = 64;
const MAX_TEXT = 64;

const RawSMBIOSData = struct("RawSMBIOSData", 8, {
  SMBIOSMajorVersion: at(1, u8),
  SMBIOSMinorVersion: at(2, u8),
  Length: at(4, u32),
});

const STRUCTURE_HEAD = struct("SMBIOS structure", 4, { Type: at(0, u8), Length: at(1, u8) });

/** Where the structures that are read say which of their texts is which: place of the text's number. */
const TEXTS: Readonly<Record<number, ReadonlyArray<readonly [place: number, field: keyof DumpFirmware]>>> = {
  // BIOS information
  0: [
    [4, "biosVendor"],
    [5, "biosVersion"],
    [8, "biosDate"],
  ],
  // System information
  1: [
    [4, "manufacturer"],
    [5, "product"],
  ],
  // Baseboard information
  2: [
    [4, "boardManufacturer"],
    [5, "boardProduct"],
  ],
};

/** What debuggers call the machines that hypervisors make, by manufacturer and product. */
const MACHINES: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  [/virtualbox/i, "VirtualBox"],
  [/vmware/i, "VMware"],
  [/^microsoft corporation\n.*virtual machine/i, "HyperV"],
];

/** The kind of virtual machine that the firmware's tables tell; undefined for real ones and without tables. */
export function virtualMachine(firmware: DumpFirmware | undefined): string | undefined {
  if (!firmware) return undefined;
  const maker = `${firmware.manufacturer ?? ""}\n${firmware.product ?? ""}`;
  return MACHINES.find(([pattern]) => pattern.test(maker))?.[1];
}

/**
 * Reads vendors and products out of the tables. The first structure of a kind counts; damage ends the walk and
 * leaves what was read before it. Undefined where nothing was.
 */
export function readFirmware(table: Uint8Array): DumpFirmware | undefined {
  if (table.length < RawSMBIOSData.size) return undefined;
  const end = Math.min(table.length, RawSMBIOSData.size + RawSMBIOSData.from(table).Length);
  const found: { -readonly [field in keyof DumpFirmware]: DumpFirmware[field] } = {};
  const seen = new Set<number>();
  let start: number = RawSMBIOSData.size;
  for (let index = 0; index < MAX_STRUCTURES && start + STRUCTURE_HEAD.size <= end; index++) {
    const head = STRUCTURE_HEAD.from(table.subarray(start));
    if (head.Length < STRUCTURE_HEAD.size || start + head.Length > end) break;
    const strings = stringsAt(table, start + head.Length, end);
    if (!seen.has(head.Type)) {
      for (const [place, field] of TEXTS[head.Type] ?? []) {
        const text = place < head.Length ? strings.values[(table[start + place] as number) - 1] : undefined;
        if (text) found[field] = text;
      }
    }
    seen.add(head.Type);
    start = strings.end;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

/** The texts behind a structure, and where the next one starts: an empty text ends them. */
function stringsAt(table: Uint8Array, start: number, end: number): { readonly values: string[]; readonly end: number } {
  const values: string[] = [];
  let at = start;
  while (at < end) {
    const zero = table.indexOf(0, at);
    const stop = zero === -1 || zero > end ? end : zero;
    if (stop === at) return { values, end: at + (values.length === 0 ? 2 : 1) };
    if (values.length < MAX_STRINGS) values.push(asciiText(table.subarray(at, Math.min(stop, at + MAX_TEXT))));
    at = stop + 1;
  }
  return { values, end };
}
