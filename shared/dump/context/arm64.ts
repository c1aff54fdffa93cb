import { arrayOf, at, struct, u32, u64 } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";

/** Bit of ContextFlags that says ARM64 in Microsoft's and Crashpad's layout. */
const CONTEXT_ARM64_BIT = 0x0040_0000;
/** Bit that says ARM64 in the layout that Breakpad had before Microsoft published one. */
const CONTEXT_ARM64_OLD_BIT = 0x8000_0000;

/**
 * CONTEXT of ARM64 as Microsoft and Crashpad write it.
 * https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-arm64_nt_context
 */
export const CONTEXT_ARM64 = struct("CONTEXT", 0x390, {
  ContextFlags: at(0x00, u32),
  Cpsr: at(0x04, u32),
  /** X0..X28, Fp, Lr. */
  X: at(0x08, arrayOf(u64, 31)),
  Sp: at(0x100, u64),
  Pc: at(0x108, u64),
});

/** MDRawContextARM64_Old of Breakpad: 64-bit flags, Cpsr behind Pc, packed to 4 bytes. */
export const CONTEXT_ARM64_OLD = struct("MDRawContextARM64_Old", 0x31c, {
  ContextFlags: at(0x00, u32),
  X: at(0x08, arrayOf(u64, 31)),
  Sp: at(0x100, u64),
  Pc: at(0x108, u64),
  Cpsr: at(0x110, u32),
});

/** Reads an ARM64 context of either layout, told apart by flags and size; undefined when it is neither. */
export function readArm64Context(bytes: Uint8Array): CpuContext | undefined {
  if (bytes.length < CONTEXT_ARM64_OLD.size) return undefined;
  const old = CONTEXT_ARM64_OLD.from(bytes);
  const isNew = (old.ContextFlags & CONTEXT_ARM64_BIT) !== 0;
  if (isNew && bytes.length < CONTEXT_ARM64.size) return undefined;
  if (!isNew && (old.ContextFlags & CONTEXT_ARM64_OLD_BIT) === 0) return undefined;
  // Both layouts have the general registers, Sp and Pc at the same offsets.
  const names: [string, bigint][] = old.X.map((value, index) => [nameOf(index), value]);
  return {
    cpu: "arm64",
    pc: old.Pc as VirtualAddress,
    sp: old.Sp as VirtualAddress,
    flags: old.ContextFlags,
    registers: Object.fromEntries([...names, ["sp", old.Sp], ["pc", old.Pc]]),
  };
}

function nameOf(index: number): string {
  if (index === 29) return "fp";
  return index === 30 ? "lr" : `x${index}`;
}
