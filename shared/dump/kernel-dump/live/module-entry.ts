import { dataView } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../address.ts";
import { isKernelPointer, pointerAt } from "../record-fields.ts";
import type { Links } from "./linked-list.ts";
import { linksAt } from "./live-context.ts";

/**
 * KLDR_DATA_TABLE_ENTRY: one loaded image. Its first fields stand where they do since Windows XP.
 */
interface EntryLayout {
  readonly exceptionTable: number;
  readonly dllBase: number;
  readonly sizeOfImage: number;
  readonly fullDllName: number;
  readonly baseDllName: number;
  readonly checkSum: number;
  readonly timeDateStamp: number;
}

const LAYOUTS: Readonly<Record<4 | 8, EntryLayout>> = {
  8: {
    exceptionTable: 0x10,
    dllBase: 0x30,
    sizeOfImage: 0x40,
    fullDllName: 0x48,
    baseDllName: 0x58,
    checkSum: 0x78,
    timeDateStamp: 0x9c,
  },
  4: {
    exceptionTable: 0x08,
    dllBase: 0x18,
    sizeOfImage: 0x20,
    fullDllName: 0x24,
    baseDllName: 0x2c,
    checkSum: 0x40,
    timeDateStamp: 0x58,
  },
};

/** From this build on an entry keeps its image's time stamp; older ones have it in the image's header alone. */
const TIMESTAMP_BUILD = 10240;
/** Images of kernels stay far below this. */
const MAX_IMAGE_BYTES = 0x2000_0000;
/** Longest name that is believed, in bytes. */
const MAX_NAME_BYTES = 2048;
const PAGE_MASK = 0xfffn;

/** Where a UNICODE_STRING's text lies. */
export interface TextPlace {
  readonly address: VirtualAddress;
  /** Bytes, even and at least 2. */
  readonly length: number;
}

/** A loaded image as its list entry tells. */
export interface ModuleEntry extends Links {
  readonly base: VirtualAddress;
  /** Bytes. */
  readonly size: number;
  readonly fullName?: TextPlace;
  readonly baseName?: TextPlace;
  /** Its table of unwind data, where that lies within the image. */
  readonly exceptionTable?: { readonly rva: number; readonly size: number };
  /** 0 where the image has none. */
  readonly checksum: number;
  /** Absent before Windows 10. */
  readonly timestamp?: number;
}

/** Bytes of an entry that are read. */
export function moduleEntryBytes(pointerSize: 4 | 8, build: number): number {
  const { checkSum, timeDateStamp } = LAYOUTS[pointerSize];
  return (build >= TIMESTAMP_BUILD ? timeDateStamp : checkSum) + 4;
}

/** Reads an entry; undefined where the bytes cannot be one. */
export function parseModuleEntry(record: Uint8Array, pointerSize: 4 | 8, build: number): ModuleEntry | undefined {
  const layout = LAYOUTS[pointerSize];
  if (record.length < moduleEntryBytes(pointerSize, build)) return undefined;
  const view = dataView(record);
  const links = linksAt(record, 0, pointerSize);
  const base = pointerAt(record, layout.dllBase, pointerSize);
  const size = view.getUint32(layout.sizeOfImage, true);
  if (!links || base === undefined || !isKernelPointer(base, pointerSize) || (base & PAGE_MASK) !== 0n)
    return undefined;
  if (size === 0 || size > MAX_IMAGE_BYTES) return undefined;
  const fullName = textPlace(record, layout.fullDllName, pointerSize);
  const baseName = textPlace(record, layout.baseDllName, pointerSize);
  const exceptionTable = exceptionTableOf(record, layout, pointerSize, base, size);
  return {
    ...links,
    base,
    size,
    ...(fullName ? { fullName } : {}),
    ...(baseName ? { baseName } : {}),
    ...(exceptionTable ? { exceptionTable } : {}),
    checksum: view.getUint32(layout.checkSum, true),
    ...(build >= TIMESTAMP_BUILD ? { timestamp: view.getUint32(layout.timeDateStamp, true) } : {}),
  };
}

function exceptionTableOf(
  record: Uint8Array,
  { exceptionTable: at }: EntryLayout,
  pointerSize: 4 | 8,
  base: VirtualAddress,
  imageSize: number,
): ModuleEntry["exceptionTable"] {
  const address = pointerAt(record, at, pointerSize);
  const size = dataView(record).getUint32(at + pointerSize, true);
  if (address === undefined || address <= base || size === 0) return undefined;
  const rva = Number(address - base);
  return rva + size <= imageSize ? { rva, size } : undefined;
}

/** Whether bytes that no link led to look so much like an entry that its neighbours are worth asking for. */
export function looksLikeModuleEntry(record: Uint8Array, pointerSize: 4 | 8, build: number): boolean {
  const { sizeOfImage } = LAYOUTS[pointerSize];
  if (record.length < sizeOfImage + 4) return false;
  // The cheapest test first: most bytes of a pool page fail it.
  const size = dataView(record).getUint32(sizeOfImage, true);
  if (size === 0 || size > MAX_IMAGE_BYTES || (size & 0x1f) !== 0) return false;
  const entry = parseModuleEntry(record, pointerSize, build);
  return entry?.fullName !== undefined && entry.baseName !== undefined;
}

/** Where the text of a UNICODE_STRING lies; undefined where it is empty or cannot be one. */
export function textPlace(record: Uint8Array, offset: number, pointerSize: 4 | 8): TextPlace | undefined {
  if (offset + 2 * pointerSize > record.length) return undefined;
  const view = dataView(record);
  const length = view.getUint16(offset, true);
  const most = view.getUint16(offset + 2, true);
  const address = pointerAt(record, offset + pointerSize, pointerSize);
  if (length === 0 || length % 2 !== 0 || length > most || length > MAX_NAME_BYTES) return undefined;
  return address !== undefined && isKernelPointer(address, pointerSize) ? { address, length } : undefined;
}
