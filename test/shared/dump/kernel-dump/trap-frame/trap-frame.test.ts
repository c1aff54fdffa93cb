import type { CpuArch, VirtualAddress } from "../../../../../shared/dump/address.ts";
import { findContextRecords } from "../../../../../shared/dump/kernel-dump/trap-frame/context-record.ts";
import {
  findExceptionRecords,
  readExceptionRecord,
} from "../../../../../shared/dump/kernel-dump/trap-frame/exception-record.ts";
import { findTrapFrames } from "../../../../../shared/dump/kernel-dump/trap-frame/find-trap-frames.ts";
import { readSwitchFrame } from "../../../../../shared/dump/kernel-dump/trap-frame/switch-frame.ts";
import { readTrapFrame, trapFrameBelow } from "../../../../../shared/dump/kernel-dump/trap-frame/trap-frame.ts";
import { contextRecord, exceptionRecord, FakeMemory, trapFrame } from "../../../triage/stop-codes/fake-dump.ts";

const CODE = 0xfffff800_00001000n;
const AT = 0xffffc000_00002000n as VirtualAddress;
const RECORD = 0xc0000005;
const isCode = (address: bigint): boolean => address >= CODE && address < CODE + 0x1000n;

function stackOf(memory: FakeMemory, start: bigint, length: number) {
  return { start: start as VirtualAddress, bytes: memory.read(start as VirtualAddress, length).bytes };
}

const search = (cpu: CpuArch = "amd64", build = 19041) => ({ cpu, build, isCode });

describe("x64 trap frames", () => {
  const memory = (): FakeMemory => new FakeMemory().zero(AT - 0x1000n, 0x3000);

  it("holds volatile registers only, unless an exception frame completes it", () => {
    const frame = readTrapFrame(trapFrame(memory(), AT, { rip: CODE, rax: 7n, cr2: 0x99n }), "amd64", AT, 19041);
    expect(frame).toMatchObject({ fromUser: false, faultAddress: 0x99n });
    expect(Object.keys(frame?.context.registers ?? {})).toEqual("rax rdx rcx rbp rsp r8 r9 r10 r11 rip".split(" "));
  });

  it.each([
    ["the record of its exception lies below", RECORD, undefined, 0x1e0n],
    ["KeBugCheckEx was called right below", 0, AT - 0x148n, 0x140n],
  ])("is completed where %s", (_, code, sp, below) => {
    const written = exceptionRecord(trapFrame(memory(), AT, { rip: CODE }), AT - 0xa8n, code, CODE);
    written.number(AT - below + 0x118n, 0x12n);
    const frame = readTrapFrame(written, "amd64", AT, 19041, sp as VirtualAddress | undefined);
    expect(frame?.context.registers["r12"]).toBe(0x12n);
    expect(Object.keys(frame?.context.registers ?? {})).toHaveLength(17);
  });

  it("is not completed by residue: a pushed RBP, a record of another trap", () => {
    const written = trapFrame(memory(), AT, { rip: CODE }).number(AT - 0x140n + 0xf8n, AT + 0x80n);
    exceptionRecord(written, AT - 0xa8n, RECORD, CODE + 1n);
    const frame = readTrapFrame(written, "amd64", AT, 19041, (AT - 0x200n) as VirtualAddress);
    expect(Object.keys(frame?.context.registers ?? {})).toHaveLength(10);
  });

  it.each([
    ["code selector", 0x170n, 0x18],
    ["flags", 0x178n, 0x0],
    ["reserved flags", 0x17an, 0xffff],
    ["stack selector", 0x188n, 0x2b],
  ])("is none with a wrong %s", (_, offset, value) => {
    const written = trapFrame(memory(), AT, { rip: CODE }).number(AT + offset, value, 2);
    expect(readTrapFrame(written, "amd64", AT, 19041)).toBeUndefined();
  });

  it("is none in a hole, at zero, and on CPUs without frames", () => {
    expect(readTrapFrame(new FakeMemory(), "amd64", AT, 19041)).toBeUndefined();
    expect(readTrapFrame(memory(), "amd64", 0n as VirtualAddress, 19041)).toBeUndefined();
    expect(readTrapFrame(memory(), "sparc", AT, 19041)).toBeUndefined();
  });

  it("is found on a stack by its form, newest first, residue left out", () => {
    const written = trapFrame(memory(), AT, { rip: CODE + 4n, rsp: AT + 0x400n });
    trapFrame(written, AT - 0x800n, { rip: CODE + 8n, rsp: AT - 0x100n });
    trapFrame(written, AT + 0x600n, { rip: 0x7ffe0000n, rsp: 0x2000n, user: true });
    trapFrame(written, AT + 0x900n, { rip: 0x1234n, rsp: AT + 0xb00n });
    trapFrame(written, AT + 0xb00n, { rip: CODE, rsp: AT - 0xf00n });
    const found = findTrapFrames(stackOf(written, AT - 0x1000n, 0x3000), search());
    expect(found.map(({ address, fromUser }) => [address, fromUser])).toEqual([
      [AT - 0x800n, false],
      [AT, false],
      [AT + 0x600n, true],
    ]);
  });

  it("stops at the limit and reads nothing behind the piece", () => {
    const written = trapFrame(memory(), AT, { rip: CODE, rsp: AT + 0x190n });
    expect(findTrapFrames(stackOf(written, AT, 0x18f), search())).toEqual([]);
    trapFrame(written, AT + 0x190n, { rip: CODE, rsp: AT + 0x320n });
    expect(findTrapFrames(stackOf(written, AT, 0x600), { ...search(), limit: 1 })).toHaveLength(1);
  });

  it("lies right below the stack pointer of its code", () => {
    expect(trapFrameBelow("amd64", (AT + 0x198n) as VirtualAddress)).toBe(AT);
    expect(trapFrameBelow("x86", 0x8d640074n as VirtualAddress)).toBe(0x8d640000n);
    expect(trapFrameBelow("mips", AT)).toBeUndefined();
  });
});

describe("x86 trap frames", () => {
  const at = 0x8d640000n as VirtualAddress;
  const written = (eaxAt: bigint): FakeMemory => {
    const memory = new FakeMemory().zero(at, 0x200);
    for (const [offset, value] of [
      [eaxAt, 0xa],
      [0x50n, 0x30],
      [0x60n, 0x8d640100],
      [0x68n, 0x84ab1016],
      [0x6cn, 8],
      [0x70n, 0x10246],
    ] as const)
      memory.number(at + offset, value, 4);
    return memory;
  };

  it.each([
    [7601, 0x44n],
    [9600, 0x40n],
  ])("of build %i has EAX at %i and goes on where nothing was pushed", (build, eaxAt) => {
    const frame = readTrapFrame(written(eaxAt), "x86", at, build);
    expect(frame?.context.registers).toMatchObject({ eax: 0xan, eip: 0x84ab1016n, ebp: 0x8d640100n });
    expect(frame?.context.sp).toBe(at + 0x74n);
  });

  it("takes ESP from the frame where the trap came from user mode", () => {
    const memory = written(0x44n)
      .number(at + 0x6cn, 0x1b, 4)
      .number(at + 0x74n, 0x12ff00, 4);
    memory.number(at + 0x78n, 0x23, 4);
    expect(readTrapFrame(memory, "x86", at, 7601)).toMatchObject({ fromUser: true, context: { sp: 0x12ff00n } });
  });

  it("is found by its form", () => {
    const stack = { start: at, bytes: written(0x44n).read(at, 0x200).bytes };
    const found = findTrapFrames(stack, { cpu: "x86", build: 7601, isCode: (address) => address === 0x84ab1016n });
    expect(found.map(({ address }) => address)).toEqual([at]);
  });
});

describe("ARM64 trap frames", () => {
  it("hold X0 to X18, LR and FP", () => {
    const memory = new FakeMemory().zero(AT, 0x400);
    memory
      .number(AT + 0x90n, 0x60000004, 4)
      .number(AT + 0x98n, AT + 0x200n)
      .number(AT + 0xa8n, 0x11n);
    memory
      .number(AT + 0x148n, CODE)
      .number(AT + 3n, 2, 1)
      .number(AT + 8n, 0x99n);
    const frame = readTrapFrame(memory, "arm64", AT, 22000);
    expect(frame).toMatchObject({ previousIrql: 2, faultAddress: 0x99n, context: { pc: CODE, sp: AT + 0x200n } });
    expect(frame?.context.registers["x1"]).toBe(0x11n);
    expect(frame?.context.registers["x19"]).toBeUndefined();
    expect(findTrapFrames(stackOf(memory, AT, 0x400), search("arm64")).map(({ address }) => address)).toEqual([AT]);
    memory.number(AT + 0x90n, 0x10, 4);
    expect(readTrapFrame(memory, "arm64", AT, 22000)).toBeUndefined();
  });
});

describe("records on a stack", () => {
  it("finds contexts and exceptions by their form", () => {
    const memory = contextRecord(new FakeMemory().zero(AT, 0x1000), AT + 0x10n, CODE, AT + 0x900n);
    exceptionRecord(memory, AT + 0x600n, 0xc0000005, CODE, [0n, 1n]);
    exceptionRecord(memory, AT + 0x700n, 0x1234, CODE);
    const stack = stackOf(memory, AT, 0x1000);
    expect(findContextRecords(stack, "amd64", isCode).map(({ at }) => at)).toEqual([AT + 0x10n]);
    expect(findExceptionRecords(stack, 8, isCode).map(({ at }) => at)).toEqual([AT + 0x600n]);
    expect(findContextRecords(stack, "unknown", isCode)).toEqual([]);
  });

  it("does not believe more parameters than a record has room for", () => {
    const memory = exceptionRecord(new FakeMemory(), AT, 0xc0000005, CODE).number(AT + 0x18n, 16, 4);
    expect(readExceptionRecord(memory, AT, 8)).toBeUndefined();
  });
});

describe("switch frames", () => {
  it("say where a waiting thread goes on", () => {
    const memory = new FakeMemory()
      .zero(AT, 0x40)
      .number(AT + 0x30n, 0xbbn)
      .number(AT + 0x38n, CODE);
    expect(readSwitchFrame(memory, "amd64", AT)).toMatchObject({ pc: CODE, sp: AT + 0x40n, registers: { rbp: 0xbbn } });
    memory
      .zero(AT, 0x40)
      .number(AT + 0x10n, 0xf0n)
      .number(AT + 0x18n, CODE);
    expect(readSwitchFrame(memory, "arm64", AT)).toMatchObject({ pc: CODE, sp: AT + 0x20n, registers: { fp: 0xf0n } });
    expect(readSwitchFrame(new FakeMemory(), "amd64", AT)).toBeUndefined();
    expect(readSwitchFrame(memory, "ppc", AT)).toBeUndefined();
  });
});
