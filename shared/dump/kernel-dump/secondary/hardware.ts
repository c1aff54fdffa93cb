import { at, rawBytes, struct, u8, u16, u32 } from "../../../bytes/layout.ts";
import type { AcpiTable, PciFunction } from "../../secondary-data.ts";
import { asciiText } from "../fill.ts";

/** What the secondary data say of the machine's parts: processor, ACPI tables, PCI devices. Seen in four real dumps. */

/** Bytes of each that are read; those seen have at most 10 KiB. */
export const MAX_HARDWARE_BYTES = 64 * 1024;
/** Most entries of a list that are given. */
const MAX_ENTRIES = 256;

/** One register of the processor: a CPUID leaf or an MSR, as two ways of reading have found it. */
const PROCESSOR_REGISTER = struct("PROCESSOR_REGISTER", 0x28, {
  /** 0: CPUID, 1: MSR. */
  Kind: at(0, u32),
  Number: at(4, u32),
  /** EAX to EDX of a leaf. */
  Value: at(8, rawBytes(16)),
});

/** CPUID leaves that hold the processor's name, sixteen characters each. */
const NAME_LEAVES = [0x80000002, 0x80000003, 0x80000004];

const ACPI_HEAD = struct("ACPI DESCRIPTION_HEADER, head", 8, {
  Signature: at(0x00, rawBytes(4)),
  /** Of the whole table. */
  Length: at(0x04, u32),
});
const ACPI_IDS = struct("ACPI DESCRIPTION_HEADER, ids", 0x18, {
  OEMID: at(0x0a, rawBytes(6)),
  OEMTableID: at(0x10, rawBytes(8)),
});
/** Bytes that are left of a table: part of its header, the header, some of its body. */
const ACPI_CUTS = [0x0c, 0x24, 0x44, 0x60];
const MAX_ACPI_LENGTH = 1024 * 1024;

/** A PCI function as the bus driver has recorded it: its own facts, then the head of the configuration space. */
const PCI_RECORD = struct("PCI_CFG_RECORD", 0x7c, {
  Signature: at(0x00, rawBytes(4)),
  Size: at(0x04, u32),
  /** Three bits of function, five of device. */
  DeviceFunction: at(0x0c, u8),
  Bus: at(0x0d, u8),
  VendorID: at(0x3c, u16),
  DeviceID: at(0x3e, u16),
  RevisionAndClass: at(0x44, u32),
});

/** The processor's name by CPUID; undefined where its leaves are not all there. */
export function readProcessorName(data: Uint8Array): string | undefined {
  const parts = new Map<number, string>();
  for (let start = 0; start + PROCESSOR_REGISTER.size <= data.length; start += PROCESSOR_REGISTER.size) {
    const { Kind, Number: leaf, Value } = PROCESSOR_REGISTER.from(data.subarray(start));
    if (Kind === 0 && NAME_LEAVES.includes(leaf)) parts.set(leaf, String.fromCharCode(...Value));
  }
  const text = NAME_LEAVES.map((leaf) => parts.get(leaf)).join("");
  const name = asciiText(Uint8Array.from(text, (letter) => letter.charCodeAt(0))).replace(/\s+/g, " ");
  return parts.size === NAME_LEAVES.length && /^[\x20-\x7e]*\w[\x20-\x7e]*$/.test(name) ? name : undefined;
}

/**
 * Headers of the ACPI tables, which stand one behind the other. Long ones are cut off, and how far differs: the next
 * table begins at the first of the usual places where one can. Damage ends the list.
 */
export function readAcpiTables(data: Uint8Array): AcpiTable[] {
  const tables: AcpiTable[] = [];
  let start = 0;
  while (tables.length < MAX_ENTRIES) {
    const head = acpiHead(data, start);
    if (!head) break;
    const here = start;
    const sizes = [head.Length, ...ACPI_CUTS.filter((size) => size < head.Length)];
    const size = sizes.find((one) => here + one === data.length || acpiHead(data, here + one) !== undefined);
    const end = size === undefined ? data.length : here + size;
    const ids = end - here >= ACPI_IDS.size ? ACPI_IDS.from(data.subarray(here)) : undefined;
    tables.push({
      signature: asciiText(head.Signature),
      ...(ids ? { oemId: asciiText(ids.OEMID), oemTable: asciiText(ids.OEMTableID) } : {}),
    });
    if (size === undefined) break;
    start = end;
  }
  return tables;
}

/** The head of a table, where one can begin. */
function acpiHead(data: Uint8Array, start: number): { Signature: Uint8Array; Length: number } | undefined {
  if (start + ACPI_HEAD.size > data.length) return undefined;
  const head = ACPI_HEAD.from(data.subarray(start));
  const plausible = head.Length >= 0x24 && head.Length <= MAX_ACPI_LENGTH;
  return plausible && /^[A-Z0-9_]{4}$/.test(asciiText(head.Signature)) ? head : undefined;
}

/** The PCI functions; damage ends the list. Those that did not answer any more (all ones) are given as well. */
export function readPciFunctions(data: Uint8Array): PciFunction[] {
  const functions: PciFunction[] = [];
  let start = 0;
  while (start + PCI_RECORD.size <= data.length && functions.length < MAX_ENTRIES) {
    const record = PCI_RECORD.from(data.subarray(start));
    if (record.Size < PCI_RECORD.size || asciiText(record.Signature) !== "PCfg") break;
    functions.push({
      bus: record.Bus,
      device: record.DeviceFunction >> 3,
      function: record.DeviceFunction & 7,
      vendorId: record.VendorID,
      deviceId: record.DeviceID,
      classCode: record.RevisionAndClass >>> 8,
      revision: record.RevisionAndClass & 0xff,
    });
    start += record.Size;
  }
  return functions;
}
