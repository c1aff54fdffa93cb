import { arrayOf, at, struct, u32 } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";

/** Bits of ContextFlags that say 32-bit ARM: Microsoft's and the one that Breakpad chose before. */
const CONTEXT_ARM_BITS = 0x0020_0000 | 0x4000_0000;

/**
 * The start that Microsoft's CONTEXT of ARM (0x1A0 bytes) and Breakpad's MDRawContextARM
 * (0x170 bytes) have in common; they differ in the floating point part behind it.
 */
export const CONTEXT_ARM = struct("CONTEXT", 0x48, {
  ContextFlags: at(0x00, u32),
  /** R0..R12, Sp, Lr, Pc. */
  R: at(0x04, arrayOf(u32, 16)),
  Cpsr: at(0x44, u32),
});

/** Order in which rust-minidump prints them: r11 as `fp`, and after r12. */
const NAMES: readonly (readonly [name: string, index: number])[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12].map((index) => [`r${index}`, index] as const),
  ["fp", 11],
  ["sp", 13],
  ["lr", 14],
  ["pc", 15],
];

/** Reads an ARM context of either writer, or undefined when the bytes are too few or say another CPU. */
export function readArmContext(bytes: Uint8Array): CpuContext | undefined {
  if (bytes.length < CONTEXT_ARM.size) return undefined;
  const raw = CONTEXT_ARM.from(bytes);
  if ((raw.ContextFlags & CONTEXT_ARM_BITS) === 0) return undefined;
  const value = (index: number): bigint => BigInt(raw.R[index] as number);
  return {
    cpu: "arm",
    pc: value(15) as VirtualAddress,
    sp: value(13) as VirtualAddress,
    flags: raw.ContextFlags,
    registers: Object.fromEntries(NAMES.map(([name, index]) => [name, value(index)])),
  };
}
