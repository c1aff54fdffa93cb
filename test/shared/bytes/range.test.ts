import fc from "fast-check";
import { SourceError } from "../../../shared/bytes/errors.ts";
import {
  type ByteRange,
  checkRange,
  coalesceRanges,
  parseContentRange,
  rangeLength,
  splitRanges,
  toHttpRange,
} from "../../../shared/bytes/range.ts";

const range = fc.tuple(fc.nat(5000), fc.nat(300)).map(([start, length]): ByteRange => ({ start, end: start + length }));

function offsets(ranges: readonly ByteRange[]): Set<number> {
  return new Set(ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)));
}

describe("coalesceRanges", () => {
  it("covers every byte, ascends, and keeps more than the gap between its ranges", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), fc.nat(100), (ranges, gap) => {
        const joined = coalesceRanges(ranges, gap);
        const covered = offsets(joined);
        for (const offset of offsets(ranges)) expect(covered.has(offset)).toBe(true);
        for (const [i, { start, end }] of joined.entries()) {
          expect(end).toBeGreaterThan(start);
          const next = joined[i + 1];
          if (next) expect(next.start - end).toBeGreaterThan(gap);
        }
      }),
    );
  });

  it("covers nothing else without a gap", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        expect(offsets(coalesceRanges(ranges))).toEqual(offsets(ranges));
      }),
    );
  });

  it("does not change its input", () => {
    const input = [Object.freeze({ start: 5, end: 9 }), Object.freeze({ start: 0, end: 6 })];
    expect(coalesceRanges(Object.freeze(input))).toEqual([{ start: 0, end: 9 }]);
  });
});

describe("splitRanges", () => {
  it("keeps all bytes in pieces within the limit", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 10 }), fc.integer({ min: 1, max: 64 }), (ranges, limit) => {
        const pieces = splitRanges(ranges, limit);
        expect(offsets(pieces)).toEqual(offsets(ranges));
        for (const piece of pieces) expect(rangeLength(piece)).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

describe("checkRange", () => {
  it.each([
    [-1, 5],
    [5, 4],
    [0, 11],
    [0.5, 2],
    [Number.NaN, 2],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 53, 2 ** 53],
  ])("refuses [%p, %p) of 10 bytes", (start, end) => {
    expect(() => checkRange({ start, end }, 10)).toThrow(SourceError);
  });

  it("takes ranges beyond 4 GiB", () => {
    expect(() => checkRange({ start: 2 ** 40, end: 2 ** 40 + 7 }, 2 ** 42)).not.toThrow();
  });
});

describe("HTTP ranges", () => {
  it("include their last byte", () => {
    expect(toHttpRange({ start: 2 ** 42, end: 2 ** 42 + 1 })).toBe("bytes=4398046511104-4398046511104");
  });

  it("come back from Content-Range", () => {
    expect(parseContentRange("bytes 0-9/100")).toEqual({ range: { start: 0, end: 10 }, size: 100 });
  });

  it.each([undefined, "", "bytes */100", "bytes 9-0/100", "bytes 0-100/100", "items 0-9/100", "bytes 0-9/*"])(
    "are not read from %p",
    (header) => {
      expect(parseContentRange(header)).toBeUndefined();
    },
  );
});
