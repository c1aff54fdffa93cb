import type { Dump } from "../../dump/dump.ts";
import type { AddressMap } from "./address-map.ts";
import type { Instruction } from "./disassembler.ts";
import { isNonCanonical } from "./effective-address.ts";
import type { FaultFacts, Inconsistency, OperandFacts } from "./instruction-facts.ts";
import type { ReportedAccess } from "./reported-access.ts";

/**
 * Exceptions that their instruction cannot have raised: broken hardware, a debugger's leftovers, code that was
 * changed while it ran, or a dump of the wrong moment.
 */
export interface ConsistencyInput {
  readonly dump: Dump;
  readonly code: number;
  readonly flags: number;
  readonly instruction: Instruction;
  readonly operands: readonly OperandFacts[];
  /** Where it goes on, when that is known. */
  readonly target: bigint | undefined;
  /** What it divides by, when it divides and that is known. */
  readonly divisor: bigint | undefined;
  readonly reported: ReportedAccess | undefined;
  readonly fault: FaultFacts | undefined;
  readonly map: AddressMap;
}

const STATUS_INTEGER_DIVIDE_BY_ZERO = 0xc000_0094;
const STATUS_PRIVILEGED_INSTRUCTION = 0xc000_0096;
const SIGFPE = 8;
const FPE_INTDIV = 1;
const EXC_ARITHMETIC = 3;
const EXC_I386_DIV = 1;

/** What contradicts itself; empty in a sound dump. */
export function inconsistencies(input: ConsistencyInput): Inconsistency[] {
  return [...divisionDoubts(input), ...privilegeDoubts(input), ...accessDoubts(input)];
}

/** ARM64 divides by zero without an exception, so whatever raised one there checked by itself. */
function divisionDoubts({ dump, code, flags, instruction, divisor }: ConsistencyInput): Inconsistency[] {
  if (dump.cpu !== "amd64" && dump.cpu !== "x86") return [];
  const { os } = dump.system;
  const divides =
    os === "Windows NT"
      ? code === STATUS_INTEGER_DIVIDE_BY_ZERO
      : os === "Mac OS X"
        ? code === EXC_ARITHMETIC && flags === EXC_I386_DIV
        : code === SIGFPE && flags === FPE_INTDIV;
  if (!divides) return [];
  if (instruction.divisor === undefined) return ["int_div_by_zero_not_possible"];
  // A quotient that does not fit raises the same trap; systems tell them apart, emulators and some kernels do not.
  return divisor === undefined || divisor === 0n ? [] : ["int_div_by_zero_divisor_not_zero"];
}

function privilegeDoubts({ dump, code, instruction }: ConsistencyInput): Inconsistency[] {
  const raised = dump.system.os === "Windows NT" && code === STATUS_PRIVILEGED_INSTRUCTION;
  return raised && !instruction.privileged ? ["priv_instruction_crash_without_priv_instruction"] : [];
}

function accessDoubts(input: ConsistencyInput): Inconsistency[] {
  const { reported, fault, map } = input;
  if (!reported || !fault || reported.stackOverflow) return [];
  if (reported.withoutAddress) return canBeProtectionFault(input) ? [] : ["non_canonical_address_falsely_reported"];
  const { access } = fault;
  if (access === undefined) return [];
  return [
    ...(fault.follows === false ? (["crashing_access_not_found_in_memory_accesses"] as const) : []),
    ...(!reported.guardPage && map.permitted(fault.reported, access) === true
      ? (["access_violation_when_access_allowed"] as const)
      : []),
  ];
}

/** A general protection fault needs a reason: an address, an alignment, or an instruction that has reasons of its own. */
function canBeProtectionFault({ dump, instruction, operands, target }: ConsistencyInput): boolean {
  if (dump.cpu !== "amd64" || dump.system.os !== "Windows NT") return true;
  const { flow, memory, aligned, privileged } = instruction;
  if (flow === "trap" || privileged || aligned || memory.length === 0) return true;
  if (target !== undefined && isNonCanonical(dump.cpu, target)) return true;
  // Far jumps and returns from interrupts load segments, which has rules of its own.
  const near = memory.length === 1 && memory[0]?.size === dump.pointerSize;
  if (flow !== "next" && (target === undefined || (flow === "return" && !near))) return true;
  return operands.some(
    ({ address, operand }) =>
      address === undefined ||
      isNonCanonical(dump.cpu, address) ||
      isNonCanonical(dump.cpu, address + BigInt(Math.max(0, operand.size - 1))) ||
      // An access to the very address that Windows fills in.
      address === 0xffff_ffff_ffff_ffffn,
  );
}
