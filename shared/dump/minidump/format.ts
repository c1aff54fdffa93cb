import { arrayOf, at, rawBytes, struct, u8, u16, u32, u64, u64AsNumber } from "../../bytes/layout.ts";
import { va64 } from "../address.ts";

/**
 * Layouts of user-mode minidumps, by Microsoft's names:
 * https://learn.microsoft.com/windows/win32/api/minidumpapiset/
 * Structures are packed to 4 bytes; an RVA is a file offset.
 */

/** "MDMP" */
export const MINIDUMP_SIGNATURE = 0x504d_444d;
/** "MDMP" as a big-endian writer puts it. */
export const MINIDUMP_SIGNATURE_SWAPPED = 0x4d44_4d50;
/** Low half of Version; the high half is the writer's own. */
export const MINIDUMP_VERSION = 0xa793;

/** The file starts with it. */
export const MINIDUMP_HEADER = struct("MINIDUMP_HEADER", 0x20, {
  Signature: at(0x00, u32),
  Version: at(0x04, u32),
  NumberOfStreams: at(0x08, u32),
  StreamDirectoryRva: at(0x0c, u32),
  CheckSum: at(0x10, u32),
  /** Seconds since 1970. */
  TimeDateStamp: at(0x14, u32),
  /** MINIDUMP_TYPE; the upper half is reserved. */
  Flags: at(0x18, u32),
});

/** Where something lies in the file. */
export const MINIDUMP_LOCATION_DESCRIPTOR = struct("MINIDUMP_LOCATION_DESCRIPTOR", 8, {
  DataSize: at(0, u32),
  Rva: at(4, u32),
});

/** One stream. */
export const MINIDUMP_DIRECTORY = struct("MINIDUMP_DIRECTORY", 12, {
  StreamType: at(0, u32),
  DataSize: at(4, u32),
  Rva: at(8, u32),
});

/** A run of memory with its bytes. */
export const MINIDUMP_MEMORY_DESCRIPTOR = struct("MINIDUMP_MEMORY_DESCRIPTOR", 16, {
  StartOfMemoryRange: at(0, va64),
  DataSize: at(8, u32),
  Rva: at(12, u32),
});

/** A run of memory whose bytes follow those of the run before it. */
export const MINIDUMP_MEMORY_DESCRIPTOR64 = struct("MINIDUMP_MEMORY_DESCRIPTOR64", 16, {
  StartOfMemoryRange: at(0, va64),
  DataSize: at(8, u64AsNumber),
});

/** Head of Memory64ListStream. */
export const MINIDUMP_MEMORY64_LIST = struct("MINIDUMP_MEMORY64_LIST", 16, {
  NumberOfMemoryRanges: at(0, u64AsNumber),
  BaseRva: at(8, u64AsNumber),
});

/** SystemInfoStream. */
export const MINIDUMP_SYSTEM_INFO = struct("MINIDUMP_SYSTEM_INFO", 0x38, {
  ProcessorArchitecture: at(0x00, u16),
  /** Family. */
  ProcessorLevel: at(0x02, u16),
  /** Model in the high byte, stepping in the low one. */
  ProcessorRevision: at(0x04, u16),
  NumberOfProcessors: at(0x06, u8),
  ProductType: at(0x07, u8),
  MajorVersion: at(0x08, u32),
  MinorVersion: at(0x0c, u32),
  BuildNumber: at(0x10, u32),
  PlatformId: at(0x14, u32),
  /** Service pack on Windows; build text of macOS; `uname` of Linux. */
  CSDVersionRva: at(0x18, u32),
  SuiteMask: at(0x1c, u16),
  /** CPU_INFORMATION: x86 vendor text and features; cpuid and hwcaps on ARM. */
  Cpu: at(0x20, rawBytes(24)),
});

/** MiscInfoStream, what its first version has. */
export const MINIDUMP_MISC_INFO = struct("MINIDUMP_MISC_INFO", 0x18, {
  SizeOfInfo: at(0x00, u32),
  Flags1: at(0x04, u32),
  ProcessId: at(0x08, u32),
  /** Seconds since 1970. */
  ProcessCreateTime: at(0x0c, u32),
  /** Seconds. */
  ProcessUserTime: at(0x10, u32),
  ProcessKernelTime: at(0x14, u32),
});

/** MiscInfoStream from its fourth version on: texts of the build. */
export const MINIDUMP_MISC_INFO_4 = struct("MINIDUMP_MISC_INFO_4", 0x340, {
  /** UTF-16, 260 characters. */
  BuildString: at(0x0e8, rawBytes(520)),
  /** UTF-16, 40 characters. */
  DbgBldStr: at(0x2f0, rawBytes(80)),
});

/** Bits of MINIDUMP_MISC_INFO.Flags1. */
export const MINIDUMP_MISC1_PROCESS_ID = 0x1;
export const MINIDUMP_MISC1_PROCESS_TIMES = 0x2;
export const MINIDUMP_MISC4_BUILDSTRING = 0x100;

/** File version resource; also found in modules of Linux dumps, with other meaning. */
export const VS_FIXEDFILEINFO = struct("VS_FIXEDFILEINFO", 0x34, {
  dwSignature: at(0x00, u32),
  dwStrucVersion: at(0x04, u32),
  dwFileVersionMS: at(0x08, u32),
  dwFileVersionLS: at(0x0c, u32),
  dwProductVersionMS: at(0x10, u32),
  dwProductVersionLS: at(0x14, u32),
});
/** VS_FIXEDFILEINFO.dwSignature */
export const VS_FFI_SIGNATURE = 0xfeef_04bd;
/** VS_FIXEDFILEINFO.dwStrucVersion */
export const VS_FFI_STRUCVERSION = 0x0001_0000;

/** One image of ModuleListStream. */
export const MINIDUMP_MODULE = struct("MINIDUMP_MODULE", 0x6c, {
  BaseOfImage: at(0x00, va64),
  SizeOfImage: at(0x08, u32),
  CheckSum: at(0x0c, u32),
  TimeDateStamp: at(0x10, u32),
  ModuleNameRva: at(0x14, u32),
  VersionInfo: at(0x18, VS_FIXEDFILEINFO),
  CvRecord: at(0x4c, MINIDUMP_LOCATION_DESCRIPTOR),
  MiscRecord: at(0x54, MINIDUMP_LOCATION_DESCRIPTOR),
});

/** One image of UnloadedModuleListStream. */
export const MINIDUMP_UNLOADED_MODULE = struct("MINIDUMP_UNLOADED_MODULE", 0x18, {
  BaseOfImage: at(0x00, va64),
  SizeOfImage: at(0x08, u32),
  CheckSum: at(0x0c, u32),
  TimeDateStamp: at(0x10, u32),
  ModuleNameRva: at(0x14, u32),
});

/** Head of lists that say their own sizes: unloaded modules, thread infos. */
export const MINIDUMP_EX_LIST = struct("MINIDUMP_UNLOADED_MODULE_LIST", 12, {
  SizeOfHeader: at(0, u32),
  SizeOfEntry: at(4, u32),
  NumberOfEntries: at(8, u32),
});

/** One thread of ThreadListStream. */
export const MINIDUMP_THREAD = struct("MINIDUMP_THREAD", 0x30, {
  ThreadId: at(0x00, u32),
  SuspendCount: at(0x04, u32),
  PriorityClass: at(0x08, u32),
  Priority: at(0x0c, u32),
  Teb: at(0x10, va64),
  Stack: at(0x18, MINIDUMP_MEMORY_DESCRIPTOR),
  ThreadContext: at(0x28, MINIDUMP_LOCATION_DESCRIPTOR),
});

/** One entry of ThreadNamesStream. */
export const MINIDUMP_THREAD_NAME = struct("MINIDUMP_THREAD_NAME", 12, {
  ThreadId: at(0, u32),
  RvaOfThreadName: at(4, u64AsNumber),
});

/** ExceptionStream: MINIDUMP_EXCEPTION and the thread it happened in. */
export const MINIDUMP_EXCEPTION_STREAM = struct("MINIDUMP_EXCEPTION_STREAM", 0xa8, {
  ThreadId: at(0x00, u32),
  ExceptionCode: at(0x08, u32),
  ExceptionFlags: at(0x0c, u32),
  ExceptionRecord: at(0x10, u64),
  ExceptionAddress: at(0x18, va64),
  NumberParameters: at(0x20, u32),
  ExceptionInformation: at(0x28, arrayOf(u64, 15)),
  ThreadContext: at(0xa0, MINIDUMP_LOCATION_DESCRIPTOR),
});

/** BreakpadInfoStream (MDRawBreakpadInfo): bit 0 of Validity is for the first id, bit 1 for the second. */
export const MINIDUMP_BREAKPAD_INFO = struct("MINIDUMP_BREAKPAD_INFO", 12, {
  Validity: at(0, u32),
  DumpThreadId: at(4, u32),
  RequestingThreadId: at(8, u32),
});

/** AssertionInfoStream (MDRawAssertionInfo): UTF-16 texts of 128 characters. */
export const MINIDUMP_ASSERTION_INFO = struct("MINIDUMP_ASSERTION_INFO", 0x308, {
  Expression: at(0x000, rawBytes(256)),
  Function: at(0x100, rawBytes(256)),
  File: at(0x200, rawBytes(256)),
  Line: at(0x300, u32),
  /** 1 invalid parameter, 2 pure virtual call. */
  Type: at(0x304, u32),
});
