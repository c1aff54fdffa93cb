import { dataView } from "../bytes/layout.ts";
import type { ImageBytes } from "./image-bytes.ts";
import {
  DIRECTORY_INDEX,
  DOS_SIGNATURE,
  IMAGE_DATA_DIRECTORY,
  IMAGE_DOS_HEADER,
  IMAGE_NT_HEADERS,
  IMAGE_OPTIONAL_HEADER32,
  IMAGE_OPTIONAL_HEADER64,
  IMAGE_SECTION_HEADER,
  NT_SIGNATURE,
  OPTIONAL_MAGIC,
} from "./pe-format.ts";

/** Headers are looked for in the first page: loaders want them there and so do crashed machines' pages. */
const HEADER_BYTES = 4096;
/** Windows loads images of at most 96 sections. */
const MAX_SECTIONS = 96;

/** A data directory: where a table of the image lies. */
export interface DataDirectory {
  readonly rva: number;
  /** Bytes; at least 1. */
  readonly size: number;
}

/** A section of the image. */
export interface PeSection {
  readonly name: string;
  readonly rva: number;
  /** Bytes in memory. */
  readonly size: number;
  readonly fileOffset: number;
  /** Bytes in the file. */
  readonly fileSize: number;
  /** IMAGE_SCN_*. */
  readonly characteristics: number;
}

/** Headers of a PE image. */
export interface PeHeaders {
  /** IMAGE_FILE_MACHINE_*. */
  readonly machine: number;
  /** Seconds since 1970, or a hash in reproducible builds. */
  readonly timestamp: number;
  readonly sizeOfImage: number;
  readonly checksum: number;
  readonly entryPoint: number;
  readonly sections: readonly PeSection[];
  /** Where a table lies; absent when the image has none. */
  directory(which: keyof typeof DIRECTORY_INDEX): DataDirectory | undefined;
}

/** Headers that were read: unwinding, exports and identities ask for them one after the other. */
const read = new WeakMap<ImageBytes, PeHeaders>();

/**
 * Reads the headers of an image, once for each.
 * @returns undefined where they are in a hole or are no PE headers: many drivers' are paged out
 */
export function readPeHeaders(image: ImageBytes): PeHeaders | undefined {
  const headers = read.get(image) ?? parseHeaders(image);
  if (headers) read.set(image, headers);
  return headers;
}

function parseHeaders(image: ImageBytes): PeHeaders | undefined {
  const page = image.read(0, HEADER_BYTES);
  if (page.length < IMAGE_DOS_HEADER.size) return undefined;
  const { e_magic, e_lfanew } = IMAGE_DOS_HEADER.from(page);
  if (e_magic !== DOS_SIGNATURE || e_lfanew + IMAGE_NT_HEADERS.size > page.length) return undefined;
  const nt = IMAGE_NT_HEADERS.from(page.subarray(e_lfanew));
  const optional = page.subarray(e_lfanew + IMAGE_NT_HEADERS.size);
  const magic = optional.length >= 2 ? dataView(optional).getUint16(0, true) : 0;
  const layout = magic === OPTIONAL_MAGIC.pe32Plus ? IMAGE_OPTIONAL_HEADER64 : IMAGE_OPTIONAL_HEADER32;
  const known = magic === OPTIONAL_MAGIC.pe32Plus || magic === OPTIONAL_MAGIC.pe32;
  if (nt.Signature !== NT_SIGNATURE || !known || optional.length < layout.size) return undefined;
  const header = layout.from(optional);
  const directories = optional.subarray(layout.size, nt.SizeOfOptionalHeader);
  return {
    machine: nt.Machine,
    timestamp: nt.TimeDateStamp,
    sizeOfImage: header.SizeOfImage,
    checksum: header.CheckSum,
    entryPoint: header.AddressOfEntryPoint,
    sections: readSections(optional.subarray(nt.SizeOfOptionalHeader), nt.NumberOfSections),
    directory: (which) => {
      const index = DIRECTORY_INDEX[which];
      const entry = directories.subarray(index * IMAGE_DATA_DIRECTORY.size);
      if (index >= header.NumberOfRvaAndSizes || entry.length < IMAGE_DATA_DIRECTORY.size) return undefined;
      const { VirtualAddress, Size } = IMAGE_DATA_DIRECTORY.from(entry);
      const inside = VirtualAddress > 0 && Size > 0 && VirtualAddress < header.SizeOfImage;
      return inside ? { rva: VirtualAddress, size: Math.min(Size, header.SizeOfImage - VirtualAddress) } : undefined;
    },
  };
}

/** The section headers that are there: a table cut by its page's end gives the first ones. */
function readSections(table: Uint8Array, count: number): PeSection[] {
  const there = Math.min(count, MAX_SECTIONS, Math.floor(table.length / IMAGE_SECTION_HEADER.size));
  return Array.from({ length: there }, (_, index) => {
    const bytes = table.subarray(index * IMAGE_SECTION_HEADER.size);
    const header = IMAGE_SECTION_HEADER.from(bytes);
    return {
      name: String.fromCharCode(...bytes.subarray(0, 8)).replace(/\0.*$/s, ""),
      rva: header.VirtualAddress,
      size: header.VirtualSize || header.SizeOfRawData,
      fileOffset: header.PointerToRawData,
      fileSize: header.SizeOfRawData,
      characteristics: header.Characteristics,
    };
  });
}
