import { at, rawBytes, struct, u32 } from "../../bytes/layout.ts";
import { va32, va64 } from "../address.ts";
import { UNICODE_STRING32, UNICODE_STRING64 } from "./format.ts";

/**
 * Records of triage ("small") dumps. Every `*Offset` is an absolute file offset.
 * Layouts agree in rizin, Ghidra and the WDK's generated types; the 64-bit ones were checked on real files.
 */

/** `TRGD`: the marker at TRIAGE_DUMP.ValidOffset. */
export const TRIAGE_END_MARKER = 0x44475254;

/** TRIAGE_DUMP32, directly behind DUMP_HEADER32. */
export const TRIAGE_DUMP32 = struct("TRIAGE_DUMP32", 0x68, {
  /** Service pack in the high byte, as CmNtCSDVersion holds it. */
  ServicePackBuild: at(0x00, u32),
  /** Bytes of the primary part; secondary data follows. */
  SizeOfDump: at(0x04, u32),
  ValidOffset: at(0x08, u32),
  ContextOffset: at(0x0c, u32),
  ExceptionOffset: at(0x10, u32),
  MmOffset: at(0x14, u32),
  UnloadedDriversOffset: at(0x18, u32),
  PrcbOffset: at(0x1c, u32),
  ProcessOffset: at(0x20, u32),
  ThreadOffset: at(0x24, u32),
  CallStackOffset: at(0x28, u32),
  SizeOfCallStack: at(0x2c, u32),
  DriverListOffset: at(0x30, u32),
  DriverCount: at(0x34, u32),
  StringPoolOffset: at(0x38, u32),
  StringPoolSize: at(0x3c, u32),
  /** 0, or the file offset of the driver entry that the kernel blamed. */
  BrokenDriverOffset: at(0x40, u32),
  TriageOptions: at(0x44, u32),
  /** Address of the first stack byte stored: the lowest one. */
  TopOfStack: at(0x48, va32),
  DataPageAddress: at(0x4c, va32),
  DataPageOffset: at(0x50, u32),
  DataPageSize: at(0x54, u32),
  DebuggerDataOffset: at(0x58, u32),
  DebuggerDataSize: at(0x5c, u32),
  DataBlocksOffset: at(0x60, u32),
  DataBlocksCount: at(0x64, u32),
});

/** TRIAGE_DUMP64, directly behind DUMP_HEADER64. */
export const TRIAGE_DUMP64 = struct("TRIAGE_DUMP64", 0x80, {
  ServicePackBuild: at(0x00, u32),
  SizeOfDump: at(0x04, u32),
  ValidOffset: at(0x08, u32),
  ContextOffset: at(0x0c, u32),
  ExceptionOffset: at(0x10, u32),
  MmOffset: at(0x14, u32),
  UnloadedDriversOffset: at(0x18, u32),
  PrcbOffset: at(0x1c, u32),
  ProcessOffset: at(0x20, u32),
  ThreadOffset: at(0x24, u32),
  CallStackOffset: at(0x28, u32),
  SizeOfCallStack: at(0x2c, u32),
  DriverListOffset: at(0x30, u32),
  DriverCount: at(0x34, u32),
  StringPoolOffset: at(0x38, u32),
  StringPoolSize: at(0x3c, u32),
  BrokenDriverOffset: at(0x40, u32),
  TriageOptions: at(0x44, u32),
  TopOfStack: at(0x48, va64),
  /** 0x50..0x5F: Itanium's backing store. */
  DataPageAddress: at(0x60, va64),
  DataPageOffset: at(0x68, u32),
  DataPageSize: at(0x6c, u32),
  DebuggerDataOffset: at(0x70, u32),
  DebuggerDataSize: at(0x74, u32),
  DataBlocksOffset: at(0x78, u32),
  DataBlocksCount: at(0x7c, u32),
});

/** DUMP_DRIVER_ENTRY32: a name and a loader entry; real files may use a longer stride. */
export const DUMP_DRIVER_ENTRY32 = struct("DUMP_DRIVER_ENTRY32", 0x4c, {
  DriverNameOffset: at(0x00, u32),
  DllBase: at(0x1c, va32),
  EntryPoint: at(0x20, va32),
  SizeOfImage: at(0x24, u32),
  BaseDllName: at(0x30, UNICODE_STRING32),
  CheckSum: at(0x44, u32),
  TimeDateStamp: at(0x48, u32),
});

/** DUMP_DRIVER_ENTRY64. The live loader entry has no TimeDateStamp here; dumps do. */
export const DUMP_DRIVER_ENTRY64 = struct("DUMP_DRIVER_ENTRY64", 0x90, {
  DriverNameOffset: at(0x00, u32),
  DllBase: at(0x38, va64),
  EntryPoint: at(0x40, va64),
  SizeOfImage: at(0x48, u32),
  BaseDllName: at(0x60, UNICODE_STRING64),
  CheckSum: at(0x80, u32),
  TimeDateStamp: at(0x88, u32),
});

/** DUMP_UNLOADED_DRIVERS32: one entry of the list behind a count of 4 bytes. */
export const UNLOADED_DRIVERS32 = struct("UNLOADED_DRIVERS32", 0x28, {
  Name: at(0x00, UNICODE_STRING32),
  /** 12 UTF-16 units, cut short and then without a terminator. */
  DriverName: at(0x08, rawBytes(24)),
  StartAddress: at(0x20, va32),
  EndAddress: at(0x24, va32),
});

/** DUMP_UNLOADED_DRIVERS64: one entry of the list behind a count of 4 bytes and 4 of padding. */
export const UNLOADED_DRIVERS64 = struct("UNLOADED_DRIVERS64", 0x38, {
  Name: at(0x00, UNICODE_STRING64),
  DriverName: at(0x10, rawBytes(24)),
  StartAddress: at(0x28, va64),
  EndAddress: at(0x30, va64),
});

/** TRIAGE_DATA_BLOCK of 64-bit dumps and of most 32-bit ones. */
export const TRIAGE_DATA_BLOCK = struct("TRIAGE_DATA_BLOCK", 0x10, {
  Address: at(0x00, va64),
  /** File offset. */
  Offset: at(0x08, u32),
  Size: at(0x0c, u32),
});

/** TRIAGE_DATA_BLOCK with a 32-bit address: sources disagree on which 32-bit dumps have it. */
export const TRIAGE_DATA_BLOCK32 = struct("TRIAGE_DATA_BLOCK32", 0x0c, {
  Address: at(0x00, va32),
  Offset: at(0x04, u32),
  Size: at(0x08, u32),
});

/** Start of DUMP_MM_STORAGE: enough to know its length. */
export const DUMP_MM_STORAGE = struct("DUMP_MM_STORAGE", 0x18, {
  Version: at(0x00, u32),
  Size: at(0x04, u32),
  MmSpecialPoolTag: at(0x08, u32),
  MiTriageActionTaken: at(0x0c, u32),
  MmVerifyDriverLevel: at(0x10, u32),
  KernelVerifier: at(0x14, u32),
});
