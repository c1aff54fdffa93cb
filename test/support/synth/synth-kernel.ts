import { ByteWriter, Label } from "./byte-writer.ts";
import { kernelHeader, kernelHeaderSize, type SynthKernelHeader } from "./kernel-header.ts";

/**
 * Builds kernel triage dumps (DumpType 4) of both widths and both producer styles. Offsets are written by
 * hand from the format's description; where sources disagree, the description's option is a parameter.
 */

export interface SynthDriver {
  readonly base: number | bigint;
  readonly size: number;
  /** As the string pool has it: base name (kernel's style) or full path (dbgeng's). */
  readonly name: string;
  readonly timestamp?: number;
  readonly checksum?: number;
  readonly entryPoint?: number | bigint;
}

export interface SynthUnloadedDriver {
  /** At most 12 characters are kept. */
  readonly name: string;
  readonly start: number | bigint;
  readonly end: number | bigint;
}

/** A piece of virtual memory that the dump carries. */
export interface SynthBlock {
  readonly address: number | bigint;
  readonly bytes: Uint8Array;
}

/** A record of secondary data behind the primary dump. */
export interface SynthBlob {
  /** 16 bytes as stored. */
  readonly tag: Uint8Array;
  readonly data: Uint8Array;
  readonly prePad?: number;
  readonly postPad?: number;
}

export interface SynthTriage {
  readonly servicePackBuild?: number;
  readonly drivers?: readonly SynthDriver[];
  /** `kernel` fills loader fields of the driver entries, `dbgeng` leaves them zero. */
  readonly style?: "kernel" | "dbgeng";
  readonly unloaded?: readonly SynthUnloadedDriver[];
  /** Raw stack; `address` is that of its first byte. */
  readonly stack?: SynthBlock;
  readonly prcb?: Uint8Array;
  readonly process?: Uint8Array;
  readonly thread?: Uint8Array;
  readonly debuggerData?: Uint8Array;
  readonly dataPage?: SynthBlock;
  readonly dataBlocks?: readonly SynthBlock[];
  /** Bytes of a data block descriptor; 16 with a 64-bit address, 12 with a 32-bit one. */
  readonly dataBlockStride?: 12 | 16;
  /** DUMP_MM_STORAGE is written when true. */
  readonly mm?: boolean;
  /** Index in `drivers` of the one that the kernel blamed. */
  readonly brokenDriver?: number;
  readonly triageOptions?: number;
  /** SizeOfDump is padded to this; what old systems do (0x10000, 0x20000). */
  readonly fixedSize?: number;
  readonly blobs?: readonly SynthBlob[];
  /** Bytes behind everything: stale disk content that is no part of the dump. */
  readonly slack?: Uint8Array;
  /** RequiredDumpSpace becomes the file's size. */
  readonly exactRequiredSpace?: boolean;
}

/** Names of the offsets in TRIAGE_DUMP, in the order of their fields. */
const FIELDS = ["valid", "context", "exception", "mm", "unloaded", "prcb", "process", "thread", "stack"] as const;

/** A triage dump. */
export function synthTriageDump(header: SynthKernelHeader, triage: SynthTriage): Uint8Array {
  const pointer = header.bits === 64 ? 8 : 4;
  const w = new ByteWriter();
  w.bytes(kernelHeader(header));
  const labels = Object.fromEntries(
    [...FIELDS, "drivers", "pool", "poolEnd", "broken", "page", "debugger", "blocks", "end"].map((name) => [
      name,
      new Label(),
    ]),
  );
  const at = (name: string): Label => labels[name] as Label;
  writeTriageHeader(w, header, triage, at);
  writeBodies(w, triage, pointer, at);
  if (triage.fixedSize !== undefined) w.to(triage.fixedSize - 4);
  w.mark(at("valid")).ascii("TRGD").mark(at("end"));
  writeBlobs(w, header.build, triage.blobs);
  if (triage.slack) w.bytes(triage.slack);
  const bytes = w.finish();
  // RequiredDumpSpace lies at 0xfa0 in both headers.
  if (triage.exactRequiredSpace) {
    new DataView(bytes.buffer).setBigUint64(0xfa0, BigInt(bytes.length), true);
  }
  return bytes;
}

function writeTriageHeader(
  w: ByteWriter,
  header: SynthKernelHeader,
  triage: SynthTriage,
  at: (name: string) => Label,
): void {
  const wide = header.bits === 64;
  const pointer = wide ? 8 : 4;
  const start = kernelHeaderSize(header.bits);
  const optional = (present: unknown, name: string): ByteWriter => (present ? w.ref32(at(name)) : w.u32(0));
  w.u32(triage.servicePackBuild ?? 0).ref32(at("end"));
  w.ref32(at("valid"));
  w.u32(header.context ? (wide ? 0x348 : 0x320) : 0).u32(header.exception ? (wide ? 0xf00 : 0x7d0) : 0);
  optional(triage.mm, "mm");
  optional(triage.unloaded, "unloaded");
  optional(triage.prcb, "prcb");
  optional(triage.process, "process");
  optional(triage.thread, "thread");
  optional(triage.stack, "stack").u32(triage.stack?.bytes.length ?? 0);
  optional(triage.drivers, "drivers").u32(triage.drivers?.length ?? 0);
  optional(triage.drivers, "pool");
  w.size32(at("pool"), at("poolEnd"));
  if (triage.brokenDriver === undefined) w.u32(0);
  else w.ref32(at("drivers"), triage.brokenDriver * (wide ? 0x90 : 0x4c));
  w.u32(triage.triageOptions ?? (triage.style === "dbgeng" ? 0xffffffff : 0x41));
  w.to(start + 0x48).pointer(triage.stack?.address ?? 0, pointer);
  if (wide) w.zeros(16);
  w.pointer(triage.dataPage?.address ?? 0, pointer);
  optional(triage.dataPage, "page").u32(triage.dataPage?.bytes.length ?? 0);
  optional(triage.debuggerData, "debugger").u32(triage.debuggerData?.length ?? 0);
  optional(triage.dataBlocks, "blocks").u32(triage.dataBlocks?.length ?? 0);
  w.to(start + (wide ? 0x80 : 0x68));
}

function writeBodies(w: ByteWriter, triage: SynthTriage, pointer: 4 | 8, at: (name: string) => Label): void {
  w.align(16).mark(at("mm"));
  if (triage.mm) writeMmStorage(w, pointer);
  w.align(8).mark(at("unloaded"));
  if (triage.unloaded) writeUnloaded(w, triage.unloaded, pointer);
  const copies = { prcb: triage.prcb, process: triage.process, thread: triage.thread, stack: triage.stack?.bytes };
  for (const [name, bytes] of Object.entries(copies)) {
    w.align(8).mark(at(name));
    if (bytes) w.bytes(bytes);
  }
  w.align(8).mark(at("debugger"));
  if (triage.debuggerData) w.bytes(triage.debuggerData);
  w.align(8).mark(at("page"));
  if (triage.dataPage) w.bytes(triage.dataPage.bytes);
  w.align(8);
  writeDrivers(w, triage, pointer, at);
  const blocks = triage.dataBlocks ?? [];
  const places = blocks.map(() => new Label());
  w.align(8).mark(at("blocks"));
  for (const [i, block] of blocks.entries()) {
    const narrow = (triage.dataBlockStride ?? 16) === 12;
    w.pointer(block.address, narrow ? 4 : 8);
    w.ref32(places[i] as Label).u32(block.bytes.length);
  }
  for (const [i, block] of blocks.entries()) w.mark(places[i] as Label).bytes(block.bytes);
  w.align(4);
}

function writeMmStorage(w: ByteWriter, pointer: 4 | 8): void {
  w.u32(1).u32(pointer === 8 ? 0x50 : 0x34);
  w.zeros(16);
  for (const value of [0x40000000, 0x4000000, 0x80000000, 0x5000000, 0x60000, 0x70000, 0x200000]) {
    w.pointer(value, pointer);
  }
}

function writeUnloaded(w: ByteWriter, unloaded: readonly SynthUnloadedDriver[], pointer: 4 | 8): void {
  w.pointer(unloaded.length, pointer);
  for (const { name, start, end } of unloaded) {
    unicodeString(w, name, pointer);
    w.utf16(name.slice(0, 12), 12);
    w.pointer(start, pointer).pointer(end, pointer);
  }
}

/** UNICODE_STRING whose buffer is not in the file. */
function unicodeString(w: ByteWriter, text: string, pointer: 4 | 8): void {
  w.u16(text.length * 2).u16(text.length * 2 + 2);
  if (pointer === 8) w.u32(0);
  w.pointer(pointer === 8 ? 0xffffc00100002000n : 0xe1002000, pointer);
}

function writeDrivers(w: ByteWriter, triage: SynthTriage, pointer: 4 | 8, at: (name: string) => Label): void {
  const wide = pointer === 8;
  const filled = triage.style !== "dbgeng";
  const drivers = triage.drivers ?? [];
  const names = drivers.map(() => new Label());
  const pad = (): void => {
    if (wide) w.u32(0);
  };
  w.mark(at("drivers"));
  for (const [i, driver] of drivers.entries()) {
    const stem = driver.name.slice(driver.name.lastIndexOf("\\") + 1);
    w.ref32(names[i] as Label);
    pad();
    w.pointer(0, pointer).pointer(0, pointer).pointer(0, pointer).u32(0);
    pad();
    w.pointer(0, pointer).pointer(0, pointer);
    w.pointer(driver.base, pointer).pointer(filled ? (driver.entryPoint ?? BigInt(driver.base) + 0x1000n) : 0, pointer);
    w.u32(driver.size);
    pad();
    unicodeString(w, filled ? driver.name : "", pointer);
    unicodeString(w, filled ? stem : "", pointer);
    w.u32(filled ? 0x49104000 : 0);
    w.u16(filled ? 1 : 0).u16(0);
    w.pointer(0, pointer).u32(driver.checksum ?? 0);
    pad();
    w.u32(driver.timestamp ?? 0);
    pad();
  }
  w.align(8).mark(at("pool"));
  for (const [i, { name }] of drivers.entries()) {
    w.mark(names[i] as Label).u32(name.length);
    w.utf16(name).u16(0).align(8);
  }
  w.mark(at("poolEnd"));
}

/** Secondary data behind the primary dump. */
export function writeBlobs(w: ByteWriter, build: number, blobs: readonly SynthBlob[] | undefined): void {
  if (!blobs) return;
  w.ascii("DumpBlob")
    .u32(0x10)
    .u32(0xf0000000 + build);
  for (const { tag, data, prePad = 0, postPad = 0 } of blobs) {
    w.u32(0x20).bytes(tag).u32(data.length);
    w.u32(prePad).u32(postPad);
    w.zeros(prePad).bytes(data).zeros(postPad);
  }
}

/** Fields at hand-written places of a structure copy (PRCB, EPROCESS, ETHREAD, KDBG). */
export type SynthField = readonly [offset: number, value: number | bigint | string, bytes?: 1 | 2 | 4 | 8];

/** A structure of `size` bytes with some fields set; text is written as ASCII. */
export function synthStruct(size: number, fields: readonly SynthField[]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, value, width = 4] of fields) {
    if (typeof value === "string") bytes.set(new TextEncoder().encode(value), offset);
    else if (width === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
    else if (width === 4) view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
    else if (width === 2) view.setUint16(offset, Number(value), true);
    else view.setUint8(offset, Number(value));
  }
  return bytes;
}

/** KDDEBUGGER_DATA64 with its tag and size; the same form on all widths. */
export function synthDebuggerData(size: number, fields: readonly SynthField[]): Uint8Array {
  return synthStruct(size, [[0x10, "KDBG"], [0x14, size], ...fields]);
}
