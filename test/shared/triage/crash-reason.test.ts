import type { CpuArch, VirtualAddress } from "../../../shared/dump/address.ts";
import type { Dump, DumpException } from "../../../shared/dump/dump.ts";
import { NO_MEMORY } from "../../../shared/dump/memory.ts";
import { crashReason } from "../../../shared/triage/crash-reason.ts";
import { ALL_WORDS, loadWords, Words } from "../../../shared/triage/words/words.ts";

function dumpOf(os: string, cpu: CpuArch, exception?: Partial<DumpException>): Dump {
  return {
    format: "MDMP",
    kind: "minidump",
    dumpType: 0,
    size: 0,
    truncated: false,
    sections: [],
    cpu,
    pointerSize: cpu === "x86" ? 4 : 8,
    system: { os },
    process: {},
    modules: [],
    unloadedModules: [],
    threads: [],
    extras: {},
    memory: NO_MEMORY,
    ...(exception
      ? { exception: { code: 0, flags: 0, address: 0x1000n as VirtualAddress, parameters: [], ...exception } }
      : {}),
  };
}

describe("crashReason", () => {
  let words: Words;
  beforeAll(async () => {
    words = await loadWords(ALL_WORDS);
  });
  const type = (os: string, cpu: CpuArch, exception: Partial<DumpException>): string | undefined =>
    crashReason(dumpOf(os, cpu, exception), words)?.type;

  // Each expectation was printed by minidump-stackwalk 0.27 for a synthetic dump with these values.
  it.each([
    [0xc0000005, [], "EXCEPTION_ACCESS_VIOLATION"],
    [0xc0000005, [0n, 8n], "EXCEPTION_ACCESS_VIOLATION_READ"],
    [0xc0000005, [1n, 8n], "EXCEPTION_ACCESS_VIOLATION_WRITE"],
    [0xc0000005, [8n, 8n], "EXCEPTION_ACCESS_VIOLATION_EXEC"],
    [0xc0000005, [2n, 8n], "EXCEPTION_ACCESS_VIOLATION"],
    [0xc0000005, [0x1_0000_0001n, 8n], "EXCEPTION_ACCESS_VIOLATION"],
    [0xc0000006, [0n, 8n], "EXCEPTION_IN_PAGE_ERROR"],
    [0xc0000006, [0n, 8n, 0xc000009cn], "EXCEPTION_IN_PAGE_ERROR_READ / STATUS_DEVICE_DATA_ERROR"],
    [0xc0000006, [1n, 8n, 0xffff_ffff_c123_4567n], "EXCEPTION_IN_PAGE_ERROR_WRITE / 0xc1234567"],
    [0xc0000409, [7n], "EXCEPTION_STACK_BUFFER_OVERRUN / FAST_FAIL_FATAL_APP_EXIT"],
    [0xc0000409, [0x7fffn], "EXCEPTION_STACK_BUFFER_OVERRUN / 0x00007fff"],
    [0xc0000409, [], "STATUS_STACK_BUFFER_OVERRUN"],
    [0xe06d7363, [], "Unhandled C++ Exception"],
    [0xe0000008, [], "Out of Memory"],
    [0x0517a7ed, [], "Simulated Exception"],
    [0x40000015, [], "STATUS_FATAL_APP_EXIT"],
    [0xc06d007f, [], "FACILITY_VISUALCPP / ERROR_PROC_NOT_FOUND"],
    [0xe0001234, [], "unknown 0xe0001234"],
  ])("Windows %# says %s", (code, parameters, expected) => {
    expect(type("Windows NT", "amd64", { code, parameters: parameters as bigint[] })).toBe(expected);
  });

  it.each([
    [11, 1, "SIGSEGV / SEGV_MAPERR"],
    [11, 0, "SIGSEGV"],
    [11, 0x80, "SIGSEGV / SI_KERNEL"],
    [6, 0xfffffffa, "SIGABRT / SI_TKILL"],
    [16, 5, "SIGSTKFLT / 0x00000005"],
    [8, 1, "SIGFPE / FPE_INTDIV"],
    [0xffffffff, 0, "DUMP_REQUESTED"],
    [0x50, 7, "unknown 0x00000050 / 0x00000007"],
  ])("Linux %i, %i says %s", (code, flags, expected) => {
    expect(type("Linux", "amd64", { code, flags })).toBe(expected);
    expect(type("Android", "arm64", { code, flags })).toBe(expected);
  });

  it.each([
    ["amd64", 1, 1, [], "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS"],
    ["amd64", 1, 0xd, [], "EXC_BAD_ACCESS / EXC_I386_GPFLT"],
    ["arm64", 1, 0x101, [], "EXC_BAD_ACCESS / EXC_ARM_DA_ALIGN"],
    ["arm", 1, 0x101, [], "EXC_BAD_ACCESS / 0x00000101"],
    ["amd64", 2, 1, [], "EXC_BAD_INSTRUCTION / EXC_I386_INVOP"],
    ["amd64", 5, 0x10002, [], "EXC_SOFTWARE / SIGABRT"],
    ["amd64", 6, 2, [], "EXC_BREAKPOINT / EXC_I386_BPT"],
    ["amd64", 0x43507378, 0, [], "Simulated Exception"],
    [
      "arm64",
      11,
      0x20000000,
      [11n, (1n << 58n) | (60n << 7n) | 5n, 7n],
      "EXC_RESOURCE / RESOURCE_TYPE_CPU / FLAVOR_CPU_MONITOR interval: 60s CPU limit: 5% CPU consumed: 7%",
    ],
    [
      "arm64",
      12,
      0x20000000,
      [12n, (1n << 32n) | 99n, 0n],
      "EXC_GUARD / GUARD_TYPE_MACH_PORT / GUARD_EXC_DESTROY port name: 99",
    ],
    ["arm64", 12, 0x60000000, [12n, 5n, 6n], "EXC_GUARD / GUARD_TYPE_USER/ namespace: 5 guard identifier: 6"],
    ["arm64", 12, 0, [], "EXC_GUARD / GUARD_TYPE_NONE"],
    ["amd64", 0x63, 1, [], "unknown 0x00000063 / 0x00000001"],
  ] as const)("macOS on %s, %i, %i says the kind", (cpu, code, flags, parameters, expected) => {
    expect(type("Mac OS X", cpu, { code, flags, parameters })).toBe(expected);
  });

  it("gives the accessed address of a Windows access, else the instruction's", () => {
    const address = (os: string, cpu: CpuArch, exception: Partial<DumpException>) =>
      crashReason(dumpOf(os, cpu, exception), words)?.address;
    expect(address("Windows NT", "amd64", { code: 0xc0000005, parameters: [0n, 0xabcn] })).toBe(0xabcn);
    expect(address("Windows NT", "amd64", { code: 0xc0000006, parameters: [0n, 0xabcn, 1n] })).toBe(0xabcn);
    expect(address("Windows NT", "amd64", { code: 0xc0000005, parameters: [0n] })).toBe(0x1000n);
    expect(address("Windows NT", "amd64", { code: 0x80000003, parameters: [0n, 5n] })).toBe(0x1000n);
    expect(address("Linux", "amd64", { code: 0xc0000005, parameters: [0n, 5n] })).toBe(0x1000n);
  });

  it("cuts sign-extended addresses of 32-bit dumps", () => {
    const exception = { code: 0xc0000005, parameters: [0n, 0xffff_ffff_8000_1234n] };
    expect(crashReason(dumpOf("Windows NT", "x86", exception), words)?.address).toBe(0x8000_1234n);
  });

  it("has none without an exception, and numbers for systems it does not know", () => {
    expect(crashReason(dumpOf("Linux", "amd64"), words)).toBeUndefined();
    expect(type("Solaris", "sparc", { code: 11, flags: 1 })).toBe("unknown 0x0000000b / 0x00000001");
  });

  it("keeps numbers where tables are not loaded", () => {
    const none = new Words({});
    expect(crashReason(dumpOf("Windows NT", "amd64", { code: 0xc0000005 }), none)?.type).toBe("unknown 0xc0000005");
    expect(crashReason(dumpOf("Linux", "amd64", { code: 11 }), none)?.type).toBe("unknown 0x0000000b / 0x00000000");
  });
});
