import type { CpuArch } from "../../../shared/dump/address.ts";
import { BASE, peImage, STACK, walk, xdataAt } from "./fake-machine.ts";

/** A small generator of numbers that does not depend on the run. */
function randomBytes(seed: number): (length: number) => Uint8Array {
  let state = seed * 2654435761 + 1;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
}

/** A stack of which every second slot leads into the image or into the stack itself. */
function wildStack(bytes: (length: number) => Uint8Array, pointerSize: 4 | 8): Uint8Array {
  const stack = bytes(0x4000);
  const view = new DataView(stack.buffer);
  for (let at = 0; at + 8 <= stack.length; at += pointerSize * 2) {
    const into = view.getUint16(at, true);
    const value = into % 3 === 0 ? STACK + BigInt(into % 0x4000) : BASE + 0x1000n + BigInt(into % 0x5000);
    if (pointerSize === 8) view.setBigUint64(at, value, true);
    else view.setUint32(at, Number(value & 0xffff_ffffn), true);
  }
  return stack;
}

describe("hostile stacks and unwind data", () => {
  const cases: (readonly [CpuArch, number])[] = [
    ["amd64", 0x8664],
    ["arm64", 0xaa64],
    ["x86", 0x14c],
    ["arm", 0x1c4],
  ];
  it.each(cases)("end within the limit and never go down a stack: %s", (cpu, machine) => {
    const pointerSize = cpu === "x86" || cpu === "arm" ? 4 : 8;
    for (let seed = 1; seed <= 40; seed++) {
      const bytes = randomBytes(seed);
      const functions = Array.from({ length: 32 }, (_, index) => {
        const info = [...bytes(0x80)];
        // Most are of a version that is read.
        if (machine === 0x8664) info[0] = ((info[0] as number) & 0x20) | (seed % 2 === 0 ? 1 : 2);
        const chain = 4 + ((info[2] as number) + ((info[2] as number) & 1)) * 2;
        if (chain + 12 < info.length) info.splice(chain, 12, 0, 16, 0, 0, 0, 18, 0, 0, 0, xdataAt(index) >> 8, 0, 0);
        return { begin: 0x1000 + index * 0x280, end: 0x1000 + index * 0x280 + 0x280, info };
      });
      const registers = Object.fromEntries(
        ["rbp", "rbx", "fp", "lr", "ebp", "r7"].map((name, index) => [name, STACK + BigInt(index * 0x88)]),
      );
      const { frames } = walk({
        cpu,
        kernel: seed % 3 === 0,
        pc: BASE + 0x1000n + BigInt(seed * 16),
        sp: STACK + 8n,
        registers,
        stack: wildStack(bytes, pointerSize),
        image: peImage(machine, functions),
      });
      expect(frames.length).toBeGreaterThan(0);
      expect(frames.length).toBeLessThanOrEqual(4096);
      let switches = 0;
      for (let at = 1; at < frames.length; at++) {
        if ((frames[at]?.sp ?? 0n) < (frames[at - 1]?.sp ?? 0n)) switches += 1;
      }
      expect(switches).toBeLessThan(20);
    }
  });
});
