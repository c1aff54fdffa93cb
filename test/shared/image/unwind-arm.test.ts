import { readArmUnwind } from "../../../shared/image/unwind-arm.ts";
import { type ArmUnwind, armCodesAt } from "../../../shared/image/unwind-arm-codes.ts";

/** Unwind data as the documentation of the format describes them, built by hand. */

const LR = 1 << 14;

interface Packed {
  readonly flag?: number;
  readonly length?: number;
  readonly ret?: number;
  readonly h?: number;
  readonly reg?: number;
  readonly r?: number;
  readonly l?: number;
  readonly c?: number;
  readonly adjust?: number;
}

function packed({ flag = 1, length = 0x100, ret = 0, h = 0, reg = 0, r = 0, l = 1, c = 0, adjust = 0 }: Packed) {
  const word =
    flag |
    ((length / 2) << 2) |
    (ret << 13) |
    (h << 15) |
    (reg << 16) |
    (r << 19) |
    (l << 20) |
    (c << 21) |
    (adjust << 22);
  const image = { read: () => new Uint8Array(0), plan: () => {} };
  return readArmUnwind(image, { begin: 0x1001, words: [word >>> 0, 0] }) as ArmUnwind;
}

/** A record at 0x100 of an image that ends behind it. */
function record(...bytes: number[]): ArmUnwind | string {
  const all = new Uint8Array(bytes);
  const image = {
    read: (rva: number, length: number) => all.subarray(rva - 0x100, rva - 0x100 + length),
    plan: () => {},
  };
  return readArmUnwind(image, { begin: 0x1001, words: [0x100, 0] });
}

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const mask = (...registers: number[]): number => registers.reduce((bits, register) => bits | (1 << register), 0);

const ones = (bits: number): number => bits.toString(2).replaceAll("0", "").length;

describe("packed unwind words of ARM", () => {
  it("save registers and allocate, in the order of the prologue turned round", () => {
    const unwind = packed({ reg: 3, adjust: 4 });
    expect(unwind).toMatchObject({ begin: 0x1000, length: 0x100, hasProlog: true });
    expect(unwind.codes).toEqual([
      { size: 2, add: 16 },
      { size: 2, pop: mask(4, 5, 6, 7) | LR },
    ]);
    expect(unwind.epilogs).toEqual([{ start: 0x100 - 4, codes: unwind.codes }]);
  });

  it.each([
    ["one more register", { reg: 4 }, [{ size: 4, pop: mask(4, 5, 6, 7, 8) | LR }]],
    ["a frame chain of two", { r: 1, reg: 7, c: 1 }, [{ size: 2 }, { size: 4, pop: mask(11) | LR }]],
    ["a longer frame chain", { reg: 0, c: 1 }, [{ size: 4 }, { size: 4, pop: mask(4, 11) | LR }]],
    [
      "floating point",
      { r: 1, reg: 1 },
      [
        { size: 4, add: 16 },
        { size: 2, pop: LR },
      ],
    ],
    ["nothing at all", { r: 1, reg: 7, l: 0, ret: 1 }, []],
    [
      "a wide allocation",
      { r: 1, reg: 7, adjust: 0x80 },
      [
        { size: 4, add: 0x200 },
        { size: 2, pop: LR },
      ],
    ],
    [
      "homed parameters",
      { h: 1 },
      [
        { size: 2, pop: mask(4) | LR },
        { size: 2, add: 16 },
      ],
    ],
  ])("of %s", (_, fields, codes) => {
    expect(packed(fields).codes).toEqual(codes);
  });

  it("fold an adjustment into the push, the pop or both", () => {
    const inPush = packed({ reg: 0, adjust: 0x3f4 | 4 | 1 });
    expect(inPush.codes).toEqual([{ size: 2, pop: mask(2, 3, 4) | LR }]);
    expect(inPush.epilogs[0]?.codes).toEqual([
      { size: 2, add: 8 },
      { size: 2, pop: mask(4) | LR },
    ]);
    const inBoth = packed({ reg: 0, adjust: 0x3fc | 3 });
    expect(inBoth.codes).toEqual([{ size: 2, pop: mask(0, 1, 2, 3, 4) | LR }]);
    expect(inBoth.epilogs[0]?.codes).toEqual(inBoth.codes);
  });

  it("end as the function returns", () => {
    expect(packed({ ret: 1 }).epilogs[0]?.codes.at(-1)).toEqual({ size: 2 });
    expect(packed({ ret: 2, l: 0 }).epilogs[0]?.codes.at(-1)).toEqual({ size: 4 });
    expect(packed({ ret: 3 }).epilogs).toEqual([]);
    // The link register stays on the stack below the homed parameters: both go with the return.
    expect(packed({ h: 1 }).epilogs[0]?.codes).toEqual([
      { size: 2, pop: mask(4) },
      { size: 4, add: 20, loadsLr: true },
    ]);
    expect(packed({ h: 1, l: 0, ret: 1 }).epilogs[0]?.codes.slice(1)).toEqual([{ size: 2, add: 16 }, { size: 2 }]);
  });

  /** Bytes that are left on the stack at offsets of functions: so Windows' own unwinder answered for such words. */
  it.each([
    ["a link register that is popped and branched to", { length: 10, ret: 1 }, { 0: 0, 2: 8, 4: 8, 6: 0, 8: 0 }],
    ["a tail call", { length: 24, ret: 2, r: 1, adjust: 8 }, { 0: 0, 2: 4, 6: 12, 8: 44, 10: 44, 20: 0 }],
    [
      "a frame chain of two",
      { length: 24, r: 1, reg: 1, c: 1, adjust: 4 },
      { 4: 8, 6: 8, 10: 24, 12: 40, 16: 24, 20: 8 },
    ],
    [
      "floating point alone",
      { length: 18, ret: 2, l: 0, r: 1, reg: 6, adjust: 4 },
      { 0: 0, 4: 56, 6: 72, 10: 56, 14: 0 },
    ],
    ["a longer frame chain", { length: 18, reg: 6, c: 1, adjust: 5 }, { 0: 0, 4: 36, 8: 36, 10: 56, 12: 56, 14: 36 }],
    [
      "homed parameters and a tail call",
      { length: 20, ret: 2, h: 1, r: 1, reg: 7, c: 1 },
      { 6: 24, 8: 24, 10: 24, 14: 16, 16: 0 },
    ],
    ["a folded push", { length: 14, ret: 1, h: 1, l: 0, adjust: 0x3f7 }, { 2: 16, 4: 36, 6: 36, 8: 20, 10: 16, 12: 0 }],
    ["a folded pop", { length: 14, ret: 1, h: 1, l: 0, adjust: 0x3fb }, { 2: 16, 4: 20, 6: 36, 8: 36, 10: 16, 12: 0 }],
    ["a folded push of a chain", { length: 16, reg: 3, c: 1, adjust: 0x3f5 }, { 4: 32, 8: 32, 10: 32, 12: 24 }],
    ["homed parameters", { length: 20, h: 1, adjust: 128 }, { 2: 16, 4: 24, 8: 536, 10: 536, 14: 24, 16: 20 }],
  ])("tell how much lies on the stack of %s", (_, fields, expected) => {
    const unwind = packed(fields);
    const left = Object.keys(expected).map((offset) => [
      offset,
      armCodesAt(unwind, Number(offset)).reduce((sum, { add = 0, pop = 0 }) => sum + add + 4 * ones(pop), 0),
    ]);
    expect(Object.fromEntries(left)).toEqual(expected);
  });

  it("of a fragment have no prologue, and the reserved flag says nothing", () => {
    expect(packed({ flag: 2 }).hasProlog).toBe(false);
    expect(packed({ flag: 3 })).toBe("unsupported");
  });
});

describe("unwind records of ARM", () => {
  // push {r0-r3}; push {r4-r9, lr}; mov r7, sp ... and back with `bx lr`, which the end code stands for.
  const EXAMPLE = [0xc7, 0xdd, 0x04, 0xfd];
  const example = record(...word((0x14a / 2) | (1 << 21) | (1 << 28)), ...EXAMPLE) as ArmUnwind;

  it("share their codes between prologue and epilogue", () => {
    expect(example.codes).toEqual([
      { size: 2, spFrom: 7 },
      { size: 4, pop: mask(4, 5, 6, 7, 8, 9) | LR },
      { size: 2, add: 16 },
    ]);
    expect(example.epilogs).toEqual([{ start: 0x140, codes: [...example.codes, { size: 2 }] }]);
  });

  it.each([
    [0, 0],
    [2, 1],
    [6, 2],
    [8, 3],
    [0x80, 3],
  ])("are undone as far as they have run: at %i of the prologue, %i steps", (offset, count) => {
    expect(armCodesAt(example, offset)).toEqual(example.codes.slice(3 - count));
  });

  it.each([
    [0x140, 4],
    [0x142, 3],
    [0x146, 2],
    [0x148, 1],
  ])("are undone as far as is left: at %i of the epilogue, %i steps", (offset, count) => {
    expect(armCodesAt(example, offset)).toEqual(example.epilogs[0]?.codes.slice(4 - count));
  });

  it("have epilogues of their own codes, also with the second word of the head", () => {
    const scope = word(0x40 | (0xe << 20) | (4 << 24));
    const codes = [0x10, 0xd4, 0xff, 0xff, 0xd4, 0xff, 0xff, 0xff];
    const short = record(...word(0x80 | (1 << 23) | (2 << 28)), ...scope, ...codes);
    const long = record(...word(0x80), ...word(1 | (2 << 16)), ...scope, ...codes);
    expect(short).toMatchObject({ epilogs: [{ start: 0x80, codes: [{ size: 2, pop: mask(4) | LR }, { size: 0 }] }] });
    expect(long).toEqual(short);
  });

  it.each([
    [[0x7f], { size: 2, add: 0x1fc }],
    [[0xa8, 0x01], { size: 4, pop: mask(0, 11) | LR }],
    [[0xd1], { size: 2, pop: mask(4, 5) }],
    [[0xdf], { size: 4, pop: mask(4, 5, 6, 7, 8, 9, 10, 11) | LR }],
    [[0xe2], { size: 4, add: 24 }],
    [[0xe9, 0x01], { size: 4, add: 0x404 }],
    [[0xed, 0x81], { size: 2, pop: mask(0, 7) | LR }],
    [[0xee, 0x01], { size: 0, interruption: "machine-frame" }],
    [[0xee, 0x02], { size: 0, interruption: "context" }],
    [[0xef, 0x05], { size: 4, add: 20, loadsLr: true }],
    [[0xf5, 0x8a], { size: 4, add: 24 }],
    [[0xf6, 0x00], { size: 4, add: 8 }],
    [[0xf7, 0x01, 0x02], { size: 2, add: 0x408 }],
    [[0xf8, 0x01, 0x02, 0x03], { size: 2, add: 0x4080c }],
    [[0xf9, 0x01, 0x02], { size: 4, add: 0x408 }],
    [[0xfa, 0x01, 0x02, 0x03], { size: 4, add: 0x4080c }],
    [[0xfb], { size: 2 }],
    [[0xfc], { size: 4 }],
  ])("know the code %j", (code, step) => {
    const bytes = [...code, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].slice(0, 8);
    expect(record(...word(0x80 | (2 << 28)), ...bytes)).toMatchObject({ codes: [step] });
  });

  it.each([
    ["an unknown code of Microsoft's own", [...word(0x80 | (1 << 28)), 0xee, 0x03, 0xff, 0xff], "unsupported"],
    ["a code that is none", [...word(0x80 | (1 << 28)), 0xf0, 0xff, 0xff, 0xff], "unsupported"],
    ["registers in the wrong order", [...word(0x80 | (1 << 28)), 0xf5, 0xa8, 0xff, 0xff], "unsupported"],
    ["a list without an end", [...word(0x80 | (1 << 28)), 1, 2, 3, 4], "unsupported"],
    ["a code that the list cuts", [...word(0x80 | (1 << 28)), 1, 2, 3, 0xfa], "unsupported"],
    ["another version", [...word(0x80 | (1 << 18) | (1 << 28)), 0xff, 0, 0, 0], "unsupported"],
    ["more epilogues than functions have", [...word(0x80), ...word(0xffff | (1 << 16))], "unsupported"],
    ["a cut head", [1, 2], "hole"],
    ["a cut second head", word(0x80), "hole"],
    ["cut codes", [...word(0x80 | (2 << 28)), 1, 2], "hole"],
  ])("are refused with %s", (_, bytes, answer) => {
    expect(record(...bytes)).toBe(answer);
  });
});
