import type { Dump } from "../../dump/dump.ts";
import { type MemoryRegion, regionAt } from "../../dump/minidump/memory-regions.ts";
import type { Access } from "../stop-codes/stop-facts.ts";

/** Which addresses of the crashed machine were good for an access, as far as the dump tells. */
export class AddressMap {
  readonly #dump: Dump;
  /** Ascending; empty where the dump has no such list. */
  readonly regions: readonly MemoryRegion[];

  constructor(dump: Dump, regions: readonly MemoryRegion[]) {
    this.#dump = dump;
    this.regions = regions;
  }

  /** True when the access would have worked; without a list of regions only images and stacks are known. */
  allows(address: bigint, access: Access | undefined): boolean {
    if (this.regions.length > 0) {
      const region = regionAt(this.regions, address);
      return region !== undefined && permits(region, access);
    }
    const { modules, threads } = this.#dump;
    if (modules.some(({ base, size }) => holds(base, size, address))) return access !== "write";
    return (
      access !== "execute" &&
      threads.some(({ stack }) => stack !== undefined && holds(stack.start, stack.size, address))
    );
  }

  /** What a list of regions says of an access; undefined where there is none. */
  permitted(address: bigint, access: Access): boolean | undefined {
    if (this.regions.length === 0) return undefined;
    const region = regionAt(this.regions, address);
    return region !== undefined && permits(region, access);
  }

  /**
   * Whether so much around an address is good that flips of its bits would hit something by chance: without a list of
   * regions, where images lie side by side.
   */
  isCrowded(address: bigint): boolean {
    if (this.regions.length > 0) return false;
    const { modules } = this.#dump;
    const gap = (one: bigint, other: bigint): boolean => one - other < CROWD_BYTES && other - one < CROWD_BYTES;
    return modules.filter(({ base }) => gap(base, address)).length >= CROWD;
  }

  /** Whether good memory lies within some bytes of an address: an overrun ends there, a wild pointer seldom does. */
  nearAllowed(address: bigint, access: Access | undefined, bytes: bigint): boolean {
    return this.allows(address - bytes, access) || this.allows(address + bytes, access);
  }

  /**
   * A page that is there to be hit: marked by the system, or a small run without any permission beside memory
   * that has some, as allocators and thread stacks put them.
   */
  isGuardPage(address: bigint): boolean {
    const region = regionAt(this.regions, address);
    if (!region) return false;
    if (region.guard) return true;
    if (usable(region) || region.end - region.start >= MAX_GUARD_BYTES) return false;
    const before = regionAt(this.regions, region.start - 1n);
    const after = regionAt(this.regions, region.end);
    return (before !== undefined && usable(before)) || (after !== undefined && usable(after));
  }
}

/** So many images within so many bytes are a crowd: kernels load all of theirs there. */
const CROWD = 8;
const CROWD_BYTES = 0x1000_0000n;

/** Larger runs are reserved for something else. */
const MAX_GUARD_BYTES = 0x8000n;

function holds(start: bigint, size: number, address: bigint): boolean {
  return address >= start && address - start < BigInt(size);
}

function usable({ readable, writable, executable }: MemoryRegion): boolean {
  return readable || writable || executable;
}

function permits(region: MemoryRegion, access: Access | undefined): boolean {
  if (access === "write") return region.writable;
  if (access === "execute") return region.executable;
  return access === "read" ? region.readable : usable(region);
}
