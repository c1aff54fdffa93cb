import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import { type Memory, readExact, readPointer } from "../../memory.ts";

/** Finding nt's image and what lies in it, without symbols and without the debugger data block. */

/** An image in memory. */
export interface ImageSpan {
  readonly base: VirtualAddress;
  /** SizeOfImage, bytes. */
  readonly size: number;
}

/** Offsets of KLDR_DATA_TABLE_ENTRY by pointer size: the same since NT 5. */
const DLL_BASE = { 8: 0x30, 4: 0x18 } as const;
const SIZE_OF_IMAGE = { 8: 0x40, 4: 0x20 } as const;
/** No kernel is larger; real ones have 3 to 20 MiB. */
const MAX_KERNEL_BYTES = 0x400_0000;
/** nt starts on a large page since Windows 10. */
const LARGE_PAGE = 0x20_0000n;
/** Large pages below known kernel data at which an image is looked for: 32 MiB. */
const LARGE_PAGE_TRIES = 16;
/** `MZ`, `PE`. */
const DOS_MAGIC = 0x5a4d;
const PE_MAGIC = 0x4550;
const SECTION_BYTES = 40;
const MAX_SECTIONS = 96;
/** Section characteristics: initialised data, code, discardable. */
const HAS_DATA = 0x40;
const HAS_CODE = 0x20;
const IS_DISCARDABLE = 0x0200_0000;

/**
 * nt as the first entry of the list of loaded modules says.
 * @returns undefined where the list cannot be read, or its first module does not hold the list's head
 */
export function firstModule(memory: Memory, listHead: VirtualAddress, pointerSize: 4 | 8): ImageSpan | undefined {
  const entry = readPointer(memory, listHead, pointerSize);
  const record = entry ? readExact(memory, entry, 0x48) : undefined;
  if (!record) return undefined;
  const view = dataView(record);
  const at = DLL_BASE[pointerSize];
  const base = pointerSize === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  const size = view.getUint32(SIZE_OF_IMAGE[pointerSize], true);
  const holds = listHead >= base && listHead < base + BigInt(size);
  return holds && (base & 0xfffn) === 0n && size <= MAX_KERNEL_BYTES
    ? { base: base as VirtualAddress, size }
    : undefined;
}

/** nt by its PE header at a large page below an address inside of it. */
export function imageBelow(memory: Memory, inside: VirtualAddress): ImageSpan | undefined {
  const first = inside & ~(LARGE_PAGE - 1n);
  const tries = Array.from({ length: LARGE_PAGE_TRIES }, (_, i) => first - BigInt(i) * LARGE_PAGE)
    .filter((base) => base > 0n)
    .map((base) => base as VirtualAddress);
  memory.plan(tries.map((address) => ({ address, length: 0x400 })));
  for (const base of tries) {
    const size = imageSize(memory, base);
    if (size !== undefined && inside < base + BigInt(size)) return { base, size };
  }
  return undefined;
}

/** SizeOfImage of the PE image at an address, or undefined where there is none. */
export function imageSize(memory: Memory, base: VirtualAddress): number | undefined {
  const nt = ntHeaders(memory, base);
  if (!nt) return undefined;
  const size = nt.view.getUint32(nt.at + 24 + 0x38, true);
  return size > 0 && size <= MAX_KERNEL_BYTES ? size : undefined;
}

/** Sections that hold initialised data and stay in memory: address and size in bytes. */
export function dataSections(memory: Memory, image: ImageSpan): { address: VirtualAddress; size: number }[] {
  const nt = ntHeaders(memory, image.base);
  if (!nt) return [];
  const count = Math.min(nt.view.getUint16(nt.at + 6, true), MAX_SECTIONS);
  const table = nt.at + 24 + nt.view.getUint16(nt.at + 20, true);
  const sections: { address: VirtualAddress; size: number }[] = [];
  for (let index = 0; index < count; index++) {
    const at = table + index * SECTION_BYTES;
    if (at + SECTION_BYTES > nt.view.byteLength) break;
    const flags = nt.view.getUint32(at + 36, true);
    const start = nt.view.getUint32(at + 12, true);
    const size = Math.min(nt.view.getUint32(at + 8, true), image.size - start);
    if ((flags & HAS_DATA) === 0 || (flags & (HAS_CODE | IS_DISCARDABLE)) !== 0 || size <= 0) continue;
    sections.push({ address: addOffset(image.base, start), size });
  }
  return sections;
}

/** The first page of an image when it has PE headers in it, and where IMAGE_NT_HEADERS starts. */
function ntHeaders(memory: Memory, base: VirtualAddress): { view: DataView; at: number } | undefined {
  const page = memory.read(base, 0x1000).bytes;
  const view = dataView(page);
  if (page.length < 0x40 || view.getUint16(0, true) !== DOS_MAGIC) return undefined;
  const at = view.getUint32(0x3c, true);
  if (at + 24 + 0x60 > page.length || view.getUint32(at, true) !== PE_MAGIC) return undefined;
  return { view, at };
}
