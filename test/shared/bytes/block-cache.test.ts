import fc from "fast-check";
import { BLOCK_SIZE, BlockCache, MissingRanges } from "../../../shared/bytes/block-cache.ts";
import { FormatError } from "../../../shared/bytes/errors.ts";

const SIZE = BLOCK_SIZE * 5 + 123;
const DATA = Uint8Array.from({ length: SIZE }, (_, i) => (i ^ (i >> 8)) & 0xff);

/** The cache after fetching what it says is missing, block by block or in one piece. */
function fetchMissing(cache: BlockCache, thrown: unknown, pieces: boolean): void {
  if (!(thrown instanceof MissingRanges)) throw thrown;
  for (const { start, end } of thrown.ranges) {
    const step = pieces ? BLOCK_SIZE : end - start;
    for (let at = start; at < end; at += step) {
      const stop = Math.min(end, at + step);
      cache.add({ start: at, end: stop }, DATA.slice(at, stop));
    }
  }
}

describe("BlockCache", () => {
  it("gives the source's bytes after what it asked for was added, in one or many buffers", () => {
    fc.assert(
      fc.property(fc.nat(SIZE), fc.nat(BLOCK_SIZE * 3), fc.boolean(), fc.nat(SIZE), (offset, wanted, pieces, first) => {
        const length = Math.min(wanted, SIZE - offset);
        const cache = new BlockCache(SIZE);
        for (const [at, size] of [
          [first, Math.min(1, SIZE - first)],
          [offset, length],
        ] as const) {
          try {
            cache.bytes(at, size);
          } catch (missing) {
            fetchMissing(cache, missing, pieces);
          }
        }
        expect(Buffer.compare(cache.bytes(offset, length), DATA.subarray(offset, offset + length))).toBe(0);
      }),
    );
  });

  it("asks for whole blocks, the last one cut at the end of the source", () => {
    const cache = new BlockCache(SIZE);
    const wanted = [
      { start: 1, end: 2 },
      { start: SIZE - 1, end: SIZE },
    ];
    expect(cache.missing(wanted)).toEqual([
      { start: 0, end: BLOCK_SIZE },
      { start: BLOCK_SIZE * 5, end: SIZE },
    ]);
  });

  it("throws all missing ranges of a plan together, and nothing when they are there", () => {
    const cache = new BlockCache(SIZE);
    cache.add({ start: 0, end: BLOCK_SIZE }, DATA.slice(0, BLOCK_SIZE));
    expect(() => cache.plan([{ start: 0, end: 10 }])).not.toThrow();
    let thrown: unknown;
    try {
      cache.plan([
        { start: 0, end: 10 },
        { start: BLOCK_SIZE * 2, end: BLOCK_SIZE * 2 + 1 },
        { start: BLOCK_SIZE * 4, end: BLOCK_SIZE * 4 + 1 },
      ]);
    } catch (missing) {
      thrown = missing;
    }
    expect(thrown).toBeInstanceOf(MissingRanges);
    expect((thrown as MissingRanges).ranges).toEqual([
      { start: BLOCK_SIZE * 2, end: BLOCK_SIZE * 3 },
      { start: BLOCK_SIZE * 4, end: BLOCK_SIZE * 5 },
    ]);
  });

  it("is not an Error that a careless catch could keep", () => {
    expect(new MissingRanges([])).not.toBeInstanceOf(Error);
  });

  it.each([
    [SIZE, 1],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, Number.POSITIVE_INFINITY],
    [Number.NaN, 1],
    [2 ** 53, 1],
  ])("refuses offset %p, length %p", (offset, length) => {
    expect(() => new BlockCache(SIZE).bytes(offset, length)).toThrow(FormatError);
  });

  it("ignores the parts of a plan outside of the source", () => {
    const cache = new BlockCache(SIZE);
    expect(() => cache.plan([{ start: BLOCK_SIZE * 6, end: BLOCK_SIZE * 6 + 10 }])).not.toThrow();
    expect(cache.missing([{ start: -10, end: 1 }])).toEqual([{ start: 0, end: BLOCK_SIZE }]);
  });

  it("gives fewer bytes at the end with upTo", () => {
    const cache = new BlockCache(SIZE);
    cache.add({ start: 0, end: SIZE }, DATA);
    expect(cache.upTo(SIZE - 3, 10)).toHaveLength(3);
    expect(cache.upTo(SIZE, 10)).toHaveLength(0);
    expect(cache.upTo(SIZE + 5, 10)).toHaveLength(0);
    expect(cache.bytes(SIZE, 0)).toHaveLength(0);
  });

  it("copies nothing where the blocks lie together", () => {
    const cache = new BlockCache(SIZE);
    cache.add({ start: 0, end: SIZE }, DATA);
    expect(cache.bytes(10, BLOCK_SIZE * 2).buffer).toBe(DATA.buffer);
  });
});
