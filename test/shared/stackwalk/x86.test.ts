import type { DumpModule } from "../../../shared/dump/dump.ts";
import type { ModuleSymbols, SymbolProvider, WinFrameData } from "../../../shared/stackwalk/symbol-provider.ts";
import { STACK, shown, stackOf, walk } from "./fake-machine.ts";

const BASE = 0x40_0000n;
const MODULE: DumpModule = { base: BASE as DumpModule["base"], size: 0x1_0000, path: "a.exe", identity: "absent" };
const ESP = STACK + 0x100n;

const record = (more: Partial<WinFrameData>): WinFrameData => ({
  type: "frame-data",
  rva: 0x1000,
  codeSize: 0x100,
  prologSize: 0,
  paramSize: 0,
  savedRegSize: 0,
  localSize: 0,
  maxStack: 0,
  usesBp: false,
  ...more,
});

function providerOf(frameData: (rva: number) => WinFrameData | undefined, cfi?: ModuleSymbols["cfi"]): SymbolProvider {
  const symbols: ModuleSymbols = {
    status: "found",
    lookedIn: [],
    lookup: () => undefined,
    covers: () => undefined,
    cfi: cfi ?? (() => undefined),
    frameData,
  };
  return { forModule: () => symbols, image: () => undefined };
}

function frames(
  slots: Readonly<Record<number, bigint>>,
  registers: Readonly<Record<string, bigint>>,
  provider?: SymbolProvider,
  memory: readonly (readonly [bigint, Uint8Array])[] = [],
): ReturnType<typeof walk> {
  return walk({
    cpu: "x86",
    pc: BASE + 0x1080n,
    sp: ESP,
    registers: { esp: ESP, eip: BASE + 0x1080n, ...registers },
    stack: stackOf(slots, 4),
    modules: [MODULE],
    memory,
    ...(provider ? { provider } : {}),
  });
}

describe("x86 stacks", () => {
  it("finds the caller of a system call's stub, which has no frame of its own", () => {
    // add esp, 4; ret 14h
    const code = new Uint8Array(16);
    code.set([0x83, 0xc4, 4, 0xc2, 0x14, 0]);
    const { frames: found } = frames(
      { 256: 0x1234n, 260: BASE + 0x2050n, 288: 0n, 292: BASE + 0x3050n },
      { ebp: STACK + 0x120n },
      undefined,
      [[BASE + 0x1080n, code]],
    );
    expect(shown(found)).toEqual(["+1080 context", "+2050 frame_pointer", "+3050 frame_pointer"]);
  });

  it("follows the chain of EBP to its end", () => {
    const { frames: found, end } = frames(
      { 288: STACK + 0x140n, 292: BASE + 0x2050n, 320: 0n, 324: BASE + 0x3050n },
      { ebp: STACK + 0x120n },
    );
    expect(shown(found)).toEqual(["+1080 context", "+2050 frame_pointer", "+3050 frame_pointer"]);
    expect(end).toBe("bottom");
  });

  it("sees by the code that EBP is still the caller's", () => {
    for (const code of [
      [0x55, 0x8b, 0xec, 0, 0],
      [0x8b, 0xff, 0x55, 0x8b, 0xec],
      [0xc3, 0, 0, 0, 0],
    ]) {
      const { frames: found } = frames(
        { 256: BASE + 0x2050n, 288: 0n, 292: BASE + 0x3050n },
        { ebp: STACK + 0x120n },
        undefined,
        [[BASE + 0x1080n, new Uint8Array(code)]],
      );
      expect(shown(found)).toEqual(["+1080 context", "+2050 frame_pointer", "+3050 frame_pointer"]);
    }
  });

  it("runs frame data programs, with or without spaces at assignments", () => {
    for (const program of [
      "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =",
      "$T0 $ebp =$eip $T0 4 + ^ =$ebp $T0 ^ = $esp $T0 8 + =",
    ]) {
      const provider = providerOf((rva) => (rva < 0x2000 ? record({ program }) : undefined));
      const { frames: found } = frames({ 288: 0x55n, 292: BASE + 0x2050n }, { ebp: STACK + 0x120n }, provider);
      expect(shown(found).slice(0, 2)).toEqual(["+1080 context", "+2050 cfi"]);
      expect(found[1]?.registers).toMatchObject({ ebp: 0x55n, esp: STACK + 0x128n });
    }
  });

  it("finds the return address of FPO functions behind locals, saved registers and the callee's parameters", () => {
    const sizes = { type: "fpo", localSize: 0x10, savedRegSize: 8 } as const;
    const provider = providerOf((rva) =>
      rva < 0x2000 ? record({ ...sizes, paramSize: 4 }) : record({ ...sizes, rva: 0x2000 }),
    );
    const { frames: found } = frames({ 280: BASE + 0x2050n, 312: BASE + 0x3050n }, { ebp: 9n }, provider);
    // Its own frame of 0x18 bytes starts behind the 4 bytes of parameters that it had pushed.
    expect(shown(found).slice(0, 3)).toEqual(["+1080 context", "+2050 cfi", "+3050 cfi"]);
    expect(found[2]?.sp).toBe(STACK + 0x13cn);
    expect(found[1]?.registers["ebp"]).toBe(9n);
  });

  it("evaluates STACK CFI rules", () => {
    const rules = new Map([
      [".cfa", "$ebp 8 +"],
      [".ra", ".cfa 4 - ^"],
      ["$ebp", ".cfa 8 - ^"],
    ]);
    const provider = providerOf(
      () => undefined,
      (rva) => (rva < 0x2000 ? { rules } : undefined),
    );
    const { frames: found } = frames({ 288: 0x55n, 292: BASE + 0x2050n }, { ebp: STACK + 0x120n }, provider);
    expect(shown(found)[1]).toBe("+2050 cfi");
    expect(found[1]?.registers).toMatchObject({ ebp: 0x55n, esp: STACK + 0x128n });
  });
});
