import type { Caller, FrameRegisters, FrameTrust } from "./frame.ts";
import { callerOf, type Registers } from "./registers.ts";

/** Registers of a caller that are still known after a call was undone. */
export function keptX86({ ebp, ebx, esi, edi }: FrameRegisters): Registers {
  return { ebp, ebx, esi, edi };
}

const POINTERS = { ip: "eip", sp: "esp", bits: 32 } as const;

/** A caller with its registers, `eip` and `esp` among them. */
export function callerX86(
  trust: FrameTrust,
  ip: bigint,
  sp: bigint,
  registers: Registers,
  interrupted = false,
): Caller {
  return callerOf(POINTERS, trust, ip, sp, registers, interrupted);
}
