import fc from "fast-check";
import type { CpuArch } from "../../../shared/dump/address.ts";
import type { CfiRules, SymbolProvider, WinFrameData } from "../../../shared/stackwalk/symbol-provider.ts";
import { BASE, IMAGE_SIZE, STACK, STACK_SIZE, stackOf, walk } from "./fake-machine.ts";

/**
 * Stacks, symbol files and trampolines that make no sense, together: a walk ends, within its limit, and leaves
 * a stack for another no more often than it may.
 */

const NARROW = 0x40_0000n;
const MAX_FRAMES = 4096;
const MAX_SWITCHES = 17;

const cpus: readonly CpuArch[] = ["amd64", "x86", "arm64", "arm"];
const systems = ["Linux", "Windows NT", "Mac OS X", "iOS", "Android"];
const names = "$rsp $esp sp $rbp $ebp fp lr $rip pc x29 r7 r11 .cfa .raSearch .cbLocals $T0".split(" ");
const token = fc.oneof(
  fc.constantFrom(...names, "+", "-", "*", "/", "%", "@", "^", "=", ".undef"),
  fc.integer({ min: -64, max: 4096 }).map(String),
);
const expression = fc.array(token, { minLength: 1, maxLength: 8 }).map((tokens) => tokens.join(" "));
/** Rules as compilers make them, so that not every walk ends at once. */
const sane = fc.integer({ min: 0, max: 40 }).map((size) => `sp ${size * 8} +`);
const rules: fc.Arbitrary<CfiRules> = fc
  .record({ cfa: fc.oneof(sane, expression), ra: fc.oneof(fc.constant(".cfa 8 - ^"), expression), sp: expression })
  .map(({ cfa, ra, sp }) => ({
    rules: new Map([
      [".cfa", cfa],
      [".ra", ra],
      ["sp", sp],
    ]),
  }));
const frameData: fc.Arbitrary<WinFrameData> = fc.record({
  type: fc.constantFrom("frame-data" as const, "fpo" as const),
  rva: fc.constant(0x1000),
  codeSize: fc.constant(0x5000),
  prologSize: fc.constant(0),
  paramSize: fc.nat(0xffff_ffff),
  savedRegSize: fc.nat(64),
  localSize: fc.oneof(fc.nat(64), fc.nat(0xffff_ffff)),
  maxStack: fc.constant(0),
  program: expression,
  usesBp: fc.boolean(),
});

/** A word by what it may mean to a walk. */
const word = fc.tuple(fc.constantFrom("code", "trampoline", "stack", "zero", "any"), fc.nat(0xffff_ffff));
/** Trampolines of Linux and returns, over and over: wherever a walk comes, it may be one. */
const codes: readonly (readonly number[])[] = [
  [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
  [0xb8, 0xad, 0, 0, 0, 0xcd, 0x80],
  [0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80],
  [0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4],
  [0x77, 0x27, 0, 0xdf],
  [0xc3, 0x90, 0xe8, 0, 0, 0, 0],
];

describe("wild stacks, symbols and signal frames", () => {
  it("end within the limit", () => {
    let longest = 0;
    fc.assert(
      fc.property(
        fc.record({
          cpu: fc.constantFrom(...cpus),
          os: fc.constantFrom(...systems),
          words: fc.array(word, { minLength: 64, maxLength: 512 }),
          start: fc.nat(63),
          rules: fc.option(rules),
          frameData: fc.option(frameData),
          hasCode: fc.boolean(),
        }),
        (wild) => {
          const size = wild.cpu === "x86" || wild.cpu === "arm" ? 4 : 8;
          const base = size === 4 ? NARROW : BASE;
          const value = ([kind, number]: readonly [string, number]): bigint => {
            if (kind === "code") return base + 0x1000n + BigInt(number % 0x5000);
            if (kind === "trampoline") return base + 0x2000n + BigInt((number % 96) * 16);
            if (kind === "stack") return STACK + BigInt(number % STACK_SIZE);
            return kind === "zero" ? 0n : BigInt(number);
          };
          const slots = Object.fromEntries(wild.words.map((one, index) => [index * size, value(one)]));
          const image = new Uint8Array(IMAGE_SIZE);
          for (let at = 0x2000; at < 0x2600; at += 16) image.set(codes[(at >> 4) % codes.length] ?? [], at);
          const provider: SymbolProvider = {
            forModule: () => ({
              status: "found",
              lookedIn: [],
              lookup: () => undefined,
              covers: () => undefined,
              cfi: () => wild.rules ?? undefined,
              frameData: () => wild.frameData ?? undefined,
            }),
            image: () =>
              wild.hasCode ? { read: (rva, length) => image.subarray(rva, rva + length), plan: () => {} } : undefined,
          };
          const sp = STACK + BigInt(wild.start * size);
          const registers = Object.fromEntries(
            "rsp esp sp rbp ebp fp r7 lr"
              .split(" ")
              .map((name, index) => [name, index < 3 ? sp : value(wild.words[index] ?? ["zero", 0])]),
          );
          const { frames, end } = walk({
            cpu: wild.cpu,
            os: wild.os,
            pc: base + 0x2000n,
            sp,
            registers,
            stack: stackOf(slots, size),
            modules: [{ base: base as never, size: IMAGE_SIZE, path: "/lib/wild.so", identity: "absent" }],
            provider,
          });
          longest = Math.max(longest, frames.length);
          expect(end).not.toBe("unfinished");
          expect(frames.length).toBeLessThanOrEqual(MAX_FRAMES);
          const switches = frames.filter(({ sp: own }, at) => at > 0 && own < (frames[at - 1]?.sp ?? 0n)).length;
          expect(switches).toBeLessThanOrEqual(MAX_SWITCHES);
        },
      ),
      { numRuns: 800 },
    );
    // Else they proved nothing.
    expect(longest).toBeGreaterThan(30);
  });
});
