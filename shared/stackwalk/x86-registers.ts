import type { Caller, FrameRegisters, FrameTrust } from "./frame.ts";
import type { Registers } from "./registers.ts";

/** Registers of a caller that are still known after a call was undone. */
export function keptX86({ ebp, ebx, esi, edi }: FrameRegisters): Registers {
  return { ebp, ebx, esi, edi };
}

/** A caller with its registers, `eip` and `esp` among them. */
export function callerX86(
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
  const esp = BigInt.asUintN(32, sp);
  known["esp"] = esp;
  known["eip"] = ip;
  return { trust, ip, sp: esp, registers: known, interrupted };
}
