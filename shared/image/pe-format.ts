import { at, struct, u16, u32, u64 } from "../bytes/layout.ts";

/**
 * Headers of PE images, with Microsoft's names.
 * https://learn.microsoft.com/windows/win32/debug/pe-format
 */

/** `MZ` */
export const DOS_SIGNATURE = 0x5a4d;
/** `PE\0\0` */
export const NT_SIGNATURE = 0x4550;
/** IMAGE_OPTIONAL_HEADER.Magic. */
export const OPTIONAL_MAGIC = { pe32: 0x10b, pe32Plus: 0x20b } as const;

/** IMAGE_DOS_HEADER as far as it matters. */
export const IMAGE_DOS_HEADER = struct("IMAGE_DOS_HEADER", 0x40, {
  e_magic: at(0x00, u16),
  e_lfanew: at(0x3c, u32),
});

/** Signature and IMAGE_FILE_HEADER. */
export const IMAGE_NT_HEADERS = struct("IMAGE_NT_HEADERS", 0x18, {
  Signature: at(0x00, u32),
  Machine: at(0x04, u16),
  NumberOfSections: at(0x06, u16),
  TimeDateStamp: at(0x08, u32),
  SizeOfOptionalHeader: at(0x14, u16),
  Characteristics: at(0x16, u16),
});

/** IMAGE_OPTIONAL_HEADER32 up to its data directories. */
export const IMAGE_OPTIONAL_HEADER32 = struct("IMAGE_OPTIONAL_HEADER32", 0x60, {
  Magic: at(0x00, u16),
  AddressOfEntryPoint: at(0x10, u32),
  ImageBase: at(0x1c, u32),
  SizeOfImage: at(0x38, u32),
  SizeOfHeaders: at(0x3c, u32),
  CheckSum: at(0x40, u32),
  NumberOfRvaAndSizes: at(0x5c, u32),
});

/** IMAGE_OPTIONAL_HEADER64 up to its data directories. */
export const IMAGE_OPTIONAL_HEADER64 = struct("IMAGE_OPTIONAL_HEADER64", 0x70, {
  Magic: at(0x00, u16),
  AddressOfEntryPoint: at(0x10, u32),
  ImageBase: at(0x18, u64),
  SizeOfImage: at(0x38, u32),
  SizeOfHeaders: at(0x3c, u32),
  CheckSum: at(0x40, u32),
  NumberOfRvaAndSizes: at(0x6c, u32),
});

/** IMAGE_DATA_DIRECTORY. */
export const IMAGE_DATA_DIRECTORY = struct("IMAGE_DATA_DIRECTORY", 8, {
  VirtualAddress: at(0, u32),
  Size: at(4, u32),
});

/** Index of a data directory in the optional header. */
export const DIRECTORY_INDEX = { exports: 0, resources: 2, exceptions: 3, debug: 6, importAddresses: 12 } as const;

/** IMAGE_SECTION_HEADER without its name. */
export const IMAGE_SECTION_HEADER = struct("IMAGE_SECTION_HEADER", 40, {
  VirtualSize: at(8, u32),
  VirtualAddress: at(12, u32),
  SizeOfRawData: at(16, u32),
  PointerToRawData: at(20, u32),
  Characteristics: at(36, u32),
});

/** IMAGE_DEBUG_DIRECTORY. */
export const IMAGE_DEBUG_DIRECTORY = struct("IMAGE_DEBUG_DIRECTORY", 28, {
  TimeDateStamp: at(4, u32),
  Type: at(12, u32),
  SizeOfData: at(16, u32),
  AddressOfRawData: at(20, u32),
  PointerToRawData: at(24, u32),
});

/** IMAGE_DEBUG_DIRECTORY.Type. */
export const DEBUG_TYPE = { codeView: 2, repro: 16 } as const;

/** IMAGE_RESOURCE_DIRECTORY without its entries of two u32. */
export const IMAGE_RESOURCE_DIRECTORY = struct("IMAGE_RESOURCE_DIRECTORY", 16, {
  NumberOfNamedEntries: at(12, u16),
  NumberOfIdEntries: at(14, u16),
});

/** VS_FIXEDFILEINFO up to the product version. */
export const VS_FIXEDFILEINFO = struct("VS_FIXEDFILEINFO", 24, {
  Signature: at(0, u32),
  FileVersionMS: at(8, u32),
  FileVersionLS: at(12, u32),
  ProductVersionMS: at(16, u32),
  ProductVersionLS: at(20, u32),
});

/** VS_FIXEDFILEINFO.dwSignature. */
export const VS_SIGNATURE = 0xfeef04bd;
