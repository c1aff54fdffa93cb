import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump } from "../../dump/dump.ts";
import type { StopFacts } from "../stop-codes/stop-facts.ts";
import type { AddressMap } from "./address-map.ts";
import { bitFlips } from "./bit-flips.ts";
import type { SegmentBases } from "./effective-address.ts";
import { faultFacts } from "./fault-facts.ts";
import { inconsistencies } from "./inconsistencies.ts";
import type { CodeAt, FaultCause, InstructionFacts } from "./instruction-facts.ts";
import { divisorOf, failedOperand, operandFacts, targetOf } from "./operands.ts";
import { reportedAccess } from "./reported-access.ts";
import { isDoubleFaultAtStackEnd } from "./stack-exhaustion.ts";

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

/**
 * Explains the instruction that failed: its operands, whether the failed access is one of them, and why it
 * failed. Places and the code around it are left to the caller, who has symbols and images. May throw MissingRanges.
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
    stackExhausted:
      fault?.cause === "stack-exhausted" || (context !== undefined && isDoubleFaultAtStackEnd(dump, context)),
    misaligned: false,
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
const EXPLAINED: ReadonlySet<FaultCause> = new Set([
  "stack-exhausted",
  "null-pointer",
  "misaligned",
  "guard-page",
  "unloaded-image",
]);

/** FS of 32-bit and GS of 64-bit user code point to the TEB; those of kernels to what dumps name otherwise. */
function segmentBases(dump: Dump): SegmentBases {
  const teb = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread]?.teb;
  if (dump.bugcheck || teb === undefined || dump.system.os !== "Windows NT") return {};
  return dump.cpu === "x86" ? { fs: teb } : { gs: teb };
}
