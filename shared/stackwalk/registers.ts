import type { Caller, FrameTrust } from "./frame.ts";

/** Registers while a frame is undone; undefined: not known in the caller. */
export type Registers = Record<string, bigint | undefined>;

/** What a CPU calls its instruction and stack pointer, and how wide they are. */
interface PointerRegisters {
  readonly ip: string;
  readonly sp: string;
  readonly bits: 32 | 64;
}

/** A caller with the registers that are known of it, instruction and stack pointer among them. */
export function callerOf(
  cpu: PointerRegisters,
  trust: FrameTrust,
  ip: bigint,
  sp: bigint,
  registers: Registers,
  interrupted: boolean,
): Caller {
  const known: Record<string, bigint> = {};
  for (const name in registers) {
    const value = registers[name];
    if (value !== undefined) known[name] = value;
  }
  const pointer = BigInt.asUintN(cpu.bits, sp);
  known[cpu.sp] = pointer;
  known[cpu.ip] = ip;
  return { trust, ip, sp: pointer, registers: known, interrupted };
}
