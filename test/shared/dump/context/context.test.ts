import { readContext } from "../../../../shared/dump/context/context.ts";
import { type SynthCpu, synthContext } from "../../../support/synth/contexts.ts";

describe("readContext", () => {
  it.each([
    ["x86", "x86", { eip: 0x00401000, esp: 0x0012fff0, efl: 0x246 }, { eip: 0x401000n, eflags: 0x246n }],
    ["amd64", "amd64", { rip: 0x7ff600001000n, rsp: 0x10f000n, r15: 15 }, { rip: 0x7ff600001000n, r15: 15n }],
    ["arm", "arm", { pc: 0x8000, sp: 0x9000, lr: 0x8888, r7: 7, r12: 12 }, { lr: 0x8888n, r7: 7n, r12: 12n }],
    ["arm64", "arm64", { pc: 0x1000n, sp: 0x2000n, fp: 29, lr: 30, x28: 28 }, { fp: 29n, lr: 30n, x28: 28n }],
    ["arm64-old", "arm64", { pc: 0x1000n, sp: 0x2000n, fp: 29, lr: 30, x0: 1 }, { fp: 29n, lr: 30n, x0: 1n }],
  ] as const)("reads %s", (kind, cpu, set, expected) => {
    const context = readContext(cpu, synthContext(kind as SynthCpu, set));
    expect(context?.cpu).toBe(cpu);
    expect(context?.registers).toMatchObject(expected);
    const values: Record<string, number | bigint> = set;
    expect(context?.pc).toBe(BigInt(values["pc"] ?? values["rip"] ?? values["eip"] ?? 0));
    expect(context?.sp).toBe(BigInt(values["sp"] ?? values["rsp"] ?? values["esp"] ?? 0));
  });

  it("names registers in the order of rust-minidump", () => {
    const names = (cpu: "x86" | "amd64" | "arm" | "arm64") =>
      Object.keys(readContext(cpu, synthContext(cpu, {}))?.registers ?? {}).join(" ");
    expect(names("x86")).toBe("eip esp ebp ebx esi edi eax ecx edx eflags");
    expect(names("amd64")).toBe("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip");
    expect(names("arm")).toBe("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r12 fp sp lr pc");
    expect(names("arm64").split(" ")).toHaveLength(33);
  });

  it("refuses too few bytes and flags of another CPU", () => {
    const context = synthContext("amd64", { rip: 1 });
    expect(readContext("amd64", context.subarray(0, 0x4cf))).toBeUndefined();
    expect(readContext("amd64", synthContext("amd64", {}, 0x1007f))).toBeUndefined();
    expect(readContext("x86", synthContext("x86", {}, 0x100001))).toBeUndefined();
    expect(readContext("arm64", synthContext("arm64", {}).subarray(0, 0x31c))).toBeUndefined();
    expect(readContext("ppc", new Uint8Array(0x500))).toBeUndefined();
    expect(readContext("unknown", context)).toBeUndefined();
  });

  it("takes kernel flags and an x86 context without ExtendedRegisters", () => {
    expect(readContext("amd64", synthContext("amd64", { rip: 7 }, 0x8010005f))?.pc).toBe(7n);
    expect(readContext("x86", synthContext("x86", { eip: 7 }, 0x1003f).subarray(0, 0xcc))?.pc).toBe(7n);
  });

  it("ignores XSTATE behind an x64 context", () => {
    const longer = new Uint8Array(0xa00);
    longer.set(synthContext("amd64", { rip: 9 }));
    expect(readContext("amd64", longer)?.pc).toBe(9n);
  });
});
