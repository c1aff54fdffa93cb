import { dataView } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump } from "../../dump/dump.ts";
import { readPointer } from "../../dump/memory.ts";
import type { Access, StopFacts } from "../stop-codes/stop-facts.ts";
import type { AddressMap } from "./address-map.ts";
import { bitFlips } from "./bit-flips.ts";
import type { Instruction } from "./disassembler.ts";
import {
  effectiveAddress,
  isNonCanonical,
  NULL_PAGES,
  operandRegisters,
  registerValue,
  type SegmentBases,
} from "./effective-address.ts";
import { inconsistencies } from "./inconsistencies.ts";
import type { CodeAt, FaultCause, FaultFacts, InstructionFacts, OperandFacts } from "./instruction-facts.ts";
import { type ReportedAccess, reportedAccess } from "./reported-access.ts";
import { isStackExhausted } from "./stack-exhaustion.ts";

/** What the explanation is made from. */
export interface FaultInput {
  readonly dump: Dump;
  /** What a stop code led to; absent for user dumps. */
  readonly stop?: StopFacts;
  /** Registers at the fault; absent where only the place is known. */
  readonly context?: CpuContext;
  readonly code: CodeAt;
  readonly map: AddressMap;
}

/** Largest operand whose value is read: AVX-512's. */
const MAX_VALUE = 64;

/**
 * Explains the instruction that failed: its operands, whether the failed access is one of them, and why it
 * failed. Places are left to the caller, who has symbols. May throw MissingRanges.
 */
export function explainFault(input: FaultInput): InstructionFacts {
  const { dump, context, code, map } = input;
  const { instruction } = code;
  const reported = context && reportedAccess(dump, input.stop);
  const segments = segmentBases(dump);
  const found = context && instruction ? operandFacts(dump, instruction, context, segments) : [];
  const target = context && instruction && targetOf(dump, instruction, context, found);
  const failed = context && reported && failedOperand(dump, instruction, found, reported);
  const operands = found.map((one) => (one === failed ? { ...one, faulting: true } : one));
  const fault = context && reported && faultFacts(input, reported, context, operands, target);
  const accessed = fault?.address;
  const guardPages = new Set(
    operands.flatMap(({ address }) => (address !== undefined && map.isGuardPage(address) ? [address] : [])),
  );
  const faulting = operands.find((one) => one.faulting);
  const wild = fault?.cause === undefined || !EXPLAINED.has(fault.cause);
  const exception = input.stop?.exceptionRecord ?? dump.exception;
  return {
    ...code,
    operands,
    ...(context?.segments ? { segments: context.segments } : {}),
    ...(target === undefined ? {} : { target }),
    ...(fault ? { fault } : {}),
    stackExhausted: fault?.cause === "stack-exhausted",
    bitFlips:
      context && accessed !== undefined && wild
        ? bitFlips({
            address: accessed,
            access: fault?.access,
            context,
            ...(faulting ? { operand: faulting } : {}),
            segments,
            map,
          })
        : [],
    inconsistencies:
      context && instruction && exception && (!dump.bugcheck || input.stop?.exceptionRecord)
        ? inconsistencies({
            dump,
            code: exception.code,
            flags: exception.flags,
            instruction,
            operands,
            target,
            divisor: divisorOf(instruction, operands, context),
            reported,
            fault,
            map,
          })
        : [],
    places: new Map(),
    guardPages,
  };
}

/** Causes that need no broken hardware to be understood. */
const EXPLAINED: ReadonlySet<FaultCause> = new Set(["stack-exhausted", "null-pointer", "misaligned", "guard-page"]);

/** FS of 32-bit and GS of 64-bit user code point to the TEB; those of kernels to what dumps name otherwise. */
function segmentBases(dump: Dump): SegmentBases {
  const teb = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread]?.teb;
  if (dump.bugcheck || teb === undefined || dump.system.os !== "Windows NT") return {};
  return dump.cpu === "x86" ? { fs: teb } : { gs: teb };
}

function operandFacts(
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
function targetOf(
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
function failedOperand(
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

function isMisaligned({ address, operand }: OperandFacts): boolean {
  return address !== undefined && operand.size >= 16 && address % 16n !== 0n;
}

function faultFacts(
  input: FaultInput,
  reported: ReportedAccess,
  context: CpuContext,
  operands: readonly OperandFacts[],
  target: VirtualAddress | undefined,
): FaultFacts {
  const { dump, code } = input;
  const failed = operands.find(({ faulting }) => faulting);
  const leap = !failed && reported.withoutAddress && target !== undefined && isNonCanonical(dump.cpu, target);
  const address = failed
    ? reported.withoutAddress
      ? failed.address
      : reported.address
    : leap
      ? target
      : reported.withoutAddress && reported.address !== 0n
        ? undefined
        : reported.address;
  const fetch = reported.access === "execute" || (reported.access === undefined && address === context.pc) || leap;
  // Systems that do not say what the access was leave it to the instruction.
  const access =
    reported.withoutAddress || reported.access === undefined
      ? fetch
        ? "execute"
        : accessOf(failed, reported)
      : reported.access;
  const follows = followsFrom(code, context, reported, failed, operands, leap);
  const cause = causeOf(input, reported, context, address, access, failed);
  const nullOffset =
    cause === "null-pointer" && address !== undefined ? BigInt.asIntN(dump.pointerSize * 8, address) : undefined;
  return {
    reported: reported.address,
    ...(address === undefined ? {} : { address }),
    ...(access === undefined ? {} : { access }),
    ...(failed && failed.operand.size > 0 ? { size: failed.operand.size } : {}),
    ...(follows === undefined ? {} : { follows }),
    ...(cause === undefined ? {} : { cause }),
    ...(nullOffset === undefined ? {} : { nullOffset }),
  };
}

/** A write that also reads fails as a write: page tables are asked for both at once. */
function accessOf(failed: OperandFacts | undefined, reported: ReportedAccess): Access | undefined {
  if (!failed) return reported.withoutAddress ? undefined : reported.access;
  return failed.operand.access === "readwrite" ? "write" : failed.operand.access;
}

function followsFrom(
  code: CodeAt,
  context: CpuContext,
  reported: ReportedAccess,
  failed: OperandFacts | undefined,
  operands: readonly OperandFacts[],
  leap: boolean,
): boolean | undefined {
  if (reported.access === "execute") {
    const behind = reported.address - context.pc;
    return behind >= 0n && behind < BigInt(code.instruction?.length ?? 15);
  }
  if (failed)
    return failed.address === undefined
      ? undefined
      : reported.withoutAddress
        ? isProtected(failed, code, context)
        : true;
  if (leap || (reported.access === undefined && reported.address === context.pc)) return true;
  const known =
    code.instruction !== undefined &&
    operands.every(({ address, operand }) => address !== undefined && operand.size > 0);
  return known && !reported.withoutAddress ? false : undefined;
}

/** The access explains a fault that came without an address. */
function isProtected(failed: OperandFacts, code: CodeAt, { cpu }: CpuContext): boolean | undefined {
  if (failed.address === undefined) return undefined;
  const crooked = code.instruction?.aligned === true && isMisaligned(failed);
  return isNonCanonical(cpu, failed.address) || crooked || failed.address < NULL_PAGES ? true : undefined;
}

function causeOf(
  { dump, map, code }: FaultInput,
  reported: ReportedAccess,
  context: CpuContext,
  address: VirtualAddress | undefined,
  access: Access | undefined,
  failed: OperandFacts | undefined,
): FaultCause | undefined {
  if (isStackExhausted(dump, context, reported, address, map)) return "stack-exhausted";
  if (address === undefined) return undefined;
  if (address < NULL_PAGES || isBelowNull(failed, address)) return "null-pointer";
  if (isNonCanonical(dump.cpu, address)) return "non-canonical";
  if (reported.withoutAddress && code.instruction?.aligned && failed && isMisaligned(failed)) return "misaligned";
  if (reported.guardPage || map.isGuardPage(address)) return "guard-page";
  if (!dump.bugcheck && dump.pointerSize === 8 && address >= 0xffff_8000_0000_0000n) return "kernel-address";
  // Windows tells a missing page from one that is there and must not run; code that is in the dump is there.
  if (access === "execute" && code.bytes.length > 0) return "not-executable";
  if (map.regions.length === 0) return undefined;
  if (!map.allows(address, undefined)) return "unmapped";
  if (access === "execute" && !map.allows(address, "execute")) return "not-executable";
  return access === "write" && !map.allows(address, "write") ? "read-only" : undefined;
}

/** A negative offset from a null pointer lands at the top of the address space. */
function isBelowNull(failed: OperandFacts | undefined, address: VirtualAddress): boolean {
  if (!failed || failed.operand.base === undefined || failed.operand.index !== undefined) return false;
  const { base, displacement, addressBits } = failed.operand;
  const nearTop = (1n << BigInt(addressBits)) - address <= NULL_PAGES;
  return nearTop && (failed.registers[base] ?? NULL_PAGES) < NULL_PAGES && displacement < 0n;
}

function divisorOf(
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
