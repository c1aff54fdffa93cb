/**
 * A byte source of any size whose bytes are made on demand: dumps beyond 4 GiB without a file of that
 * size. It has the shape of the project's ByteSource and imports nothing from it.
 */

/** A stretch of the source: given bytes, or a function that makes the byte at a distance from its start. */
export interface SparsePart {
  readonly start: number;
  readonly size: number;
  readonly bytes?: Uint8Array;
  byteAt?(distance: number): number;
}

type Range = { readonly start: number; readonly end: number };

/** Everything that no part covers is zero; parts later in the list win. */
export function sparseSource(size: number, parts: readonly SparsePart[]) {
  const readRange = (range: Range): Uint8Array => {
    if (!Number.isSafeInteger(range.start) || range.start < 0 || range.end < range.start || range.end > size) {
      throw new RangeError(`[${range.start}, ${range.end}) is outside of ${size} bytes`);
    }
    const out = new Uint8Array(range.end - range.start);
    for (const part of parts) {
      const from = Math.max(range.start, part.start);
      const to = Math.min(range.end, part.start + part.size);
      if (from >= to) continue;
      if (part.bytes) out.set(part.bytes.subarray(from - part.start, to - part.start), from - range.start);
      else if (part.byteAt) {
        for (let at = from; at < to; at++) out[at - range.start] = part.byteAt(at - part.start) & 0xff;
      }
    }
    return out;
  };
  return { size, read: async (ranges: readonly Range[]): Promise<Uint8Array[]> => ranges.map(readRange) };
}

/** A byte that depends on its address, to tell whether the right one was read. */
export function addressByte(address: bigint): number {
  return Number((address ^ (address >> 8n) ^ (address >> 16n) ^ (address >> 32n)) & 0xffn);
}

/** One region of a large Memory64List. */
export interface SparseRegion {
  readonly address: bigint;
  /** Bytes; the sum may pass 4 GiB. */
  readonly size: number;
}

/**
 * A minidump with a huge Memory64List: `small` is a minidump without one, whose directory has a spare
 * entry of type 0 that becomes the list's. Each memory byte is {@link addressByte} of its address.
 */
export function sparseMemory64(small: Uint8Array, regions: readonly SparseRegion[]) {
  const listAt = Math.ceil(small.length / 16) * 16;
  const base = Math.ceil((listAt + 16 + regions.length * 16) / 4096) * 4096;
  const head = new Uint8Array(base);
  head.set(small);
  const view = new DataView(head.buffer);
  const count = view.getUint32(8, true);
  const directory = view.getUint32(12, true);
  const spare = Array.from({ length: count }, (_, i) => directory + i * 12).find(
    (at) => view.getUint32(at, true) === 0,
  );
  if (spare === undefined) throw new RangeError("the small dump has no spare directory entry");
  view.setUint32(spare, 9, true);
  view.setUint32(spare + 4, 16 + regions.length * 16, true);
  view.setUint32(spare + 8, listAt, true);
  view.setBigUint64(listAt, BigInt(regions.length), true);
  view.setBigUint64(listAt + 8, BigInt(base), true);
  const parts: SparsePart[] = [{ start: 0, size: head.length, bytes: head }];
  let offset = base;
  for (const [i, { address, size }] of regions.entries()) {
    view.setBigUint64(listAt + 16 + i * 16, address, true);
    view.setBigUint64(listAt + 24 + i * 16, BigInt(size), true);
    parts.push({ start: offset, size, byteAt: (distance) => addressByte(address + BigInt(distance)) });
    offset += size;
  }
  return sparseSource(offset, parts);
}
