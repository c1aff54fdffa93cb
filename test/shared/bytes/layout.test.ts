import fc from "fast-check";
import { FormatError } from "../../../shared/bytes/errors.ts";
import {
  arrayOf,
  at,
  dataView,
  i32,
  rawBytes,
  struct,
  u8,
  u16,
  u32,
  u64,
  u64AsNumber,
} from "../../../shared/bytes/layout.ts";
import { ByteWriter } from "../../support/synth/byte-writer.ts";

const INNER = struct("INNER", 6, { small: at(0, u16), wide: at(2, u32) });
const OUTER = struct("OUTER", 40, {
  tag: at(0, rawBytes(4)),
  byte: at(4, u8),
  signed: at(8, i32),
  inner: at(12, INNER),
  big: at(18, u64),
  list: at(26, arrayOf(u16, 3)),
  size: at(32, u64AsNumber),
});

describe("struct", () => {
  it("reads every field where it was written, at any offset of a larger buffer", () => {
    fc.assert(
      fc.property(fc.nat(64), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(255), (shift, big, byte) => {
        const w = new ByteWriter().zeros(shift).ascii("TAGS").u8(byte).zeros(3).u32(-5);
        w.u16(7)
          .u32(0xfffffff0)
          .u64(big)
          .u16(1)
          .u16(2)
          .u16(3)
          .u64(2 ** 40);
        const record = OUTER.from(w.finish().subarray(shift));
        expect({ ...record, tag: [...record.tag] }).toEqual({
          tag: [...Buffer.from("TAGS")],
          byte,
          signed: -5,
          inner: { small: 7, wide: 0xfffffff0 },
          big,
          list: [1, 2, 3],
          size: 2 ** 40,
        });
      }),
    );
  });

  it("says that bytes are missing", () => {
    expect(() => OUTER.from(new Uint8Array(39))).toThrow(FormatError);
  });

  it("knows its offsets", () => {
    expect([OUTER.offsetOf("inner"), OUTER.size, OUTER.name]).toEqual([12, 40, "OUTER"]);
  });

  it.each([
    ["an overlap", { a: at(0, u32), b: at(2, u32) }],
    ["a field past the end", { a: at(6, u32) }],
    ["descending fields", { a: at(4, u16), b: at(0, u16) }],
  ])("refuses %s when it is declared", (_, fields) => {
    expect(() => struct("BAD", 8, fields)).toThrow(TypeError);
  });
});

describe("u64AsNumber", () => {
  it.each([
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 53n, Number.POSITIVE_INFINITY],
    [2n ** 64n - 1n, Number.POSITIVE_INFINITY],
  ])("reads %p as %p", (stored, value) => {
    expect(u64AsNumber.read(dataView(new ByteWriter().u64(stored).finish()), 0)).toBe(value);
  });
});
