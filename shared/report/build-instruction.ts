import { hexAddress } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import { isNonCanonical } from "../triage/instruction/effective-address.ts";
import type { InstructionFacts, OperandFacts } from "../triage/instruction/instruction-facts.ts";
import { integerOf } from "../triage/instruction/operands.ts";
import { addressClass } from "./build-exception.ts";
import type { CrashReport } from "./crash-report.ts";
import { codeBytesText, codeText, operandValues } from "./instruction-line.ts";

/** The failing instruction in the report: our own part, and the keys of `crash_info` that rust-minidump has for it. */

type CrashInfo = Partial<CrashReport["crash_info"]>;

/** The instruction with its operands, and what they say of the fault. */
export function instructionPart(dump: Dump, facts: InstructionFacts | undefined): CrashReport["instruction"] {
  if (!facts) return null;
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  const { fault, target } = facts;
  return {
    address: hex(facts.address),
    place: facts.places.get(facts.address) ?? null,
    bytes: facts.bytes.length === 0 ? null : codeBytesText(dump, facts),
    text: facts.instruction ? codeText(dump, facts, facts.places) : null,
    missing: facts.missing ?? null,
    values: operandValues(dump, facts).trim() || null,
    operands: facts.operands.map((operand) => operandPart(dump, facts, operand)),
    target: target === undefined ? null : hex(target),
    target_place: (target === undefined ? undefined : facts.places.get(target)) ?? null,
    fault: fault
      ? {
          reported_address: hex(fault.reported),
          address: fault.address === undefined ? null : hex(fault.address),
          place: (fault.address === undefined ? undefined : facts.places.get(fault.address)) ?? null,
          access: fault.access ?? null,
          size: fault.size ?? null,
          follows_from_registers: fault.follows ?? null,
          cause: fault.cause ?? null,
          null_offset: fault.nullOffset === undefined ? null : Number(fault.nullOffset),
        }
      : null,
    stack_exhausted: facts.stackExhausted,
    misaligned_ip: facts.misaligned,
  };
}

function operandPart(dump: Dump, facts: InstructionFacts, found: OperandFacts) {
  const { operand, address, value, registers } = found;
  const hex = (one: bigint): string => hexAddress(one, dump.pointerSize);
  return {
    access: operand.access,
    size: operand.size === 0 ? null : operand.size,
    implicit: !operand.explicit,
    address: address === undefined ? null : hex(address),
    registers: Object.fromEntries(Object.entries(registers).map(([name, held]) => [name, hex(held)])),
    // As a number, so that it reads like a register.
    value: value
      ? `0x${integerOf(value)
          .toString(16)
          .padStart(value.length * 2, "0")}`
      : null,
    hole: found.hole ?? null,
    place: (address === undefined ? undefined : facts.places.get(address)) ?? null,
    address_class: address === undefined ? null : addressClass(dump, address),
    guard_page: address !== undefined && facts.guardPages.has(address),
    faulting: found.faulting,
  };
}

/** rust-minidump's keys; absent where there is nothing to say. */
export function crashInfoPart(dump: Dump, facts: InstructionFacts | undefined): CrashInfo {
  if (!facts?.instruction) return facts ? flipsPart(dump, facts) : {};
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  const { operands, target } = facts;
  const adjusted = adjustedAddress(dump, facts);
  const guard = (address: bigint) => (facts.guardPages.has(address) ? { is_likely_guard_page: true } : {});
  return {
    instruction: codeText(dump, facts, facts.places),
    ...(operands.every(({ address }) => address !== undefined)
      ? {
          memory_accesses: operands.flatMap(({ address, operand }) =>
            address === undefined
              ? []
              : [{ address: hex(address), size: operand.size, access_type: operand.access, ...guard(address) }],
          ),
        }
      : {}),
    ...(adjusted ? { adjusted_address: adjusted } : {}),
    ...(target === undefined ? {} : { instruction_pointer_update: { address: hex(target) } }),
    ...flipsPart(dump, facts),
    ...(facts.inconsistencies.length > 0 ? { crash_inconsistencies: [...facts.inconsistencies] } : {}),
  };
}

function flipsPart(dump: Dump, { bitFlips }: InstructionFacts): CrashInfo {
  if (bitFlips.length === 0) return {};
  return {
    possible_bit_flips: bitFlips.map((flip) => ({
      address: hexAddress(flip.address, dump.pointerSize),
      confidence: flip.confidence,
      details: {
        is_null: flip.isNull,
        nearby_registers: flip.nearbyRegisters,
        poison_registers: flip.poisonRegisters,
        // Small addresses are taken for null pointers and offsets: no candidates are looked for.
        was_low: false,
        was_non_canonical: flip.wasNonCanonical,
      },
      source_register: flip.register ?? null,
    })),
  };
}

/** The address that the exception does not say: behind a null pointer, or one that no page table can map. */
function adjustedAddress(dump: Dump, { fault }: InstructionFacts): CrashInfo["adjusted_address"] | undefined {
  if (!fault || fault.address === undefined) return undefined;
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  if (fault.cause === "null-pointer" && fault.access !== "execute") {
    return { kind: "null-pointer", offset: hex(fault.nullOffset ?? 0n) };
  }
  if (isNonCanonical(dump.cpu, fault.address) && fault.address !== fault.reported) {
    return { kind: "non-canonical", address: hex(fault.address) };
  }
  return undefined;
}
