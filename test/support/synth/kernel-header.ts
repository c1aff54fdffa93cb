import { ByteWriter } from "./byte-writer.ts";

/** Kernel dump headers, 32-bit (PAGEDUMP, 0x1000 bytes) and 64-bit (PAGEDU64, 0x2000 bytes). */

/** A run of physical pages. */
export interface SynthRun {
  readonly basePage: number;
  readonly pageCount: number;
}

export interface SynthKernelException {
  readonly code: number;
  readonly flags?: number;
  readonly address: number | bigint;
  readonly parameters?: ReadonlyArray<number | bigint>;
}

/** What a header says; what is left out keeps the `PAGE` fill where real dumps have it. */
export interface SynthKernelHeader {
  readonly bits: 32 | 64;
  /** MachineImageType. */
  readonly machine: number;
  /** 0xF free, 0xC checked. */
  readonly majorVersion?: number;
  readonly build: number;
  readonly directoryTableBase?: number | bigint;
  readonly pfnDataBase?: number | bigint;
  readonly psLoadedModuleList: number | bigint;
  readonly psActiveProcessHead?: number | bigint;
  readonly processors?: number;
  readonly bugcheck: { readonly code: number; readonly args: ReadonlyArray<number | bigint> };
  readonly versionUser?: string;
  readonly paeEnabled?: boolean;
  readonly kdSecondaryVersion?: number;
  readonly kdDebuggerDataBlock?: number | bigint;
  readonly runs?: readonly SynthRun[];
  readonly context?: Uint8Array;
  readonly exception?: SynthKernelException;
  readonly comment?: string;
  /** DumpType as the file states it. */
  readonly dumpType: number;
  readonly miniDumpFields?: number;
  /** Bytes. */
  readonly requiredDumpSpace?: number | bigint;
  /** ISO 8601 with `Z`. */
  readonly systemTime?: string;
  readonly uptimeSeconds?: number;
  readonly productType?: number;
  readonly suiteMask?: number;
  readonly writerStatus?: number;
  readonly secondaryDataState?: number;
  readonly attributes?: number;
  readonly bootId?: number;
}

/** FILETIME: 100 ns since 1601. */
export function fileTime(iso: string): bigint {
  return BigInt(Date.parse(iso)) * 10_000n + 116_444_736_000_000_000n;
}

/** Bytes of the header of that width. */
export function kernelHeaderSize(bits: 32 | 64): number {
  return bits === 32 ? 0x1000 : 0x2000;
}

/** The header. */
export function kernelHeader(spec: SynthKernelHeader): Uint8Array {
  return spec.bits === 32 ? header32(spec) : header64(spec);
}

function header32(spec: SynthKernelHeader): Uint8Array {
  const w = new ByteWriter();
  w.ascii("PAGEDUMP");
  w.u32(spec.majorVersion ?? 0xf).u32(spec.build);
  w.u32(spec.directoryTableBase ?? 0x39000).u32(spec.pfnDataBase ?? 0x8054fe6c);
  w.u32(spec.psLoadedModuleList).u32(spec.psActiveProcessHead ?? 0);
  w.u32(spec.machine).u32(spec.processors ?? 1);
  w.u32(spec.bugcheck.code);
  for (let i = 0; i < 4; i++) w.u32(spec.bugcheck.args[i] ?? 0);
  versionUser(w, spec, 0x5c);
  if (spec.paeEnabled === undefined) w.pageFillTo(0x5d);
  else w.u8(spec.paeEnabled ? 1 : 0);
  w.u8(spec.kdSecondaryVersion ?? "A".charCodeAt(0)).pageFillTo(0x60);
  w.u32(spec.kdDebuggerDataBlock ?? 0);
  if (spec.runs) {
    w.u32(spec.runs.length).u32(pages(spec.runs));
    for (const run of spec.runs) w.u32(run.basePage).u32(run.pageCount);
  }
  w.pageFillTo(0x320);
  if (spec.context) w.bytes(spec.context);
  w.pageFillTo(0x7d0);
  exception(w, spec.exception, 4, 0x820);
  comment(w, spec.comment, 0x8a0);
  w.pageFillTo(0xf88);
  w.u32(spec.dumpType);
  optional32(w, spec.miniDumpFields);
  optional32(w, spec.secondaryDataState);
  w.u32(spec.productType ?? 1).u32(spec.suiteMask ?? 0x110);
  w.u32(spec.writerStatus ?? 0);
  w.u64(spec.requiredDumpSpace ?? 0).pageFillTo(0xfb8);
  w.u64(ticks(spec.uptimeSeconds)).u64(spec.systemTime ? fileTime(spec.systemTime) : 0);
  return w.pageFillTo(0x1000).finish();
}

function header64(spec: SynthKernelHeader): Uint8Array {
  const w = new ByteWriter();
  w.ascii("PAGEDU64");
  w.u32(spec.majorVersion ?? 0xf).u32(spec.build);
  w.u64(spec.directoryTableBase ?? 0x1ad000).u64(spec.pfnDataBase ?? 0xffffaa8000000000n);
  w.u64(spec.psLoadedModuleList).u64(spec.psActiveProcessHead ?? 0);
  w.u32(spec.machine).u32(spec.processors ?? 8);
  w.u32(spec.bugcheck.code).ascii("PAGE");
  for (let i = 0; i < 4; i++) w.u64(spec.bugcheck.args[i] ?? 0);
  versionUser(w, spec, 0x80);
  w.u64(spec.kdDebuggerDataBlock ?? 0);
  if (spec.runs) {
    w.u32(spec.runs.length).u32(0).u64(pages(spec.runs));
    for (const run of spec.runs) w.u64(run.basePage).u64(run.pageCount);
  }
  w.pageFillTo(0x348);
  if (spec.context) w.bytes(spec.context);
  w.pageFillTo(0xf00);
  exception(w, spec.exception, 8, 0xf98);
  w.u32(spec.dumpType).pageFillTo(0xfa0);
  w.u64(spec.requiredDumpSpace ?? 0).u64(spec.systemTime ? fileTime(spec.systemTime) : 0);
  comment(w, spec.comment, 0x1030);
  w.u64(ticks(spec.uptimeSeconds));
  optional32(w, spec.miniDumpFields);
  optional32(w, spec.secondaryDataState);
  w.u32(spec.productType ?? 1).u32(spec.suiteMask ?? 0x110);
  w.u32(spec.writerStatus ?? 0);
  w.u8(0)
    .u8(spec.kdSecondaryVersion ?? 0)
    .u16(0);
  optional32(w, spec.attributes);
  optional32(w, spec.bootId);
  return w.pageFillTo(0x2000).finish();
}

function versionUser(w: ByteWriter, spec: SynthKernelHeader, end: number): void {
  if (spec.versionUser === undefined) w.pageFillTo(end);
  else w.ascii(spec.versionUser, 32);
}

function comment(w: ByteWriter, text: string | undefined, end: number): void {
  if (text !== undefined) w.ascii(text, Math.min(text.length + 1, 128));
  w.pageFillTo(end);
}

function exception(w: ByteWriter, record: SynthKernelException | undefined, pointer: 4 | 8, end: number): void {
  if (record) {
    w.u32(record.code).u32(record.flags ?? 0);
    w.pointer(0, pointer).pointer(record.address, pointer);
    w.u32(record.parameters?.length ?? 0);
    if (pointer === 8) w.u32(0);
    for (const parameter of record.parameters ?? []) w.pointer(parameter, pointer);
  }
  w.pageFillTo(end);
}

function optional32(w: ByteWriter, value: number | undefined): void {
  if (value === undefined) w.pageFillTo(w.length + 4);
  else w.u32(value);
}

function pages(runs: readonly SynthRun[]): number {
  return runs.reduce((sum, run) => sum + run.pageCount, 0);
}

function ticks(seconds: number | undefined): bigint {
  return BigInt(Math.round((seconds ?? 0) * 1e7));
}
