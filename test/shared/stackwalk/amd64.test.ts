import { NO_SYMBOLS } from "../../../shared/stackwalk/symbol-provider.ts";
import {
  BASE,
  type FakeFunction,
  imageBytes,
  MODULE,
  peImage,
  STACK,
  STACK_SIZE,
  shown,
  stackOf,
  walk,
  xdataAt,
} from "./fake-machine.ts";

const AMD64 = 0x8664;
/** UNWIND_INFO: version and flags, prologue, codes (offset, operation | info << 4). */
const info = (prolog: number, codes: readonly number[], frame = 0, flags = 1): number[] => [
  flags,
  prolog,
  codes.length / 2,
  frame,
  ...codes,
];
const RSP = STACK + 0x100n;
/** A function that pushes RBX and takes 0x20 bytes. */
const PUSH_AND_SUB: FakeFunction = { begin: 0x1000, end: 0x1100, info: info(6, [6, 0x32, 1, 0x30]) };
/** A caller without a frame of its own. */
const PLAIN: FakeFunction = { begin: 0x2000, end: 0x2100, info: info(4, [4, 0x42]) };

function frames(
  functions: readonly FakeFunction[],
  slots: Readonly<Record<number, bigint>>,
  pc: number | bigint,
  registers: Readonly<Record<string, bigint>> = {},
  code: Readonly<Record<number, readonly number[]>> = {},
  kernel = false,
): ReturnType<typeof walk> {
  return walk({
    cpu: "amd64",
    kernel,
    pc: typeof pc === "bigint" ? pc : BASE + BigInt(pc),
    sp: RSP,
    registers: { rsp: RSP, ...registers },
    stack: stackOf(slots),
    image: peImage(AMD64, functions, code),
  });
}

describe("x64 unwind data", () => {
  it("undoes pushes and allocations, and ends where a frame returns to nothing", () => {
    const { frames: found, end } = frames([PUSH_AND_SUB, PLAIN], { 288: 0x77n, 296: BASE + 0x2050n }, 0x1080);
    expect(shown(found)).toEqual(["+1080 context", "+2050 cfi"]);
    expect(found[1]?.registers).toMatchObject({ rbx: 0x77n, rsp: RSP + 0x30n });
    expect(found[1]?.lookupRva).toBe(0x204f);
    expect(end).toBe("bottom");
  });

  it("undoes only what a prologue has done so far", () => {
    const { frames: found } = frames([PUSH_AND_SUB, PLAIN], { 256: 5n, 264: BASE + 0x2050n }, 0x1001);
    expect(shown(found)).toEqual(["+1001 context", "+2050 cfi"]);
    const { frames: atStart } = frames([PUSH_AND_SUB, PLAIN], { 256: BASE + 0x2050n }, 0x1000);
    expect(shown(atStart)).toEqual(["+1000 context", "+2050 cfi"]);
  });

  it("counts saved registers from the frame register", () => {
    // push rbp; sub rsp, 0x20; lea rbp, [rsp+0x10]; mov [rsp+0x18], rsi; the body moved RSP further down.
    const framed: FakeFunction = {
      begin: 0x1000,
      end: 0x1100,
      info: info(14, [14, 0x64, 3, 0, 9, 0x03, 5, 0x32, 1, 0x50], 0x15),
    };
    const { frames: found } = frames([framed, PLAIN], { 536: 0x51n, 544: 0x8888n, 552: BASE + 0x2050n }, 0x1080, {
      rbp: STACK + 0x210n,
    });
    expect(shown(found)).toEqual(["+1080 context", "+2050 cfi"]);
    expect(found[1]?.registers).toMatchObject({ rsi: 0x51n, rbp: 0x8888n });
  });

  it("goes on with the record of the function that a part belongs to", () => {
    const part: FakeFunction = {
      begin: 0x1800,
      end: 0x1900,
      info: [0x21, 0, 0, 0, ...[0x1000, 0x1100, xdataAt(0)].flatMap((value) => [value & 255, value >> 8, 0, 0])],
    };
    const { frames: found } = frames([PUSH_AND_SUB, part, PLAIN], { 296: BASE + 0x2050n }, 0x1810);
    expect(shown(found)).toEqual(["+1810 context", "+2050 cfi"]);
  });

  it("gives up on parts that lead in a circle", () => {
    const circle: FakeFunction = {
      begin: 0x1800,
      end: 0x1900,
      info: [0x21, 0, 0, 0, ...[0x1800, 0x1900, xdataAt(0)].flatMap((value) => [value & 255, value >> 8, 0, 0])],
    };
    expect(shown(frames([circle], {}, 0x1810).frames)).toEqual(["+1810 context"]);
  });

  it("undoes a machine frame, with the exact place of what was interrupted", () => {
    const handler: FakeFunction = { begin: 0x1000, end: 0x1100, info: info(0, [0, 0x1a]) };
    const machine = { 264: BASE + 0x2040n, 272: 0x33n, 280: 0x246n, 288: STACK + 0x800n, 296: 0x2bn };
    const { frames: found } = frames([handler, PLAIN], { ...machine, 2088: 0n }, 0x1010);
    expect(shown(found)).toEqual(["+1010 context", "+2040 cfi"]);
    expect(found[1]).toMatchObject({ interrupted: true, lookupRva: 0x2040, sp: STACK + 0x800n });
  });

  it("follows an epilogue that was interrupted", () => {
    // add rsp, 0x20; pop rbx; ret
    const code = { 4336: [0x48, 0x83, 0xc4, 0x20, 0x5b, 0xc3] };
    const whole = frames([PUSH_AND_SUB, PLAIN], { 288: 9n, 296: BASE + 0x2050n }, 0x10f0, {}, code);
    const half = frames([PUSH_AND_SUB, PLAIN], { 256: 9n, 264: BASE + 0x2050n }, 0x10f4, {}, code);
    const last = frames([PUSH_AND_SUB, PLAIN], { 256: BASE + 0x2050n }, 0x10f5, { rbx: 9n }, code);
    for (const { frames: found } of [whole, half, last]) {
      expect(shown(found)[1]).toBe("+2050 cfi");
      expect(found[1]?.registers["rbx"]).toBe(9n);
    }
  });

  it("takes epilogues of version 2 from their places alone", () => {
    // Two codes say: epilogues are 2 bytes long and one stands at the function's end.
    const second: FakeFunction = {
      begin: 0x1000,
      end: 0x1100,
      info: [0x02, 6, 4, 0, 2, 0x16, 0, 0x06, 6, 0x32, 1, 0x30],
    };
    const code = { 4176: [0x5b, 0xc3], 4350: [0x5b, 0xc3] };
    const slots = { 256: 9n, 264: BASE + 0x2050n, 288: 8n, 296: BASE + 0x2060n };
    expect(shown(frames([second, PLAIN], slots, 0x10fe, {}, code).frames)[1]).toBe("+2050 cfi");
    expect(shown(frames([second, PLAIN], slots, 0x1050, {}, code).frames)[1]).toBe("+2060 cfi");
  });

  it("finds unwind data where the loader noted them when the header is paged out", () => {
    const bytes = peImage(AMD64, [PUSH_AND_SUB, PLAIN]).fill(0, 0, 0x400);
    const noted = { ...MODULE, exceptionTable: { rva: 0x8000, size: 24 } };
    const { frames: found } = walk({
      ...({ cpu: "amd64", kernel: true, registers: {} } as const),
      ...{ pc: BASE + 0x1080n, sp: RSP, stack: stackOf({ 288: 0x77n, 296: BASE + 0x2050n }) },
      modules: [noted],
      provider: { ...NO_SYMBOLS, image: () => imageBytes(bytes) },
    });
    expect(shown(found)).toEqual(["+1080 context", "+2050 cfi"]);
    expect(found[1]?.registers["rbx"]).toBe(0x77n);
  });

  it("takes functions without a record for leaves", () => {
    const { frames: found } = frames([PUSH_AND_SUB, PLAIN], { 256: BASE + 0x2050n }, 0x3000);
    expect(shown(found)).toEqual(["+3000 context", "+2050 cfi"]);
  });

  it("takes no function for a leaf that has called another, unless it returns to behind a call", () => {
    const slots = { 296: BASE + 0x3050n, 304: 0x1_0005n, 312: BASE + 0x2055n };
    const code = { 8272: [0xe8, 0xab, 0x0f, 0, 0] };
    const { frames: found } = frames([PUSH_AND_SUB, PLAIN], slots, 0x1080, {}, { ...code, 12363: [0xe8, 0, 0, 0, 0] });
    expect(shown(found)).toEqual(["+1080 context", "+3050 cfi", "+2055 scan"]);
  });

  it("follows an epilogue that ends with a return from an interrupt", () => {
    const machine = { 288: BASE + 0x2040n, 296: 0x33n, 304: 0x246n, 312: STACK + 0x800n, 320: 0x2bn };
    const code = { 4336: [0x48, 0x83, 0xc4, 0x20, 0x48, 0xcf] };
    const { frames: found } = frames([PUSH_AND_SUB, PLAIN], machine, 0x10f0, {}, code);
    expect(shown(found)[1]).toBe("+2040 cfi");
    expect(found[1]).toMatchObject({ interrupted: true, sp: STACK + 0x800n });
  });

  it("scans past the fault's own address and past calls that led elsewhere", () => {
    const third: FakeFunction = { begin: 0x1000, end: 0x1100, info: [0x03, 0, 0, 0] };
    const { frames: found } = frames(
      [third, PLAIN],
      // 8 below a multiple of 16 each, where calls leave return addresses; between them one that no call left.
      { 264: BASE + 0x1010n, 272: BASE + 0x2070n, 280: BASE + 0x2055n },
      0x1010,
      {},
      {
        4107: [0xe8, 0, 0, 0, 0],
        8272: [0xe8, 0, 0, 0, 0],
      },
    );
    expect(shown(found)).toEqual(["+1010 context", "+2055 scan"]);
  });

  it("undoes a call to nowhere", () => {
    for (const wild of [0n, 0xdead_beefn, 0x1234_5678_9abc_def0n]) {
      const { frames: found } = frames([PLAIN], { 256: BASE + 0x2050n }, wild);
      expect(shown(found)[1]).toBe("+2050 cfi");
    }
  });

  it("scans where the version is not known, and takes only what a call can have pushed", () => {
    const third: FakeFunction = { begin: 0x1000, end: 0x1100, info: [0x03, 0, 0, 0] };
    const code = { 8267: [0xe8, 0, 0, 0, 0], 8288: [0x90, 0x90, 0x90] };
    const slots = { 264: BASE + 0x2063n, 272: BASE + 0x7000n, 280: BASE + 0x2050n };
    const { frames: found } = frames([third, PLAIN], slots, 0x1010, {}, code);
    expect(shown(found)).toEqual(["+1010 context", "+2050 scan"]);
  });

  it("goes on above code that no image holds where a call can have led to it, tail calls passed", () => {
    const inner: FakeFunction = { begin: 0x2000, end: 0x2100, info: info(4, [4, 0x42]) };
    const outer: FakeFunction = { begin: 0x3000, end: 0x3100, info: info(4, [4, 0x42]) };
    const bridge: FakeFunction = { begin: 0x4000, end: 0x4100, info: info(4, [4, 0x42]) };
    const code = {
      // A call to a function of its own, then one through a register.
      8272: [0xe8, 0xab, 0x1f, 0, 0],
      8318: [0xff, 0xd1],
      // The caller calls a bridge, which jumps on to the function.
      12363: [0xe8, 0xb0, 0x0f, 0, 0],
      16416: [0xe9, 0xdb, 0xdf, 0xff, 0xff],
    };
    const slots = { 264: BASE + 0x2055n, 280: BASE + 0x2080n, 328: BASE + 0x3050n };
    const { frames: found } = frames([inner, outer, bridge], slots, 0x7000_0000n, {}, code);
    expect(shown(found)).toEqual(["70000000 context", "+2080 scan", "+3050 cfi"]);
  });

  it("follows a frame register to another stack that is there, and not around on the same", () => {
    // push rbp; mov rbp, rsp
    const framed: FakeFunction = { begin: 0x1000, end: 0x1100, info: info(4, [4, 0x03, 1, 0x50], 0x05) };
    const other = 0x8_0000n;
    const thread = {
      ...({ cpu: "amd64", pc: BASE + 0x1080n, sp: RSP, image: peImage(AMD64, [framed, PLAIN]) } as const),
      stack: stackOf({ 88: BASE + 0x2060n }),
      memory: [[other, stackOf({ 264: BASE + 0x2050n, 312: BASE + 0x2070n })]],
    } as const;
    const switched = walk({ ...thread, registers: { rbp: other + 0x100n } }).frames;
    expect(shown(switched)).toEqual(["+1080 context", "+2050 cfi", "+2070 cfi"]);
    expect(shown(walk({ ...thread, registers: { rbp: STACK + 0x50n } }).frames)).toEqual(["+1080 context"]);
    const high = 0x20_0000n;
    const back = walk({
      ...{ ...thread, sp: high + 0x40n, registers: { rbp: STACK + 0x108n } },
      stack: stackOf({ 272: BASE + 0x2050n, 320: BASE + 0x2070n }),
      memory: [[high, stackOf({})]],
    }).frames;
    expect(shown(back)).toEqual(["+1080 context", "+2050 cfi", "+2070 cfi"]);
  });

  it("ends at the end of the thread's stack", () => {
    const { frames: found, end } = walk({
      cpu: "amd64",
      pc: BASE + 0x1080n,
      sp: STACK + BigInt(STACK_SIZE) - 0x30n,
      registers: {},
      stack: stackOf({ [STACK_SIZE - 8]: BASE + 0x2050n }),
      image: peImage(AMD64, [PUSH_AND_SUB, PLAIN]),
    });
    expect(shown(found)).toEqual(["+1080 context", "+2050 cfi"]);
    expect(end).toBe("lost");
  });

  it("never loops between machine frames", () => {
    const handler: FakeFunction = { begin: 0x1000, end: 0x1100, info: info(0, [0, 0x0a]) };
    const slots = { 256: BASE + 0x1010n, 264: 0x10n, 272: 0x246n, 280: RSP, 288: 0x18n };
    const { frames: found } = frames([handler], slots, 0x1010, {}, {}, true);
    expect(found.length).toBeLessThan(50);
  });
});
