import type { FetchedBytes } from "../bytes/block-cache.ts";
import { dataView } from "../bytes/layout.ts";
import type { ByteRange } from "../bytes/range.ts";
import { addOffset, type VirtualAddress } from "./address.ts";

/**
 * The crashed machine's memory as one synchronous interface: minidump memory lists, triage
 * blocks and page tables all implement it. A hole is a value with its reason, never an
 * exception; only bytes that were not fetched yet suspend the step.
 */

/** Why memory is not there. */
export type HoleReason =
  | "not-in-dump"
  | "not-mapped"
  | "paged-out"
  | "demand-zero"
  | "prototype"
  | "truncated"
  | "bad-page-table"
  | "non-canonical";

/** The first byte that could not be read, and why. */
export interface Hole {
  readonly hole: HoleReason;
  readonly at: VirtualAddress;
}

/** How much could be read: `bytes` is shorter than asked exactly when `hole` is there. */
export interface MemoryPiece {
  readonly bytes: Uint8Array;
  readonly hole?: Hole;
}

/** Virtual memory of one address space. */
export interface Memory {
  /** Reads up to the first hole. `length` is at most 2^31. Equal to `length` reads of one byte. */
  read(address: VirtualAddress, length: number): MemoryPiece;
  /** Says that these will be read soon, so that they come in one round. */
  plan(wanted: ReadonlyArray<{ readonly address: VirtualAddress; readonly length: number }>): void;
}

/** Memory of a dump that has none that we read. */
export const NO_MEMORY: Memory = {
  read: (address, length) =>
    length === 0
      ? { bytes: new Uint8Array(0) }
      : { bytes: new Uint8Array(0), hole: { hole: "not-in-dump", at: address } },
  plan: () => {},
};

/** All `length` bytes, or undefined when any of them is in a hole. */
export function readExact(memory: Memory, address: VirtualAddress, length: number): Uint8Array | undefined {
  const piece = memory.read(address, length);
  return piece.hole ? undefined : piece.bytes;
}

/** A little-endian pointer of 4 or 8 bytes, or undefined in a hole. */
export function readPointer(memory: Memory, address: VirtualAddress, pointerSize: 4 | 8): VirtualAddress | undefined {
  const bytes = readExact(memory, address, pointerSize);
  if (!bytes) return undefined;
  const view = dataView(bytes);
  return (pointerSize === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true))) as VirtualAddress;
}

/** A run of virtual memory that lies in one piece in the file. */
export interface MemorySegment {
  readonly address: VirtualAddress;
  /** Bytes. */
  readonly size: number;
  /** File offset of the first byte. */
  readonly offset: number;
}

/**
 * Memory made of file segments. Segments earlier in the list win where they overlap;
 * parts past the end of the file are holes with reason `truncated`.
 */
export function segmentMemory(bytes: FetchedBytes, segments: readonly MemorySegment[]): Memory {
  const sorted = disjoint(segments);
  const indexOf = (address: VirtualAddress): number => {
    let low = 0;
    let high = sorted.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const segment = sorted[mid] as MemorySegment;
      if (address < segment.address) high = mid - 1;
      else if (address - segment.address >= BigInt(segment.size)) low = mid + 1;
      else return mid;
    }
    return -1;
  };
  /** The file ranges behind a run of memory, up to its first hole. */
  const locate = (address: VirtualAddress, length: number): { ranges: ByteRange[]; hole?: Hole } => {
    const ranges: ByteRange[] = [];
    let done = 0;
    let index = length > 0 ? indexOf(address) : -1;
    while (done < length) {
      const at = addOffset(address, done);
      const segment = sorted[index];
      if (index < 0 || !segment || at < segment.address || at - segment.address >= BigInt(segment.size)) {
        return { ranges, hole: { hole: "not-in-dump", at } };
      }
      const inside = Number(at - segment.address);
      const start = segment.offset + inside;
      const wanted = Math.min(length - done, segment.size - inside);
      const there = Math.min(wanted, Math.max(0, bytes.size - start));
      if (there > 0) ranges.push({ start, end: start + there });
      done += there;
      if (there < wanted) return { ranges, hole: { hole: "truncated", at: addOffset(address, done) } };
      index += 1;
    }
    return { ranges };
  };
  return {
    read: (address, length) => {
      const { ranges, hole } = locate(address, length);
      bytes.plan(ranges);
      const piece = joinRanges(bytes, ranges);
      return hole ? { bytes: piece, hole } : { bytes: piece };
    },
    plan: (wanted) => bytes.plan(wanted.flatMap(({ address, length }) => locate(address, length).ranges)),
  };
}

/** The bytes of several file ranges in a row; no copy for a single one. */
function joinRanges(bytes: FetchedBytes, ranges: readonly ByteRange[]): Uint8Array {
  const [only] = ranges;
  if (!only) return new Uint8Array(0);
  if (ranges.length === 1) return bytes.bytes(only.start, only.end - only.start);
  const out = new Uint8Array(ranges.reduce((sum, range) => sum + range.end - range.start, 0));
  let filled = 0;
  for (const range of ranges) {
    out.set(bytes.bytes(range.start, range.end - range.start), filled);
    filled += range.end - range.start;
  }
  return out;
}

/**
 * Ascending, disjoint segments: where some overlap the one earliest in the list keeps the bytes.
 * A sweep over starts and ends with the covering segments in a heap: n log n whatever the overlaps.
 */
function disjoint(segments: readonly MemorySegment[]): MemorySegment[] {
  const order = segments
    .map((segment, rank) => ({ ...segment, rank, end: segment.address + BigInt(segment.size) }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.rank - b.rank));
  const apart = order.every((segment, index) => (order[index + 1]?.address ?? segment.end) >= segment.end);
  if (apart) return order;
  const out: (MemorySegment & { readonly rank: number; size: number })[] = [];
  const covering = new RankHeap<(typeof order)[number]>();
  let next = 0;
  let at: bigint | undefined;
  for (;;) {
    while (at !== undefined && (covering.first?.end ?? at + 1n) <= at) covering.drop();
    if (!covering.first) {
      at = order[next]?.address;
      if (at === undefined) return out;
    }
    for (let start = order[next]; start && start.address === at; start = order[next]) {
      covering.add(start);
      next += 1;
    }
    const owner = covering.first;
    if (!owner || at === undefined) continue;
    const nextStart = order[next]?.address;
    const until = nextStart !== undefined && nextStart < owner.end ? nextStart : owner.end;
    const size = Number(until - at);
    const last = out.at(-1);
    // One segment stays one piece where only weaker ones start inside of it.
    if (last?.rank === owner.rank && last.address + BigInt(last.size) === at) last.size += size;
    else {
      const inside = Number(at - owner.address);
      out.push({ address: at as VirtualAddress, size, offset: owner.offset + inside, rank: owner.rank });
    }
    at = until;
  }
}

/** Binary heap: the item of the lowest rank first. */
class RankHeap<T extends { readonly rank: number }> {
  readonly #items: T[] = [];

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    const items = this.#items;
    let place = items.push(item) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((items[parent] as T).rank <= item.rank) break;
      items[place] = items[parent] as T;
      place = parent;
    }
    items[place] = item;
  }

  /** Takes the first item out. */
  drop(): void {
    const items = this.#items;
    const moved = items.pop();
    if (!moved || items.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const child = (items[left + 1]?.rank ?? Number.POSITIVE_INFINITY) < (items[left]?.rank ?? 0) ? left + 1 : left;
      const lower = items[child];
      if (!lower || lower.rank >= moved.rank) break;
      items[place] = lower;
      place = child;
    }
    items[place] = moved;
  }
}
