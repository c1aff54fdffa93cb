import { type CpuArch, pointerSizeOf, type VirtualAddress } from "../../../shared/dump/address.ts";
import type { CpuContext } from "../../../shared/dump/cpu-context.ts";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import type { Memory } from "../../../shared/dump/memory.ts";
import type { ImageBytes } from "../../../shared/image/image-bytes.ts";
import type { StackFrame } from "../../../shared/stackwalk/frame.ts";
import { NO_SYMBOLS, type SymbolProvider } from "../../../shared/stackwalk/symbol-provider.ts";
import { type ThreadStack, walkThreads } from "../../../shared/stackwalk/walk-threads.ts";

/** A crashed machine for tests of walks: modules, one stack, registers. Offsets here are not taken from the readers. */

/** Base and size of the module that tests run in. */
export const BASE = 0x7ff6_0000_0000n;
export const IMAGE_SIZE = 0x1_0000;
/** Where the stack's memory starts. */
export const STACK = 0x10_0000n;
export const STACK_SIZE = 0x4000;

/** Memory of a few pieces. */
export function memoryOf(pieces: readonly (readonly [address: bigint, bytes: Uint8Array])[]): Memory {
  return {
    read: (address, length) => {
      const piece = pieces.find(([start, bytes]) => address >= start && address < start + BigInt(bytes.length));
      const found = piece
        ? piece[1].subarray(Number(address - piece[0]), Number(address - piece[0]) + length)
        : new Uint8Array(0);
      if (found.length === length) return { bytes: found };
      return { bytes: found, hole: { hole: "not-in-dump", at: (address + BigInt(found.length)) as VirtualAddress } };
    },
    plan: () => {},
  };
}

/** A stack with pointers at places. */
export function stackOf(
  slots: Readonly<Record<number, bigint>>,
  pointerSize: 4 | 8 = 8,
  size = STACK_SIZE,
): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of Object.entries(slots)) {
    if (pointerSize === 8) view.setBigUint64(Number(at), BigInt.asUintN(64, value), true);
    else view.setUint32(Number(at), Number(value), true);
  }
  return bytes;
}

/** An unwind table of a test image: functions with the bytes of their unwind data. */
export interface FakeFunction {
  readonly begin: number;
  readonly end: number;
  readonly info: readonly number[];
  /** Unwind data of the record itself instead of an address: ARM64's packed words. */
  readonly packed?: number;
}

const PDATA = 0x8000;
const XDATA = 0x9000;
/** Unwind data of function `index` of an image lie there. */
export const xdataAt = (index: number): number => XDATA + index * 0x100;

/** A PE image of one executable section at 0x1000 with an exception directory. */
export function peImage(
  machine: number,
  functions: readonly FakeFunction[],
  code: Readonly<Record<number, readonly number[]>> = {},
): Uint8Array {
  const bytes = new Uint8Array(IMAGE_SIZE);
  const view = new DataView(bytes.buffer);
  const entry = machine === 0x8664 ? 12 : 8;
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, 0x80, true);
  view.setUint32(0x80, 0x4550, true);
  view.setUint16(0x84, machine, true);
  view.setUint16(0x86, 1, true);
  view.setUint16(0x94, 0xf0, true);
  view.setUint16(0x98, 0x20b, true);
  view.setUint32(0x98 + 56, IMAGE_SIZE, true);
  view.setUint32(0x98 + 60, 0x400, true);
  view.setUint32(0x98 + 108, 16, true);
  view.setUint32(0x98 + 112 + 3 * 8, PDATA, true);
  view.setUint32(0x98 + 112 + 3 * 8 + 4, functions.length * entry, true);
  const section = 0x98 + 0xf0;
  bytes.set(new TextEncoder().encode(".text"), section);
  view.setUint32(section + 8, 0x6000, true);
  view.setUint32(section + 12, 0x1000, true);
  view.setUint32(section + 16, 0x6000, true);
  view.setUint32(section + 20, 0x1000, true);
  view.setUint32(section + 36, 0x6000_0020, true);
  for (const [index, { begin, end, info, packed }] of functions.entries()) {
    view.setUint32(PDATA + index * entry, begin, true);
    if (entry === 12) view.setUint32(PDATA + index * entry + 4, end, true);
    view.setUint32(PDATA + index * entry + entry - 4, packed ?? xdataAt(index), true);
    bytes.set(info, xdataAt(index));
  }
  for (const [at, values] of Object.entries(code)) bytes.set(values, Number(at));
  return bytes;
}

/** The bytes of an image as the walker reads them. */
export function imageBytes(bytes: Uint8Array): ImageBytes {
  return { read: (rva, length) => bytes.subarray(rva, rva + length), plan: () => {} };
}

/** What a test gives. */
export interface FakeThread {
  readonly cpu: CpuArch;
  readonly registers: Readonly<Record<string, bigint>>;
  readonly pc: bigint;
  readonly sp: bigint;
  readonly stack: Uint8Array;
  readonly image?: Uint8Array;
  readonly os?: string;
  readonly kernel?: boolean;
  readonly modules?: readonly DumpModule[];
  readonly unloaded?: Dump["unloadedModules"];
  readonly provider?: SymbolProvider;
  readonly memory?: readonly (readonly [bigint, Uint8Array])[];
}

/** The module at {@link BASE}. */
export const MODULE: DumpModule = {
  base: BASE as VirtualAddress,
  size: IMAGE_SIZE,
  path: "C:\\test\\module.dll",
  identity: "absent",
};

/** A dump of one thread. */
export function dumpOf(thread: FakeThread): Dump {
  const context: CpuContext = {
    cpu: thread.cpu,
    pc: thread.pc as VirtualAddress,
    sp: thread.sp as VirtualAddress,
    flags: 0,
    registers: thread.registers,
  };
  const pointerSize = pointerSizeOf(thread.cpu);
  const stack = { start: STACK as VirtualAddress, size: thread.stack.length };
  return {
    format: "MDMP",
    kind: "minidump",
    dumpType: 0,
    size: 0,
    truncated: false,
    sections: [],
    cpu: thread.cpu,
    pointerSize,
    system: { os: thread.os ?? "Windows NT" },
    process: {},
    modules: thread.modules ?? [MODULE],
    unloadedModules: thread.unloaded ?? [],
    threads: [{ id: 1, stack, context }],
    crashingThread: 0,
    ...(thread.kernel
      ? {
          kernel: {
            loadedModuleList: 0n as VirtualAddress,
            activeProcessHead: 0n as VirtualAddress,
            directoryTableBase: 0n,
            pfnDatabase: 0n as VirtualAddress,
            majorVersion: 15,
            minorVersion: 19041,
          },
        }
      : {}),
    extras: {},
    memory: memoryOf([[STACK, thread.stack], ...(thread.memory ?? [])]),
  };
}

/** Walks the thread; everything is in memory, so the tasks never wait. */
export function walk(thread: FakeThread): ThreadStack {
  const { image } = thread;
  const fromImage: SymbolProvider = image
    ? { ...NO_SYMBOLS, image: (module) => (module === MODULE ? imageBytes(image) : undefined) }
    : NO_SYMBOLS;
  const { tasks, stacks } = walkThreads(dumpOf(thread), thread.provider ?? fromImage);
  for (const task of tasks) task(undefined as never);
  return stacks[0] as ThreadStack;
}

/** Offsets in the module, with trust. */
export function shown(frames: readonly StackFrame[]): string[] {
  return frames.map(({ ip, rva, trust }) => `${rva === undefined ? ip.toString(16) : `+${rva.toString(16)}`} ${trust}`);
}
