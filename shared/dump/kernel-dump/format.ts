import { arrayOf, at, rawBytes, struct, u8, u16, u32, u64, u64AsNumber } from "../../bytes/layout.ts";
import { va32, va64 } from "../address.ts";

/**
 * Headers of Windows kernel dumps, with Microsoft's names. Unused bytes of a header hold the
 * repeating text `PAGE`: read values through fill.ts, never as they stand.
 * Offsets agree in several independent readers (kdmp-parser, rekall, Volatility, QEMU's win_dump_defs.h).
 */

/** `PAGE`: first four bytes of every kernel dump, and the text that unused header bytes are filled with. */
export const DUMP_SIGNATURE = 0x45474150;
/** `DUMP`: ValidDump of a 32-bit dump, and of the records behind the headers. */
export const VALID_DUMP32 = 0x504d5544;
/** `DU64`: ValidDump of a 64-bit dump. */
export const VALID_DUMP64 = 0x34365544;

/** Bytes of the physical memory block in both headers. */
export const PHYSICAL_MEMORY_BLOCK_BYTES = 700;

/** EXCEPTION_RECORD32 of winnt.h. */
export const EXCEPTION_RECORD32 = struct("EXCEPTION_RECORD32", 0x50, {
  ExceptionCode: at(0x00, u32),
  ExceptionFlags: at(0x04, u32),
  ExceptionRecord: at(0x08, va32),
  ExceptionAddress: at(0x0c, va32),
  NumberParameters: at(0x10, u32),
  ExceptionInformation: at(0x14, arrayOf(va32, 15)),
});

/** EXCEPTION_RECORD64 of winnt.h. */
export const EXCEPTION_RECORD64 = struct("EXCEPTION_RECORD64", 0x98, {
  ExceptionCode: at(0x00, u32),
  ExceptionFlags: at(0x04, u32),
  ExceptionRecord: at(0x08, va64),
  ExceptionAddress: at(0x10, va64),
  NumberParameters: at(0x18, u32),
  ExceptionInformation: at(0x20, arrayOf(va64, 15)),
});

/** Header of `PAGEDUMP`, one page. */
export const DUMP_HEADER32 = struct("DUMP_HEADER32", 0x1000, {
  Signature: at(0x000, u32),
  ValidDump: at(0x004, u32),
  /** 0xF free build, 0xC checked build. */
  MajorVersion: at(0x008, u32),
  /** Build number of the system. */
  MinorVersion: at(0x00c, u32),
  DirectoryTableBase: at(0x010, va32),
  PfnDataBase: at(0x014, va32),
  PsLoadedModuleList: at(0x018, va32),
  PsActiveProcessHead: at(0x01c, va32),
  /** IMAGE_FILE_MACHINE_*. */
  MachineImageType: at(0x020, u32),
  NumberProcessors: at(0x024, u32),
  BugCheckCode: at(0x028, u32),
  BugCheckParameters: at(0x02c, arrayOf(va32, 4)),
  VersionUser: at(0x03c, rawBytes(32)),
  PaeEnabled: at(0x05c, u8),
  KdSecondaryVersion: at(0x05d, u8),
  /** VA of KDDEBUGGER_DATA64, which has the same form on x86. */
  KdDebuggerDataBlock: at(0x060, va32),
  PhysicalMemoryBlock: at(0x064, rawBytes(PHYSICAL_MEMORY_BLOCK_BYTES)),
  ContextRecord: at(0x320, rawBytes(1200)),
  Exception: at(0x7d0, EXCEPTION_RECORD32),
  Comment: at(0x820, rawBytes(128)),
  /** Filled by newer kernels only; same order as in the 64-bit header. */
  Attributes: at(0x8a0, u32),
  BootId: at(0x8a4, u32),
  DumpType: at(0xf88, u32),
  MiniDumpFields: at(0xf8c, u32),
  SecondaryDataState: at(0xf90, u32),
  ProductType: at(0xf94, u32),
  SuiteMask: at(0xf98, u32),
  WriterStatus: at(0xf9c, u32),
  RequiredDumpSpace: at(0xfa0, u64),
  /** 100 ns since boot. */
  SystemUpTime: at(0xfb8, u64),
  /** FILETIME, UTC. */
  SystemTime: at(0xfc0, u64),
});

/** Header of `PAGEDU64`, two pages: x64, ARM64 and Itanium. */
export const DUMP_HEADER64 = struct("DUMP_HEADER64", 0x2000, {
  Signature: at(0x0000, u32),
  ValidDump: at(0x0004, u32),
  MajorVersion: at(0x0008, u32),
  MinorVersion: at(0x000c, u32),
  /** CR3; the low 12 bits hold flags. */
  DirectoryTableBase: at(0x0010, va64),
  PfnDataBase: at(0x0018, va64),
  PsLoadedModuleList: at(0x0020, va64),
  PsActiveProcessHead: at(0x0028, va64),
  MachineImageType: at(0x0030, u32),
  NumberProcessors: at(0x0034, u32),
  BugCheckCode: at(0x0038, u32),
  BugCheckParameters: at(0x0040, arrayOf(va64, 4)),
  VersionUser: at(0x0060, rawBytes(32)),
  KdDebuggerDataBlock: at(0x0080, va64),
  PhysicalMemoryBlock: at(0x0088, rawBytes(PHYSICAL_MEMORY_BLOCK_BYTES)),
  ContextRecord: at(0x0348, rawBytes(3000)),
  Exception: at(0x0f00, EXCEPTION_RECORD64),
  DumpType: at(0x0f98, u32),
  RequiredDumpSpace: at(0x0fa0, u64),
  SystemTime: at(0x0fa8, u64),
  Comment: at(0x0fb0, rawBytes(128)),
  SystemUpTime: at(0x1030, u64),
  MiniDumpFields: at(0x1038, u32),
  SecondaryDataState: at(0x103c, u32),
  ProductType: at(0x1040, u32),
  SuiteMask: at(0x1044, u32),
  WriterStatus: at(0x1048, u32),
  KdSecondaryVersion: at(0x104d, u8),
  /** DUMP_FILE_ATTRIBUTES: see {@link DUMP_ATTRIBUTES}. */
  Attributes: at(0x1050, u32),
  BootId: at(0x1054, u32),
});

/** Bits of DUMP_HEADER64.Attributes. */
export const DUMP_ATTRIBUTES = {
  HiberCrash: 0x1,
  DumpDevicePowerOff: 0x2,
  InsufficientDumpfileSize: 0x4,
  KernelGeneratedTriageDump: 0x8,
  LiveDumpGeneratedDump: 0x10,
  DumpIsGeneratedOffline: 0x20,
  FilterDumpFile: 0x40,
  EarlyBootCrash: 0x80,
  EncryptedDumpData: 0x100,
  DecryptedDump: 0x200,
} as const;

/** PHYSICAL_MEMORY_DESCRIPTOR32 without its runs of two u32 (BasePage, PageCount). */
export const PHYSICAL_MEMORY_DESCRIPTOR32 = struct("PHYSICAL_MEMORY_DESCRIPTOR32", 0x08, {
  NumberOfRuns: at(0x00, u32),
  NumberOfPages: at(0x04, u32),
});

/** PHYSICAL_MEMORY_DESCRIPTOR64 without its runs of two u64. */
export const PHYSICAL_MEMORY_DESCRIPTOR64 = struct("PHYSICAL_MEMORY_DESCRIPTOR64", 0x10, {
  NumberOfRuns: at(0x00, u32),
  NumberOfPages: at(0x08, u64AsNumber),
});

/** SUMMARY_DUMP of DumpType 2: `SDMP`, in its narrow form. */
export const SUMMARY_DUMP = struct("SUMMARY_DUMP", 0x18, {
  Signature: at(0x00, u32),
  ValidDump: at(0x04, u32),
  DumpOptions: at(0x08, u32),
  /** File offset of the first page. */
  HeaderSize: at(0x0c, u32),
  /** Bits. */
  BitmapSize: at(0x10, u32),
  /** Bits that are set: pages in the file. */
  Pages: at(0x14, u32),
});

/** Bitmap header of DumpType 5 and 6: `SDMP` or `FDMP`, in its wide form. */
export const BITMAP_DUMP = struct("BITMAP_DUMP", 0x38, {
  Signature: at(0x00, u32),
  ValidDump: at(0x04, u32),
  DumpOptions: at(0x08, u32),
  /** File offset of the first page. */
  FirstPage: at(0x20, u64AsNumber),
  /** Bits that are set: pages in the file. */
  TotalPresentPages: at(0x28, u64AsNumber),
  /** Bits of the bitmap. */
  Pages: at(0x30, u64AsNumber),
});

/** RDMP header of DumpType 8, 9 and 0xA, which newer debuggers write. */
export const RDMP_DUMP = struct("RDMP_DUMP", 0x30, {
  Marker: at(0x00, u32),
  Signature: at(0x04, u32),
  ValidDump: at(0x08, u32),
  MetadataSize: at(0x10, u64AsNumber),
  /** File offset of the first page. */
  FirstPageOffset: at(0x18, u64AsNumber),
  /** The rest is filled for 0xA only. */
  NumberOfRanges: at(0x20, u32),
  TotalNumberOfPages: at(0x28, u64AsNumber),
});

/** DUMP_BLOB_FILE_HEADER: starts the secondary data behind the primary part. */
export const DUMP_BLOB_FILE_HEADER = struct("DUMP_BLOB_FILE_HEADER", 0x10, {
  /** `Dump` */
  Signature1: at(0x00, u32),
  /** `Blob` */
  Signature2: at(0x04, u32),
  HeaderSize: at(0x08, u32),
  BuildNumber: at(0x0c, u32),
});

/** DUMP_BLOB_HEADER: one piece of secondary data; the next follows without alignment. */
export const DUMP_BLOB_HEADER = struct("DUMP_BLOB_HEADER", 0x20, {
  HeaderSize: at(0x00, u32),
  Tag: at(0x04, rawBytes(16)),
  DataSize: at(0x14, u32),
  PrePad: at(0x18, u32),
  PostPad: at(0x1c, u32),
});

/** UNICODE_STRING32: Length and MaximumLength in bytes, then the buffer's address. */
export const UNICODE_STRING32 = struct("UNICODE_STRING32", 8, {
  Length: at(0, u16),
  MaximumLength: at(2, u16),
  Buffer: at(4, va32),
});

/** UNICODE_STRING64. */
export const UNICODE_STRING64 = struct("UNICODE_STRING64", 16, {
  Length: at(0, u16),
  MaximumLength: at(2, u16),
  Buffer: at(8, va64),
});
