import type { FieldType } from "../bytes/layout.ts";

/**
 * Addresses have types, and this file alone knows how they are represented.
 *
 * A virtual address is a `bigint` in 0..2^64-1: exact for LA57, for non-canonical values
 * and for registers that hold no address at all. Hot loops (stack scans, page walks) first
 * test 32-bit halves and make a bigint for survivors only; ADR 0002 has the measurement.
 * Physical addresses (52 bits) and file offsets are checked `number`s.
 */

declare const virtual: unique symbol;
declare const physical: unique symbol;

/** Address in the crashed machine's virtual memory, 0..2^64-1. 32-bit ones are zero-extended. */
export type VirtualAddress = bigint & { readonly [virtual]: true };
/** Address in the crashed machine's physical memory, below 2^52. */
export type PhysicalAddress = number & { readonly [physical]: true };

/** CPU families that contexts and unwinders know; the value is the name that reports print. */
export type CpuArch =
  | "x86"
  | "amd64"
  | "arm"
  | "arm64"
  | "ppc"
  | "ppc64"
  | "sparc"
  | "mips"
  | "mips64"
  | "riscv"
  | "riscv64"
  | "ia64"
  | "unknown";

const ARCHES_64: ReadonlySet<CpuArch> = new Set([
  "amd64",
  "arm64",
  "ppc64",
  "sparc",
  "mips64",
  "riscv64",
  "ia64",
  "unknown",
]);

/** Bytes of a pointer on that CPU; 8 where the CPU is not known. */
export function pointerSizeOf(cpu: CpuArch): 4 | 8 {
  return ARCHES_64.has(cpu) ? 8 : 4;
}

/** A virtual address; the value is wrapped to 64 bits. */
export function virtualAddress(value: bigint): VirtualAddress {
  return BigInt.asUintN(64, value) as VirtualAddress;
}

/** `address + delta`, wrapped to 64 bits. */
export function addOffset(address: VirtualAddress, delta: number | bigint): VirtualAddress {
  return BigInt.asUintN(64, address + BigInt(delta)) as VirtualAddress;
}

/** `to - from` as a number; ±Infinity when the distance does not fit 2^53. */
export function distance(from: VirtualAddress, to: VirtualAddress): number {
  const delta = to - from;
  if (delta > BigInt(Number.MAX_SAFE_INTEGER)) return Number.POSITIVE_INFINITY;
  if (delta < -BigInt(Number.MAX_SAFE_INTEGER)) return Number.NEGATIVE_INFINITY;
  return Number(delta);
}

/**
 * A physical address.
 * @returns undefined for values that are no page-table address (negative, fractional, beyond 52 bits)
 */
export function physicalAddress(value: number): PhysicalAddress | undefined {
  return Number.isSafeInteger(value) && value >= 0 && value < 2 ** 52 ? (value as PhysicalAddress) : undefined;
}

/** A 32-bit kernel pointer as an address: kernel dumps of 32-bit systems sign-extend them in 64-bit fields. */
export function truncateToPointer(value: bigint, pointerSize: 4 | 8): VirtualAddress {
  return (pointerSize === 4 ? BigInt.asUintN(32, value) : BigInt.asUintN(64, value)) as VirtualAddress;
}

/** Hex as every report prints it: `0x` and 16 or 8 digits, by the CPU's width. */
export function hexAddress(address: bigint, pointerSize: 4 | 8): string {
  return `0x${truncateToPointer(address, pointerSize)
    .toString(16)
    .padStart(pointerSize * 2, "0")}`;
}

/** Field type: a 64-bit virtual address. */
export const va64: FieldType<VirtualAddress> = {
  size: 8,
  read: (view, offset) => view.getBigUint64(offset, true) as VirtualAddress,
};

/** Field type: a 32-bit virtual address. */
export const va32: FieldType<VirtualAddress> = {
  size: 4,
  read: (view, offset) => BigInt(view.getUint32(offset, true)) as VirtualAddress,
};
