import { addOffset, type CpuArch, type VirtualAddress } from "../../address.ts";
import type { CpuContext } from "../../cpu-context.ts";
import { type Memory, readExact } from "../../memory.ts";
import { completeAmd64, decodeTrapFrameAmd64, KEXCEPTION_FRAME_AMD64, KTRAP_FRAME_AMD64 } from "./amd64.ts";
import { decodeTrapFrameArm64, KTRAP_FRAME_ARM64 } from "./arm64.ts";
import { readExceptionRecord } from "./exception-record.ts";
import { decodeTrapFrameX86, KTRAP_FRAME_X86 } from "./x86.ts";

/** What the kernel saved of interrupted code when it entered through a trap. */
export interface TrapFrame {
  readonly address: VirtualAddress;
  /** The trap came from user mode: a system call, an interrupt or a fault there. */
  readonly fromUser: boolean;
  /** The address whose access faulted, where the trap was a page fault; stale otherwise. */
  readonly faultAddress?: VirtualAddress;
  readonly previousIrql?: number;
  /** Error code of the trap, or what else the handler keeps in that field. */
  readonly errorCode: bigint;
  /** Registers at the trap: only those that the frame truly holds. */
  readonly context: CpuContext;
}

/** Bytes of a KTRAP_FRAME, or undefined for CPUs whose frames are not read. */
export function trapFrameSize(cpu: CpuArch): number | undefined {
  if (cpu === "amd64") return KTRAP_FRAME_AMD64.size;
  if (cpu === "x86") return KTRAP_FRAME_X86.size;
  return cpu === "arm64" ? KTRAP_FRAME_ARM64.size : undefined;
}

/** x86: HardwareEsp is not pushed by traps from the kernel, so the interrupted stack goes on there. */
const X86_SP = 0x74n;

/**
 * Where the trap frame of kernel code with that stack pointer lies: handlers build it right below, 64-bit
 * processors align first. To be confirmed by what stands there.
 */
export function trapFrameBelow(cpu: CpuArch, sp: VirtualAddress): VirtualAddress | undefined {
  const size = trapFrameSize(cpu);
  if (size === undefined) return undefined;
  return cpu === "x86" ? addOffset(sp, -X86_SP) : addOffset((sp & ~0xfn) as VirtualAddress, -size);
}

/** Decodes the bytes of a KTRAP_FRAME; undefined when they cannot be one. */
export function decodeTrapFrame(
  cpu: CpuArch,
  bytes: Uint8Array,
  address: VirtualAddress,
  build: number,
): TrapFrame | undefined {
  if (cpu === "amd64") return decodeTrapFrameAmd64(bytes, address);
  if (cpu === "x86") return decodeTrapFrameX86(bytes, address, build);
  return cpu === "arm64" ? decodeTrapFrameArm64(bytes, address) : undefined;
}

/** Bytes that the memory below an x64 trap frame is looked at: an exception frame and what calls lie between. */
const BELOW = 0x1e0;

/** The memory that {@link readTrapFrame} may look at: for Memory.plan. */
export function trapFrameRanges(cpu: CpuArch, address: VirtualAddress): { address: VirtualAddress; length: number }[] {
  const size = trapFrameSize(cpu);
  if (size === undefined) return [];
  const below = cpu === "amd64" ? BELOW : 0;
  return [{ address: addOffset(address, -below), length: below + size }];
}

/**
 * Reads the trap frame at an address that an argument, a record or a scan gave.
 * @param build of the system: forms differ on x86
 * @param stopSp stack pointer at the entry of KeBugCheckEx, where the dump stands there: it tells an exception frame
 * @returns undefined when it is not in the dump or cannot be a trap frame
 */
export function readTrapFrame(
  memory: Memory,
  cpu: CpuArch,
  address: VirtualAddress,
  build: number,
  stopSp?: VirtualAddress,
): TrapFrame | undefined {
  const size = trapFrameSize(cpu);
  if (size === undefined || address === 0n) return undefined;
  const bytes = readExact(memory, address, size);
  const frame = bytes && decodeTrapFrame(cpu, bytes, address, build);
  return frame && cpu === "amd64" ? withNonvolatile(memory, frame, stopSp) : frame;
}

/** Where a dispatcher of bug checks (0x138 bytes) or of exceptions (0x1D8 bytes) called by the handler has its frame. */
const BUGCHECK_DISPATCH = 0x140;
const EXCEPTION_DISPATCH = 0x1e0;
/** The x64 dispatcher of exceptions keeps its EXCEPTION_RECORD so far below the trap frame (seen in a real dump). */
export const EXCEPTION_RECORD_BELOW = 0xa8;

/**
 * Adds what a KEXCEPTION_FRAME saved: R12 to R15, RBX, RSI, RDI stand in no trap frame. Something must say
 * that the record is there, since residue looks alike (a function that pushes RBP leaves the very value that
 * the field Rbp would have): KeBugCheckEx was called right below it, or the exception record that its function
 * makes is of this very trap. Without one the frame stays as it is.
 */
function withNonvolatile(memory: Memory, frame: TrapFrame, stopSp: VirtualAddress | undefined): TrapFrame {
  const bugcheckFrame = addOffset(frame.address, -BUGCHECK_DISPATCH);
  const called = stopSp !== undefined && bugcheckFrame === addOffset(stopSp, 8);
  if (!called && !wasRaised(memory, frame)) return frame;
  const address = called ? bugcheckFrame : addOffset(frame.address, -EXCEPTION_DISPATCH);
  const bytes = readExact(memory, address, KEXCEPTION_FRAME_AMD64.size);
  return bytes ? completeAmd64(frame, bytes) : frame;
}

/** NTSTATUS codes that are raised are warnings and errors. */
const FIRST_RAISED_CODE = 0x8000_0000;

function wasRaised(memory: Memory, frame: TrapFrame): boolean {
  const record = readExceptionRecord(memory, addOffset(frame.address, -EXCEPTION_RECORD_BELOW), 8);
  return record !== undefined && record.code >= FIRST_RAISED_CODE && record.address === frame.context.pc;
}
