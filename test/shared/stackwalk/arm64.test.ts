import { BASE, type FakeFunction, peImage, STACK, shown, stackOf, walk } from "./fake-machine.ts";

const ARM64 = 0xaa64;
const SP = STACK + 0x100n;
/** An .xdata record of a function of `length` bytes without epilogue scopes. */
const xdata = (length: number, ...codes: readonly number[]): number[] => {
  const words = Math.ceil(codes.length / 4);
  const head = ((length >> 2) | (words << 27)) >>> 0;
  return [
    head & 255,
    (head >> 8) & 255,
    (head >> 16) & 255,
    head >>> 24,
    ...codes,
    ...Array(words * 4 - codes.length).fill(0xe3),
  ];
};
/** sub sp, 0x20; stp fp, lr, [sp, #-0x10]! and mov fp, sp before it, undone backwards. */
const FRAMED: FakeFunction = { begin: 0x1000, end: 0x1100, info: xdata(0x100, 0x02, 0xe1, 0x81, 0xe4) };
const CALLER: FakeFunction = { begin: 0x2000, end: 0x2100, info: xdata(0x100, 0x02, 0xe4) };

function frames(
  functions: readonly FakeFunction[],
  slots: Readonly<Record<number, bigint>>,
  pc: number,
  registers: Readonly<Record<string, bigint>>,
): ReturnType<typeof walk>["frames"] {
  return walk({
    cpu: "arm64",
    pc: BASE + BigInt(pc),
    sp: SP,
    registers: { sp: SP, ...registers },
    stack: stackOf(slots),
    image: peImage(ARM64, functions),
  }).frames;
}

describe("ARM64 unwind data", () => {
  it("undoes a frame chain and an allocation", () => {
    const found = frames([FRAMED, CALLER], { 288: 0x77n, 296: BASE + 0x2050n }, 0x1080, { fp: STACK + 0x120n });
    expect(shown(found).slice(0, 2)).toEqual(["+1080 context", "+2050 cfi"]);
    expect(found[1]).toMatchObject({ sp: STACK + 0x130n, lookupRva: 0x204c });
    expect(found[1]?.registers["fp"]).toBe(0x77n);
  });

  it("undoes only what a prologue has done so far", () => {
    const found = frames([FRAMED, CALLER], { 256: 0x77n, 264: BASE + 0x2050n }, 0x1004, { lr: 1n, fp: 2n });
    expect(shown(found)[1]).toBe("+2050 cfi");
    const atStart = frames([FRAMED, CALLER], {}, 0x1000, { lr: BASE + 0x2050n });
    expect(shown(atStart)[1]).toBe("+2050 cfi");
  });

  it("takes functions without a record for leaves, once", () => {
    const found = frames([FRAMED], {}, 0x3000, { lr: BASE + 0x3050n });
    expect(shown(found)).toEqual(["+3000 context", "+3050 cfi"]);
  });

  it("strips pointer authentication codes", () => {
    const signed = (BASE + 0x2050n) | (0x5an << 56n) | (0x1n << 52n);
    const found = frames([FRAMED, CALLER], { 288: 0x77n, 296: signed }, 0x1080, { fp: STACK + 0x120n });
    expect(shown(found)[1]).toBe("+2050 cfi");
  });

  it("reads packed words: two saved registers, a chain, locals", () => {
    // Flag 1, 0x100 bytes, RegI 2, CR 3, frame of 0x30 bytes.
    const packed = 1 | (0x40 << 2) | (2 << 16) | (3 << 21) | (3 << 23);
    const function1: FakeFunction = { begin: 0x1000, end: 0x1100, info: [], packed: packed >>> 0 };
    const slots = { 256: 0x66n, 264: BASE + 0x2050n, 288: 0x19n, 296: 0x20n };
    const found = frames([function1, CALLER], slots, 0x1080, { fp: SP });
    expect(shown(found)[1]).toBe("+2050 cfi");
    expect(found[1]?.registers).toMatchObject({ x19: 0x19n, x20: 0x20n, fp: 0x66n });
    expect(found[1]?.sp).toBe(STACK + 0x130n);
  });

  it("knows save_next, pairs and single registers", () => {
    // save_next, save_regp x19 at 0x10, save_reg_x? stays out; alloc 0x40; lr with x23 by save_lrpair.
    const info = xdata(0x100, 0xe6, 0xc8, 0x02, 0xd6, 0x86, 0x04, 0xe4);
    const slots = { 272: 19n, 280: 20n, 288: 21n, 296: 22n, 304: 23n, 312: BASE + 0x2050n };
    const found = frames([{ begin: 0x1000, end: 0x1100, info }, CALLER], slots, 0x1080, {});
    expect(found[1]?.registers).toMatchObject({ x19: 19n, x20: 20n, x21: 21n, x22: 22n, x23: 23n });
    expect(shown(found)[1]).toBe("+2050 cfi");
  });
});
