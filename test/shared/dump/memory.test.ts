import fc from "fast-check";
import { BlockCache, type MissingRanges } from "../../../shared/bytes/block-cache.ts";
import { virtualAddress } from "../../../shared/dump/address.ts";
import {
  type Memory,
  type MemorySegment,
  NO_MEMORY,
  readExact,
  readPointer,
  segmentMemory,
} from "../../../shared/dump/memory.ts";

const SIZE = 4000;
const DATA = Uint8Array.from({ length: SIZE }, (_, i) => (i * 13 + (i >> 4)) & 0xff);

function fetched(): BlockCache {
  const cache = new BlockCache(SIZE);
  cache.add({ start: 0, end: SIZE }, DATA);
  return cache;
}

const segment = fc
  .record({ address: fc.nat(300), size: fc.nat(80), offset: fc.nat(SIZE + 40) })
  .map(({ address, size, offset }): MemorySegment => ({ address: virtualAddress(BigInt(address)), size, offset }));

/** The byte at an address by the plainest rule: the first segment of the list that has it. */
function expected(segments: readonly MemorySegment[], address: bigint): number | "not-in-dump" | "truncated" {
  const owner = segments.find((s) => address >= s.address && address < s.address + BigInt(s.size));
  if (!owner) return "not-in-dump";
  return DATA[owner.offset + Number(address - owner.address)] ?? "truncated";
}

describe("segmentMemory", () => {
  it("reads n bytes as n reads of one byte, the earlier of overlapping segments winning", () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 2 }), fc.nat(330), fc.nat(120), (segments, start, length) => {
        const memory = segmentMemory(fetched(), segments);
        const bytes: number[] = [];
        let hole: unknown;
        for (let i = 0; i < length && hole === undefined; i++) {
          const at = virtualAddress(BigInt(start + i));
          const wanted = expected(segments, at);
          const one = memory.read(at, 1);
          if (typeof wanted === "number") {
            expect([...one.bytes]).toEqual([wanted]);
            bytes.push(wanted);
          } else {
            expect(one).toEqual({ bytes: new Uint8Array(0), hole: { hole: wanted, at } });
            hole = one.hole;
          }
        }
        const piece = memory.read(virtualAddress(BigInt(start)), length);
        expect([...piece.bytes]).toEqual(bytes);
        expect(piece.hole).toEqual(hole);
      }),
      { numRuns: 500 },
    );
  });

  it("asks for all pieces of a read in one round", () => {
    const cache = new BlockCache(2 ** 40);
    const memory = segmentMemory(cache, [
      { address: virtualAddress(0x1000n), size: 16, offset: 2 ** 33 },
      { address: virtualAddress(0x1010n), size: 16, offset: 2 ** 35 },
    ]);
    let thrown: unknown;
    try {
      memory.read(virtualAddress(0x1008n), 16);
    } catch (missing) {
      thrown = missing;
    }
    expect((thrown as MissingRanges).ranges.map(({ start }) => start)).toEqual([2 ** 33, 2 ** 35]);
    expect(() => memory.plan([{ address: virtualAddress(0x1000n), length: 4 }])).toThrow();
  });

  it("reads up to the top of the address space and says where it ends", () => {
    const top = virtualAddress(2n ** 64n - 8n);
    const memory = segmentMemory(fetched(), [{ address: top, size: 8, offset: 0 }]);
    expect(memory.read(top, 8).bytes).toEqual(DATA.subarray(0, 8));
    expect(memory.read(top, 9).hole).toMatchObject({ hole: "not-in-dump" });
  });

  it("ignores empty segments and gives nothing for an empty read", () => {
    const memory = segmentMemory(fetched(), [{ address: virtualAddress(5n), size: 0, offset: 0 }]);
    expect(memory.read(virtualAddress(5n), 0)).toEqual({ bytes: new Uint8Array(0) });
    expect(memory.read(virtualAddress(5n), 1).hole?.hole).toBe("not-in-dump");
  });
});

describe("helpers", () => {
  const memory: Memory = segmentMemory(fetched(), [{ address: virtualAddress(0x100n), size: 12, offset: 0 }]);

  it("read exactly or nothing", () => {
    expect(readExact(memory, virtualAddress(0x100n), 12)).toHaveLength(12);
    expect(readExact(memory, virtualAddress(0x101n), 12)).toBeUndefined();
  });

  it("read pointers of both widths", () => {
    const word = Buffer.from(DATA.subarray(0, 8));
    expect(readPointer(memory, virtualAddress(0x100n), 8)).toBe(word.readBigUInt64LE());
    expect(readPointer(memory, virtualAddress(0x100n), 4)).toBe(BigInt(word.readUInt32LE()));
    expect(readPointer(memory, virtualAddress(0x108n), 8)).toBeUndefined();
  });

  it("have a memory without anything", () => {
    const at = virtualAddress(1n);
    expect(NO_MEMORY.read(at, 0).hole).toBeUndefined();
    expect(NO_MEMORY.read(at, 4)).toEqual({ bytes: new Uint8Array(0), hole: { hole: "not-in-dump", at } });
  });
});
