import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { MemoryOperand } from "./disassembler.ts";

/** Registers and addresses as an instruction saw them. */

/** Parts of x64 registers by the name of the whole. */
const X64_PARTS = /^(?:e([a-d]x|[sd]i|[sb]p)|(r\d+)d)$/;

/** Value of a register or of its 32-bit part; undefined where the context does not hold it. */
export function registerValue(context: CpuContext, name: string): bigint | undefined {
  const { registers } = context;
  const whole = registers[name];
  if (whole !== undefined) return whole;
  if (context.cpu === "arm64") {
    if (name === "xzr" || name === "wzr") return 0n;
    const part = /^w(\d+)$/.exec(name)?.[1];
    const name64 = part === "29" ? "fp" : part === "30" ? "lr" : `x${part}`;
    return part === undefined ? undefined : low32(registers[name64]);
  }
  const [, classic, numbered] = X64_PARTS.exec(name) ?? [];
  return low32(registers[classic === undefined ? (numbered ?? "") : `r${classic}`]);
}

function low32(value: bigint | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt.asUintN(32, value);
}

/** Where segments start that do not start at 0: FS and GS. */
export type SegmentBases = Readonly<Partial<Record<"fs" | "gs", bigint>>>;

/**
 * Where an operand lies.
 * @param replace a register's value that stands in for the context's, to try out another one
 * @returns undefined where a register or the start of its segment is not known
 */
export function effectiveAddress(
  operand: MemoryOperand,
  context: CpuContext,
  segments: SegmentBases,
  replace?: { readonly register: string; readonly value: bigint },
): VirtualAddress | undefined {
  const held = (name: string): bigint | undefined =>
    replace?.register === name ? replace.value : registerValue(context, name);
  const base = operand.base === undefined ? 0n : held(operand.base);
  const index = operand.index === undefined ? 0n : held(operand.index);
  const { segment } = operand;
  const start = segment === "fs" || segment === "gs" ? segments[segment] : 0n;
  if (base === undefined || index === undefined || start === undefined) return undefined;
  const widened = operand.extend === "sxtw" ? BigInt.asIntN(32, index) : index;
  const offset = BigInt.asUintN(operand.addressBits, base + widened * BigInt(operand.scale) + operand.displacement);
  const bits = context.cpu === "x86" ? 32 : 64;
  return BigInt.asUintN(bits, start + offset) as VirtualAddress;
}

/** The registers of an operand's address with their values. */
export function operandRegisters(operand: MemoryOperand, context: CpuContext): Record<string, bigint> {
  const values: Record<string, bigint> = {};
  for (const name of [operand.base, operand.index]) {
    const value = name === undefined ? undefined : registerValue(context, name);
    if (name !== undefined && value !== undefined) values[name] = value;
  }
  return values;
}

/** Addresses of x64 that no page table can map. LA57 would make the hole smaller; no dump here has it. */
export function isNonCanonical(cpu: string, address: bigint): boolean {
  return cpu === "amd64" && address >= 0x0000_8000_0000_0000n && address < 0xffff_8000_0000_0000n;
}

/** Below this nothing is ever mapped: a null pointer and an offset. */
export const NULL_PAGES = 0x1_0000n;
