import type { VirtualAddress } from "../dump/address.ts";
import type { DumpModule } from "../dump/dump.ts";

/**
 * How a frame was found, best first; the names are those of the report. `cfi`: by unwind data of an image or
 * a symbol file, or by the rule that functions without any are leaves.
 */
export type FrameTrust = "context" | "cfi" | "frame_pointer" | "cfi_scan" | "scan";

/** Registers that are known in a frame, under the names of CpuContext; what is absent is not known. */
export type FrameRegisters = Readonly<Record<string, bigint>>;

/** One physical frame. */
export interface StackFrame {
  readonly trust: FrameTrust;
  /** Instruction pointer: for callers the return address. */
  readonly ip: VirtualAddress;
  readonly sp: VirtualAddress;
  /** Address to look symbols up with: inside the call instruction for callers, `ip` where code was interrupted. */
  readonly lookupIp: VirtualAddress;
  /** True where code was interrupted: frame 0, and what a trap or a signal stopped. */
  readonly interrupted: boolean;
  readonly registers: FrameRegisters;
  /** Bytes of a pointer where they are not the dump's: in the 32-bit half of a WOW64 process. */
  readonly pointerSize?: 4;
  /** Image that holds `lookupIp`. */
  readonly module?: DumpModule;
  /** `ip` from the module's base. */
  readonly rva?: number;
  /** `lookupIp` from the module's base. */
  readonly lookupRva?: number;
}

/** Why a walk ended. */
export type StackEnd =
  /** The oldest frame was reached: it returns to nothing, or the stack's memory is used up. */
  | "bottom"
  /** No way to find a caller. */
  | "lost"
  /** The limit of frames. */
  | "limit"
  /** The thread has no registers, or its stack is not in the dump. */
  | "no-context"
  /** The walk was cut short by a budget. */
  | "unfinished";

/** A caller as a method of unwinding gives it. */
export interface Caller {
  readonly trust: FrameTrust;
  readonly ip: bigint;
  readonly sp: bigint;
  readonly registers: FrameRegisters;
  /** Set where a trap, signal or machine frame was undone. */
  readonly interrupted?: boolean;
}

/** What unwind data say: a caller, that the stack ends here, or nothing. */
export type Unwound = Caller | "end" | undefined;
