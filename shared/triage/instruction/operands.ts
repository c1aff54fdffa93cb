import { dataView } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump } from "../../dump/dump.ts";
import { readPointer } from "../../dump/memory.ts";
import type { Access } from "../stop-codes/stop-facts.ts";
import type { Instruction } from "./disassembler.ts";
import {
  effectiveAddress,
  isNonCanonical,
  NULL_PAGES,
  operandRegisters,
  registerValue,
  type SegmentBases,
} from "./effective-address.ts";
import type { CodeAt, OperandFacts } from "./instruction-facts.ts";
import type { ReportedAccess } from "./reported-access.ts";

/** Operands of an instruction as the dump has them: addresses, values, which of them failed, where it goes on. */

/** Largest operand whose value is read: AVX-512's. */
const MAX_VALUE = 64;

/** Addresses and values of all operands; their memory is asked for in one round. */
export function operandFacts(
  dump: Dump,
  instruction: Instruction,
  context: CpuContext,
  segments: SegmentBases,
): OperandFacts[] {
  const placed = instruction.memory.map((operand) => ({
    operand,
    address: effectiveAddress(operand, context, segments),
  }));
  const wanted = placed.flatMap(({ operand, address }) =>
    address === undefined ? [] : [{ address, length: Math.min(operand.size, MAX_VALUE) }],
  );
  dump.memory.plan(wanted);
  return placed.map(({ operand, address }): OperandFacts => {
    const registers = operandRegisters(operand, context);
    if (address === undefined) return { operand, registers, faulting: false };
    const length = Math.min(operand.size, MAX_VALUE);
    const piece = length === 0 ? undefined : dump.memory.read(address, length);
    return {
      operand,
      address,
      registers,
      ...(piece && !piece.hole ? { value: piece.bytes } : {}),
      ...(piece?.hole ? { hole: piece.hole.hole } : {}),
      faulting: false,
    };
  });
}

/** Where jumps, calls and returns go on. */
export function targetOf(
  dump: Dump,
  { flow, target }: Instruction,
  context: CpuContext,
  operands: readonly OperandFacts[],
): VirtualAddress | undefined {
  if (flow !== "jump" && flow !== "call" && flow !== "return") return undefined;
  if (typeof target === "bigint") return target as VirtualAddress;
  if (typeof target === "string") return registerValue(context, target) as VirtualAddress | undefined;
  const pointer = operands.find(({ operand }) => operand.access === "read" && operand.size === dump.pointerSize);
  return pointer?.address === undefined ? undefined : readPointer(dump.memory, pointer.address, dump.pointerSize);
}

/** The code that a pointer in memory leads to, where a jump or call goes through it. */
export function pointerTarget(
  dump: Dump,
  { instruction }: CodeAt,
  { operand, value }: OperandFacts,
): bigint | undefined {
  const through = instruction?.flow === "jump" || instruction?.flow === "call";
  const pointer = through && operand.explicit && operand.access === "read" && operand.size === dump.pointerSize;
  return pointer && value ? integerOf(value) : undefined;
}

/** The operand whose access failed. */
export function failedOperand(
  dump: Dump,
  instruction: Instruction | undefined,
  operands: readonly OperandFacts[],
  reported: ReportedAccess,
): OperandFacts | undefined {
  const { address: at, access } = reported;
  if (access === "execute" || !instruction) return undefined;
  const touching = operands.filter(
    ({ address, operand }) => address !== undefined && at >= address && at - address < BigInt(operand.size || 1),
  );
  const exact = touching.find(({ operand }) => does(operand.access, access)) ?? touching[0];
  if (!reported.withoutAddress) return exact;
  // No address was reported. An access to address 0 explains one that is 0; then what the processor protects.
  const wild = operands.find(({ address }) => address !== undefined && isNonCanonical(dump.cpu, address));
  const crooked = instruction.aligned ? operands.find(isMisaligned) : undefined;
  // Some writers put 0 for every address; an operand behind a null pointer is then the one.
  const none = at === 0n ? operands.find(({ address }) => address !== undefined && address < NULL_PAGES) : undefined;
  return wild ?? (at === 0n ? exact : undefined) ?? none ?? crooked ?? exact;
}

function does(operand: string, access: Access | undefined): boolean {
  return access === undefined || operand === "readwrite" || operand === access;
}

/** A vector that is not at a multiple of its 16 bytes. */
export function isMisaligned({ address, operand }: OperandFacts): boolean {
  return address !== undefined && operand.size >= 16 && address % 16n !== 0n;
}

/** What an integer division divided by; undefined where it is none or that is not known. */
export function divisorOf(
  { divisor }: Instruction,
  operands: readonly OperandFacts[],
  context: CpuContext,
): bigint | undefined {
  if (typeof divisor === "string") return registerValue(context, divisor);
  const value = operands.find(({ operand }) => operand === divisor)?.value;
  return value && integerOf(value);
}

/** Little-endian integer of 1 to 64 bytes. */
export function integerOf(bytes: Uint8Array): bigint {
  const view = dataView(bytes);
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(view.getUint8(at));
  return value;
}
