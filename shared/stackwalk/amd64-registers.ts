import type { Caller, FrameTrust } from "./frame.ts";
import { callerOf, type Registers } from "./registers.ts";

/** Registers by their number in unwind codes and instructions. */
export const AMD64_REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

const POINTERS = { ip: "rip", sp: "rsp", bits: 64 } as const;

/** A caller with its registers, `rip` and `rsp` among them. */
export function callerAmd64(
  trust: FrameTrust,
  ip: bigint,
  sp: bigint,
  registers: Registers,
  interrupted = false,
): Caller {
  return callerOf(POINTERS, trust, ip, sp, registers, interrupted);
}
