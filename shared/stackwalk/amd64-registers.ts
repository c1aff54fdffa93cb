import type { Caller, FrameTrust } from "./frame.ts";
import type { Registers } from "./registers.ts";

/** Registers by their number in unwind codes and instructions. */
export const AMD64_REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

/** A caller with its registers, `rip` and `rsp` among them. */
export function callerAmd64(
  trust: FrameTrust,
  ip: bigint,
  sp: bigint,
  registers: Registers,
  interrupted = false,
): Caller {
  const known: Record<string, bigint> = {};
  for (const name in registers) {
    const value = registers[name];
    if (value !== undefined) known[name] = value;
  }
  const rsp = BigInt.asUintN(64, sp);
  known["rsp"] = rsp;
  known["rip"] = ip;
  return { trust, ip, sp: rsp, registers: known, interrupted };
}
