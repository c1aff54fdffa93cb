import { at, dataView, rawBytes, struct, u16, u32, u64 } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../../dump/address.ts";
import { addOffset } from "../../../dump/address.ts";
import type { StopScene } from "../stop-scene.ts";

/** WHEA_ERROR_RECORD: the hardware's own report, in the form of UEFI's Common Platform Error Record. */

const WHEA_ERROR_RECORD_HEADER = struct("WHEA_ERROR_RECORD_HEADER", 0x80, {
  Signature: at(0x00, u32),
  Revision: at(0x04, u16),
  SignatureEnd: at(0x06, u32),
  SectionCount: at(0x0a, u16),
  Severity: at(0x0c, u32),
  Length: at(0x14, u32),
  Timestamp: at(0x18, u64),
  CreatorId: at(0x40, rawBytes(16)),
  NotifyType: at(0x50, rawBytes(16)),
  RecordId: at(0x60, u64),
});

const WHEA_ERROR_RECORD_SECTION_DESCRIPTOR = struct("WHEA_ERROR_RECORD_SECTION_DESCRIPTOR", 0x48, {
  SectionOffset: at(0x00, u32),
  SectionLength: at(0x04, u32),
  SectionType: at(0x10, rawBytes(16)),
  SectionSeverity: at(0x30, u32),
});

/** WHEA_XPF_MCA_SECTION: what the machine-check bank of a PC's processor said. */
const WHEA_XPF_MCA_SECTION = struct("WHEA_XPF_MCA_SECTION", 0x48, {
  CpuVendor: at(0x04, u32),
  ProcessorNumber: at(0x10, u32),
  BankNumber: at(0x28, u32),
  Status: at(0x30, u64),
  Address: at(0x38, u64),
});

/** `CPER`. */
const SIGNATURE = 0x5245_5043;
/** Records are a few KiB; PCI Express ones up to 16. */
const MAX_RECORD = 0x8000;
const MAX_SECTIONS = 32;

const SECTIONS: Readonly<Record<string, string>> = {
  "9876ccad-47b4-4bdb-b65e-16f193c4f3db": "processor generic",
  "dc3ea0b0-a144-4797-b95b-53fa242b6e1d": "x86/x64 processor",
  "8a1e1d01-42f9-4557-9c33-565e5cc3f7e8": "machine check",
  "a5bc1114-6f64-4ede-b863-3e83ed7c83b1": "memory",
  "d995e954-bbc1-430f-ad91-b44dcb3c6f35": "PCI Express",
};
const SEVERITIES = ["recoverable", "fatal", "corrected", "informational"] as const;
const VENDORS: Readonly<Record<number, string>> = { 1: "GenuineIntel", 2: "AuthenticAMD" };

/** A decoded record. */
export interface WheaRecord {
  readonly severity: string;
  /** Kinds of its sections, in order; unknown ones by GUID. */
  readonly sections: readonly string[];
  readonly vendor?: string;
  readonly processor?: number;
  readonly bank?: number;
  /** MCi_STATUS. */
  readonly status?: bigint;
  readonly address?: bigint;
}

/** Bytes to plan for a record. */
export const WHEA_HEADER_BYTES = WHEA_ERROR_RECORD_HEADER.size;

/** Reads the record; undefined when it is not in the dump or does not carry its signature. */
export function readWheaRecord(scene: StopScene, address: VirtualAddress): WheaRecord | undefined {
  const head = scene.read(address, WHEA_ERROR_RECORD_HEADER.size);
  if (!head) return undefined;
  const header = WHEA_ERROR_RECORD_HEADER.from(head);
  if (header.Signature !== SIGNATURE || header.SignatureEnd !== 0xffff_ffff) return undefined;
  const bytes = scene.readUpTo(address, Math.min(header.Length, MAX_RECORD));
  const sections: string[] = [];
  let machineCheck: Partial<WheaRecord> = {};
  for (let index = 0; index < Math.min(header.SectionCount, MAX_SECTIONS); index++) {
    const start = WHEA_ERROR_RECORD_HEADER.size + index * WHEA_ERROR_RECORD_SECTION_DESCRIPTOR.size;
    if (start + WHEA_ERROR_RECORD_SECTION_DESCRIPTOR.size > bytes.length) break;
    const descriptor = WHEA_ERROR_RECORD_SECTION_DESCRIPTOR.from(bytes.subarray(start));
    const kind = SECTIONS[guid(descriptor.SectionType)] ?? guid(descriptor.SectionType);
    sections.push(kind);
    if (kind === "machine check") machineCheck = readMachineCheck(bytes, descriptor.SectionOffset) ?? machineCheck;
  }
  return { severity: SEVERITIES[header.Severity] ?? `severity ${header.Severity}`, sections, ...machineCheck };
}

function readMachineCheck(bytes: Uint8Array, offset: number): Partial<WheaRecord> | undefined {
  if (offset + WHEA_XPF_MCA_SECTION.size > bytes.length) return undefined;
  const { CpuVendor, ProcessorNumber, BankNumber, Status, Address } = WHEA_XPF_MCA_SECTION.from(bytes.subarray(offset));
  const vendor = VENDORS[CpuVendor];
  return {
    ...(vendor ? { vendor } : {}),
    processor: ProcessorNumber,
    bank: BankNumber,
    ...(Status === 0n ? {} : { status: Status }),
    ...(Address === 0n ? {} : { address: Address }),
  };
}

function guid(bytes: Uint8Array): string {
  const view = dataView(bytes);
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const rest = Array.from(bytes.subarray(8, 16), (byte) => hex(byte, 2)).join("");
  return `${hex(view.getUint32(0, true), 8)}-${hex(view.getUint16(4, true), 4)}-${hex(view.getUint16(6, true), 4)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

/** Kind of a machine check by the low 16 bits of MCi_STATUS, as bucket names write it. */
export function machineCheckKind(status: bigint): string {
  const code = Number(status & 0xffffn);
  if ((code & 0xe800) === 0x0800) return "PROCESSOR_BUS";
  if ((code & 0xef00) === 0x0100) return "PROCESSOR_CACHE";
  if ((code & 0xeff0) === 0x0010) return "PROCESSOR_TLB";
  if (code === 0x0005) return "PROCESSOR_MAE";
  return "PROCESSOR__UNKNOWN";
}

/** The flags of MCi_STATUS in words. */
export function machineCheckFlags(status: bigint): string {
  const names: [bigint, string][] = [
    [63n, "VAL"],
    [62n, "OVER"],
    [61n, "UC"],
    [60n, "EN"],
    [59n, "MISCV"],
    [58n, "ADDRV"],
    [57n, "PCC"],
  ];
  return names.flatMap(([bit, name]) => ((status >> bit) & 1n ? [name] : [])).join(" ");
}

/** Where a record's memory starts and how much of it is planned. */
export function wheaRanges(address: VirtualAddress): { address: VirtualAddress; length: number }[] {
  return [{ address: addOffset(address, 0), length: 0x400 }];
}
