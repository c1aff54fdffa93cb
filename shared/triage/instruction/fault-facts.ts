import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump } from "../../dump/dump.ts";
import { moduleAt, unloadedModuleAt } from "../module-at.ts";
import type { Access } from "../stop-codes/stop-facts.ts";
import type { AddressMap } from "./address-map.ts";
import { isNonCanonical, NULL_PAGES } from "./effective-address.ts";
import type { CodeAt, FaultCause, FaultFacts, OperandFacts } from "./instruction-facts.ts";
import { isMisaligned } from "./operands.ts";
import type { ReportedAccess } from "./reported-access.ts";
import { isStackExhausted } from "./stack-exhaustion.ts";

/** What a failed access was, and why it failed. */

/** What is looked at besides the registers and operands. */
export interface FaultScene {
  readonly dump: Dump;
  readonly code: CodeAt;
  readonly map: AddressMap;
}

/** Joins what the exception reports with what the operands say. */
export function faultFacts(
  input: FaultScene,
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
  { dump, map, code }: FaultScene,
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
  if (!moduleAt(dump, address) && unloadedModuleAt(dump, address)) return "unloaded-image";
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
