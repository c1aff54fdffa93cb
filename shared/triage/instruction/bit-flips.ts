import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Access } from "../stop-codes/stop-facts.ts";
import type { AddressMap } from "./address-map.ts";
import { effectiveAddress, isNonCanonical, NULL_PAGES, registerValue, type SegmentBases } from "./effective-address.ts";
import type { BitFlip, OperandFacts } from "./instruction-facts.ts";

/**
 * Bit flips: broken memory changes single bits of pointers. A candidate is a change of one bit that makes
 * the failed access a good one. It is a hint, not a proof: chance alone finds some in a process that maps a
 * lot, so each comes with a confidence.
 *
 * Not looked for: null pointers with an offset, and addresses that end right beside good memory; those are
 * what programs do by themselves.
 */
export interface BitFlipInput {
  /** The address whose access failed. */
  readonly address: VirtualAddress;
  readonly access: Access | undefined;
  readonly context: CpuContext;
  /** The operand that failed, when it was found. */
  readonly operand?: OperandFacts;
  readonly segments: SegmentBases;
  readonly map: AddressMap;
}

/** Within this many bytes of good memory an access is taken for an overrun. */
const OVERRUN_BYTES = 0x1000n;
/** Registers this near to the corrected address make it more likely. */
const NEARBY_BYTES = 0x1000n;
/** Below, nearness of registers means nothing: counters and sizes are there too. */
const LOW_ADDRESS = 0x2000n;

/** Candidates, most likely first. */
export function bitFlips(input: BitFlipInput): BitFlip[] {
  const { address, access, map } = input;
  if (address < NULL_PAGES || map.allows(address, access) || map.nearAllowed(address, access, OVERRUN_BYTES)) return [];
  if (map.isCrowded(address)) return [];
  const wild = isNonCanonical(input.context.cpu, address);
  const found = [...registerFlips(input, wild), ...flipsOf(input, wild)];
  const seen = new Set<bigint>();
  const distinct = found.filter((flip) => !seen.has(flip.address) && seen.add(flip.address));
  return distinct.sort((a, b) => b.confidence - a.confidence || (a.address < b.address ? -1 : 1));
}

/** Flips of the registers that the operand's address was made of. */
function registerFlips(input: BitFlipInput, wild: boolean): BitFlip[] {
  const { operand, context, segments } = input;
  if (!operand) return [];
  return Object.entries(operand.registers).flatMap(([register, value]) => {
    // Small values are offsets and counts: not what pointed astray.
    if (value < NULL_PAGES) return [];
    return bitsOf(context).flatMap((bit) => {
      const changed = value ^ (1n << bit);
      const replaced = { register, value: changed };
      const corrected = effectiveAddress(operand.operand, context, segments, replaced);
      // A size or an index of which one bit is set is no pointer that should have been null.
      const isNull = changed === 0n && operand.operand.index === undefined;
      if (corrected === undefined || !isCandidate(input, corrected, isNull)) return [];
      return [describe(input, corrected, wild, isNull, register)];
    });
  });
}

/** Flips of the address itself, where no register holds it. */
function flipsOf(input: BitFlipInput, wild: boolean): BitFlip[] {
  const { address, context } = input;
  return bitsOf(context).flatMap((bit) => {
    const corrected = (address ^ (1n << bit)) as VirtualAddress;
    return isCandidate(input, corrected, corrected === 0n) ? [describe(input, corrected, wild, corrected === 0n)] : [];
  });
}

/** A pointer that was null but for one bit fails too, as the program meant it to. */
function isCandidate({ map, access, context }: BitFlipInput, corrected: bigint, isNull: boolean): boolean {
  if (isNonCanonical(context.cpu, corrected)) return false;
  return isNull || (corrected >= NULL_PAGES && map.allows(corrected, access));
}

function bitsOf({ cpu }: CpuContext): readonly bigint[] {
  return Array.from({ length: cpu === "x86" ? 32 : 64 }, (_, bit) => BigInt(bit));
}

function describe(
  { context }: BitFlipInput,
  address: VirtualAddress,
  wasNonCanonical: boolean,
  isNull: boolean,
  register?: string,
): BitFlip {
  const values = Object.keys(context.registers).map((name) => registerValue(context, name) ?? 0n);
  const near = (value: bigint): boolean => value - address <= NEARBY_BYTES && address - value <= NEARBY_BYTES;
  const nearbyRegisters = address > LOW_ADDRESS ? values.filter(near).length : 0;
  const poisonRegisters = values.some((value) => isPoison(value, context.cpu === "x86" ? 4 : 8));
  return {
    address,
    ...(register === undefined ? {} : { register }),
    wasNonCanonical,
    isNull,
    nearbyRegisters,
    poisonRegisters,
    confidence: confidenceOf({ wasNonCanonical, isNull, nearbyRegisters, poisonRegisters }),
  };
}

/** Bytes that allocators fill fresh, freed and guarded memory with; Firefox' and Microsoft's. */
const POISON_BYTES: ReadonlySet<number> = new Set([
  0x2b, 0x2d, 0x2f, 0x49, 0x4b, 0x4d, 0x4f, 0x6b, 0x8b, 0x9b, 0x9f, 0xa5, 0xbb, 0xcc, 0xcd, 0xce, 0xdb, 0xdd, 0xe5,
  0xfd,
]);

function isPoison(value: bigint, bytes: 4 | 8): boolean {
  const low = Number(value & 0xffn);
  return POISON_BYTES.has(low) && value === BigInt(`0x${low.toString(16).padStart(2, "0").repeat(bytes)}`);
}

/** Weights of rust-minidump, so that readers of both reports may use one threshold. */
const BASELINE = 0.25;
const NON_CANONICAL = 0.9;
const NULL_POINTER = 0.5;
const NEARBY: readonly number[] = [0, 0.5, 0.55, 0.6, 0.65];
const POISON = 0.5;

function confidenceOf(
  flip: Pick<BitFlip, "wasNonCanonical" | "isNull" | "nearbyRegisters" | "poisonRegisters">,
): number {
  const nearby = NEARBY[Math.min(flip.nearbyRegisters, NEARBY.length - 1)] ?? 0;
  const doubt = [BASELINE, flip.wasNonCanonical ? NON_CANONICAL : 0, flip.isNull ? NULL_POINTER : 0, nearby]
    .map((weight) => 1 - weight)
    .reduce((product, factor) => product * factor, 1);
  const confidence = (1 - doubt) * (flip.poisonRegisters ? POISON : 1);
  return Math.round(confidence * 1e6) / 1e6;
}
