import { dataView } from "../../../shared/bytes/layout.ts";
import type { VirtualAddress } from "../../../shared/dump/address.ts";
import type { DumpModule } from "../../../shared/dump/dump.ts";
import { NO_SYMBOLS } from "../../../shared/stackwalk/symbol-provider.ts";
import { type FakeFunction, IMAGE_SIZE, imageBytes, peImage, STACK, shown, stackOf, walk } from "./fake-machine.ts";

const ARMNT = 0x1c4;
const AT = 0x40_0000n;
const SP = STACK + 0x100n;
const MODULE: DumpModule = { base: AT as VirtualAddress, size: IMAGE_SIZE, path: "app.exe", identity: "absent" };

/** push {r4, lr}; sub sp, #16, and back. Starts of Thumb functions have their lowest bit set. */
const PACKED: FakeFunction = {
  begin: 0x1001,
  end: 0,
  info: [],
  packed: (1 | ((0x100 / 2) << 2) | (1 << 20) | (4 << 22)) >>> 0,
};
/** push {r4-r9, lr}; mov r7, sp, and as its end `mov sp, r7; pop {r4-r9, pc}`. */
const head = (0x100 / 2) | (1 << 21) | (1 << 28);
const FRAMED: FakeFunction = {
  begin: 0x2001,
  end: 0,
  info: [head & 255, (head >> 8) & 255, (head >> 16) & 255, head >>> 24, 0xc7, 0xdd, 0xff, 0xff],
};

interface Start {
  readonly pc: number;
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly slots?: Readonly<Record<number, bigint>>;
  readonly functions?: readonly FakeFunction[];
}

function frames({ pc, registers = {}, slots = {}, functions = [PACKED, FRAMED] }: Start) {
  const image = peImage(ARMNT, functions);
  return walk({
    cpu: "arm",
    pc: AT + BigInt(pc),
    sp: SP,
    registers: { sp: SP, ...registers },
    stack: stackOf(slots, 4),
    modules: [MODULE],
    provider: { ...NO_SYMBOLS, image: () => imageBytes(image) },
  }).frames;
}

/** A small generator of numbers that does not depend on the run. */
function randomBytes(seed: number): (length: number) => Uint8Array {
  let state = seed * 2654435761 + 1;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
}

describe("ARM unwind data of Windows", () => {
  it("undo packed frames and those that keep the stack pointer in a register", () => {
    const slots = {
      // r4 and lr of the first function, then r4 to r9 and lr of the second, which r7 points to.
      272: 0x44n,
      276: AT + 0x2081n,
      336: 4n,
      340: 5n,
      348: 0x77n,
      360: AT + 0x3001n,
    };
    const found = frames({ pc: 0x1080, registers: { r4: 1n, r7: STACK + 0x150n }, slots });
    expect(shown(found).slice(0, 3)).toEqual(["+1080 context", "+2080 cfi", "+3000 cfi"]);
    expect(found[1]).toMatchObject({ sp: STACK + 0x118n, lookupRva: 0x207e, registers: { r4: 0x44n } });
    expect(found[2]).toMatchObject({ sp: STACK + 0x16cn, registers: { r4: 4n, r5: 5n, r7: 0x77n } });
  });

  it.each([
    ["before its first instruction", 0x1000, {}, SP],
    ["behind its push", 0x1002, { 260: AT + 0x2081n }, SP + 8n],
    ["in its body", 0x1004, { 276: AT + 0x2081n }, SP + 24n],
    ["in its epilogue", 0x10fe, { 260: AT + 0x2081n }, SP + 8n],
  ])("undo what a function has done %s", (_, pc, slots, sp) => {
    const found = frames({ pc, registers: { lr: AT + 0x2081n }, slots });
    expect(found[1]).toMatchObject({ trust: "cfi", ip: AT + 0x2080n, sp });
  });

  it("take functions without a record for leaves, once", () => {
    const found = frames({ pc: 0x5000, registers: { lr: AT + 0x6001n } });
    expect(shown(found)).toEqual(["+5000 context", "+6000 cfi"]);
  });

  it("undo the whole frame of a call that is a function's last instruction", () => {
    const slots = { 272: 0n, 276: AT + 0x1101n, 296: 0n, 300: AT + 0x2081n };
    const found = frames({ pc: 0x1080, slots });
    expect(shown(found).slice(0, 3)).toEqual(["+1080 context", "+1100 cfi", "+2080 cfi"]);
  });

  it("go on with what was interrupted, by a machine frame or a context", () => {
    const codes = (code: number): FakeFunction => ({ ...FRAMED, info: [0x80, 0, 0, 0x10, 0x03, 0xee, code, 0xff] });
    const machine = frames({
      pc: 0x2080,
      slots: { 268: STACK + 0x200n, 272: AT + 0x1081n, 532: AT + 0x3001n },
      functions: [PACKED, codes(1)],
    });
    expect(shown(machine).slice(0, 3)).toEqual(["+2080 context", "+1080 cfi", "+3000 cfi"]);
    expect(machine[1]).toMatchObject({ interrupted: true, sp: STACK + 0x200n, lookupRva: 0x1080 });
    // ContextFlags, then R0 to R12, Sp, Lr and Pc.
    const slots = { 268: 0x20_0003n, [0x110 + 28]: 7n, [0x10c + 0x38]: STACK + 0x200n, [0x10c + 0x40]: AT + 0x1080n };
    const whole = frames({ pc: 0x2080, slots, functions: [PACKED, codes(2)] });
    expect(whole[1]).toMatchObject({ interrupted: true, sp: STACK + 0x200n, lookupRva: 0x1080, registers: { r7: 7n } });
    expect(shown(frames({ pc: 0x2080, slots: {}, functions: [PACKED, codes(2)] }))).toHaveLength(1);
  });

  it("end within the limit and never go round where they make no sense", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const bytes = randomBytes(seed);
      const functions = Array.from({ length: 32 }, (_, index): FakeFunction => {
        const info = [...bytes(0x80)];
        // Most are of the version that is read, and short.
        info[2] = (info[2] as number) & 0xf0;
        const packed = { packed: (dataView(bytes(4)).getUint32(0, true) & ~3) | 1 };
        return { begin: 0x1001 + index * 0x280, end: 0, info, ...(index % 2 === 0 ? packed : {}) };
      });
      const slots = Object.fromEntries(
        Array.from({ length: 0x800 }, (_, at) => {
          const into = dataView(bytes(2)).getUint16(0, true);
          return [at * 8, into % 3 === 0 ? STACK + BigInt(into % 0x4000) : AT + 0x1000n + BigInt(into % 0x5000)];
        }),
      );
      const registers = { lr: AT + 0x1101n, fp: STACK + 0x200n, r7: STACK + 0x300n };
      const found = frames({ pc: 0x1000 + seed * 0x111, registers, slots, functions });
      expect(found.length).toBeGreaterThan(0);
      expect(found.length).toBeLessThanOrEqual(4096);
      const down = found.filter(({ sp }, at) => at > 0 && sp < (found[at - 1]?.sp ?? 0n));
      expect(down.length).toBeLessThan(20);
    }
  });

  it("give way to a scan where they are of no known form or the register is not known", () => {
    const slots = { 288: AT + 0x3001n };
    const strange: FakeFunction = { ...PACKED, packed: 3 };
    expect(shown(frames({ pc: 0x1080, slots, functions: [strange] }))[1]).toBe("+3000 scan");
    expect(shown(frames({ pc: 0x2080, slots }))[1]).toBe("+3000 scan");
  });
});
