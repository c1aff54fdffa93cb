import { type CpuArch, pointerSizeOf } from "../../../shared/dump/address.ts";
import type { DumpModule } from "../../../shared/dump/dump.ts";
import type { SymbolProvider } from "../../../shared/stackwalk/symbol-provider.ts";
import { STACK, shown, stackOf, walk } from "./fake-machine.ts";

const BASE = 0x40_0000n;
const MODULE: DumpModule = { base: BASE as DumpModule["base"], size: 0x1_0000, path: "/bin/a", identity: "absent" };
const SP = STACK + 0x100n;

function frames(
  cpu: CpuArch,
  slots: Readonly<Record<number, bigint>>,
  registers: Readonly<Record<string, bigint>>,
  options: { pc?: bigint; os?: string; provider?: SymbolProvider } = {},
): string[] {
  const { pc = BASE + 0x1080n, os = "Linux", provider } = options;
  return shown(
    walk({
      cpu,
      os,
      pc,
      sp: SP,
      registers: { sp: SP, r1: SP, ...registers },
      stack: stackOf(slots, pointerSizeOf(cpu)),
      modules: [MODULE],
      ...(provider ? { provider } : {}),
    }).frames,
  );
}

describe("stacks of rarer CPUs", () => {
  it("follow the back chain of PowerPC", () => {
    const slots = { 256: STACK + 0x140n, 320: STACK + 0x180n, 336: BASE + 0x2050n, 384: STACK + 0x1c0n, 400: 0n };
    expect(frames("ppc64", slots, {})).toEqual(["+1080 context", "+2050 frame_pointer"]);
    const narrow = { 256: STACK + 0x140n, 320: STACK + 0x180n, 324: BASE + 0x2050n, 328: BASE + 0x3050n };
    expect(frames("ppc", narrow, {})[1]).toBe("+2050 frame_pointer");
    expect(frames("ppc", narrow, {}, { os: "Mac OS X" })[1]).toBe("+3050 frame_pointer");
  });

  it("follow the frame records of RISC-V", () => {
    const slots = { 304: STACK + 0x180n, 312: BASE + 0x2050n, 368: 0n, 376: BASE + 0x3050n };
    expect(frames("riscv64", slots, { s0: STACK + 0x140n }).slice(0, 3)).toEqual([
      "+1080 context",
      "+2050 frame_pointer",
      "+3050 frame_pointer",
    ]);
  });

  it("are scanned where there is nothing better", () => {
    expect(frames("mips64", { 272: BASE + 0x2050n, 288: 5n, 304: BASE + 0x3050n }, {})).toEqual([
      "+1080 context",
      "+2050 scan",
      "+3050 scan",
    ]);
  });

  it.each(["mips64", "ppc64", "riscv64"] as const)("undo a call to nowhere by the link register: %s", (cpu) => {
    expect(frames(cpu, {}, { ra: BASE + 0x2050n, lr: BASE + 0x2050n }, { pc: 0x8n }).slice(0, 2)).toEqual([
      "8 context",
      "+2050 cfi",
    ]);
  });

  it("go by a symbol file's rules first", () => {
    const provider: SymbolProvider = {
      forModule: () => ({
        status: "found",
        lookedIn: [],
        lookup: () => undefined,
        covers: () => undefined,
        cfi: (rva) =>
          rva === 0x1080
            ? {
                rules: new Map([
                  [".cfa", "$sp 32 +"],
                  [".ra", ".cfa 8 - ^"],
                ]),
              }
            : undefined,
        frameData: () => undefined,
      }),
      image: () => undefined,
    };
    expect(frames("mips64", { 280: BASE + 0x2050n }, {}, { provider })[1]).toBe("+2050 cfi");
  });
});
