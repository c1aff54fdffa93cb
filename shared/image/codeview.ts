import { at, rawBytes, struct, u16, u32 } from "../bytes/layout.ts";

/**
 * CodeView records: what an image says about its symbol file. They stand in minidump module
 * lists, in PE debug directories and in kernel dumps' images, always in the same forms.
 */

/** "RSDS": a PDB 7.0 is named by GUID and age. macOS writers put the Mach-O UUID there. */
const RSDS = 0x5344_5352;
/** "NB10": a PDB 2.0 is named by time stamp and age. */
const NB10 = 0x3031_424e;
/** "BpEL" as Breakpad writes it: an ELF build id of any length follows. */
const BPEL = 0x4270_454c;

/** Longest record that is looked at; paths of linkers stay below 1 KiB. */
export const MAX_CODEVIEW_BYTES = 4096;

/** GUID as it lies in memory: https://learn.microsoft.com/windows/win32/api/guiddef/ns-guiddef-guid */
export const GUID = struct("GUID", 16, {
  Data1: at(0, u32),
  Data2: at(4, u16),
  Data3: at(6, u16),
  Data4: at(8, rawBytes(8)),
});

/** CV_INFO_PDB70 up to its path. */
export const CV_INFO_PDB70 = struct("CV_INFO_PDB70", 24, {
  CvSignature: at(0, u32),
  Signature: at(4, rawBytes(16)),
  Age: at(20, u32),
});

/** CV_INFO_PDB20 up to its path. */
export const CV_INFO_PDB20 = struct("CV_INFO_PDB20", 16, {
  CvSignature: at(0, u32),
  Offset: at(4, u32),
  Signature: at(8, u32),
  Age: at(12, u32),
});

/** What a CodeView record says; an all-zero identity is none. */
export interface CodeView {
  readonly kind: "pdb70" | "pdb20" | "elf" | "unknown";
  /** Identity of the symbol file as Breakpad writes it: GUID in upper case, age in hex. */
  readonly debugId?: string;
  /** Path of the symbol file as stored; ELF records have none. */
  readonly debugFile?: string;
  /** GUID as 32 hex digits in upper case (pdb70): in lower case a Mach-O image's code id. */
  readonly guid?: string;
  /** ELF build id in lower-case hex, whole. */
  readonly buildId?: string;
}

/**
 * Reads a CodeView record.
 * @param bytes the record; a path ends at its first NUL or at the end of the bytes
 * @returns undefined when the bytes are too few for what their signature promises
 */
export function readCodeView(bytes: Uint8Array): CodeView | undefined {
  if (bytes.length < 4) return undefined;
  switch (u32.read(new DataView(bytes.buffer, bytes.byteOffset, 4), 0)) {
    case RSDS:
      return bytes.length < CV_INFO_PDB70.size ? undefined : readPdb70(bytes);
    case NB10:
      return bytes.length < CV_INFO_PDB20.size ? undefined : readPdb20(bytes);
    case BPEL:
      return readElf(bytes.subarray(4));
    default:
      return { kind: "unknown" };
  }
}

/**
 * Identity of a PE image: time stamp (8 digits) and size of its headers in lower-case hex. Microsoft's
 * symbol servers use the same key with the time stamp in upper case.
 */
export function peCodeId(timestamp: number, size: number): string {
  return `${timestamp.toString(16).padStart(8, "0")}${size.toString(16)}`;
}

/** A GUID as 32 hex digits in upper case. `bytes` holds 16. */
export function guidText(bytes: Uint8Array): string {
  const { Data1, Data2, Data3, Data4 } = GUID.from(bytes);
  const text = Data1.toString(16).padStart(8, "0") + hex16(Data2) + hex16(Data3) + hexBytes(Data4);
  return text.toUpperCase();
}

/** Bytes as lower-case hex. */
export function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readPdb70(bytes: Uint8Array): CodeView {
  const { Signature, Age } = CV_INFO_PDB70.from(bytes);
  const guid = guidText(Signature);
  const debugFile = untilNul(bytes.subarray(CV_INFO_PDB70.size));
  if (isZero(Signature)) return { kind: "pdb70", debugFile, guid };
  return { kind: "pdb70", debugId: guid + Age.toString(16), debugFile, guid };
}

function readPdb20(bytes: Uint8Array): CodeView {
  const { Signature, Age } = CV_INFO_PDB20.from(bytes);
  const stamp = Signature.toString(16).toUpperCase().padStart(8, "0");
  return {
    kind: "pdb20",
    debugId: stamp + Age.toString(16),
    debugFile: untilNul(bytes.subarray(CV_INFO_PDB20.size)),
  };
}

/** A build id's first 16 bytes, read as a GUID, are the debug id: so Breakpad wrote them before it had this record. */
function readElf(buildId: Uint8Array): CodeView {
  if (isZero(buildId)) return { kind: "elf" };
  const first = new Uint8Array(16);
  first.set(buildId.subarray(0, 16));
  return { kind: "elf", debugId: `${guidText(first)}0`, buildId: hexBytes(buildId) };
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, "0");
}
