import { loadDisassembler } from "../../../../shared/adapters/disassembly/load-disassembler.ts";
import { nodePlatform } from "../../../../shared/adapters/node/platform.ts";
import { memorySource } from "../../../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../../shared/pipeline/analyze.ts";
import { type CrashReport, crashReportSchema } from "../../../../shared/report/crash-report.ts";
import { hexBytes } from "../../../support/synth/byte-writer.ts";
import { CRASH_IP, CRASH_MODULE, CRASH_STACK, crashAt, type SynthCrash } from "../../../support/synth/crash-at.ts";

async function reportOf(crash: SynthCrash): Promise<CrashReport> {
  const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler: loadDisassembler };
  const { report } = await analyzeSource(memorySource(crashAt(crash)), options);
  expect(crashReportSchema.parse(report)).toEqual(report);
  expect(report.notes.filter(({ code }) => code.startsWith("internal."))).toEqual([]);
  return report;
}

const faultOf = async (crash: SynthCrash) => (await reportOf(crash)).instruction?.fault;

/** mov eax,dword ptr [rcx+8] */
const LOAD = hexBytes("8b4108");
/** mov dword ptr [rcx+8],eax */
const STORE = hexBytes("894108");
const READ = 0n;
const WRITE = 1n;
const EXECUTE = 8n;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const code = { start: CRASH_MODULE, size: 0x8000n, protect: 0x20 };
const stack = { start: CRASH_STACK, size: 0x1000n, protect: 4 };
const heap = { start: 0x2_4000_0000n, size: 0x10_0000n, protect: 4 };

describe("an access that failed", () => {
  it("follows from the registers when an operand covers it", async () => {
    const crash = { code: LOAD, registers: { rcx: 0xdead_0000n }, parameters: [READ, 0xdead_0008n] };
    expect(await faultOf(crash)).toMatchObject({
      address: "0x00000000dead0008",
      access: "read",
      size: 4,
      follows_from_registers: true,
    });
    // The second page of an access over a page's end is reported by its own address.
    expect(await faultOf({ ...crash, parameters: [READ, 0xdead_000an] })).toMatchObject({
      follows_from_registers: true,
    });
  });

  it("does not when none does, and says so as a contradiction", async () => {
    const { instruction, crash_info } = await reportOf({
      code: LOAD,
      registers: { rcx: 0xdead_0000n },
      parameters: [READ, 0xbeef_0000n],
    });
    expect(instruction?.fault).toMatchObject({ address: "0x00000000beef0000", follows_from_registers: false });
    expect(crash_info.crash_inconsistencies).toEqual(["crashing_access_not_found_in_memory_accesses"]);
  });

  it.each([
    ["a null pointer with an offset", { code: LOAD, registers: { rcx: 0 }, parameters: [READ, 8n] }, "null-pointer", 8],
    [
      "an offset below null",
      { code: hexBytes("8b41f8"), registers: { rcx: 0 }, parameters: [READ, 0xffff_ffff_ffff_fff8n] },
      "null-pointer",
      -8,
    ],
    ["a small pointer", { code: LOAD, registers: { rcx: 0x40 }, parameters: [READ, 0x48n] }, "null-pointer", 0x48],
    ["x86", { cpu: "x86", code: LOAD, registers: { ecx: 0 }, parameters: [READ, 8n] }, "null-pointer", 8],
    [
      "ARM64",
      { cpu: "arm64", code: hexBytes("200440f9"), registers: { x1: 0 }, parameters: [READ, 8n] },
      "null-pointer",
      8,
    ],
  ] as const)("is one of %s", async (_, crash, cause, offset) => {
    expect(await faultOf(crash as SynthCrash)).toMatchObject({
      cause,
      null_offset: offset,
      follows_from_registers: true,
    });
  });

  it("takes an address that is not canonical from the operand: the exception has none", async () => {
    const crash = { code: LOAD, registers: { rcx: 0x4141_4141_4141_4141n }, parameters: [READ, ALL_ONES] };
    const { instruction, crash_info } = await reportOf(crash);
    expect(instruction?.fault).toMatchObject({
      address: "0x4141414141414149",
      cause: "non-canonical",
      access: "read",
      follows_from_registers: true,
    });
    expect(crash_info.adjusted_address).toEqual({ kind: "non-canonical", address: "0x4141414141414149" });
    // A write is reported as a read, because nothing is reported at all.
    expect(await faultOf({ ...crash, code: STORE })).toMatchObject({ access: "write" });
    // On Linux 0 stands there.
    expect(await faultOf({ ...crash, os: "linux", exception: 11, flags: 0x80, address: 0n })).toMatchObject({
      cause: "non-canonical",
    });
  });

  it("sees a return to an address that is not canonical", async () => {
    const target = new Uint8Array(new BigUint64Array([0x4141_4141_4141_4141n]).buffer);
    const registers = { rsp: 0x9_0000n };
    const { instruction } = await reportOf({
      code: hexBytes("c3"),
      registers,
      parameters: [READ, ALL_ONES],
      memory: [[0x9_0000n, target]],
    });
    expect(instruction).toMatchObject({
      target: "0x4141414141414141",
      fault: { cause: "non-canonical", access: "execute", follows_from_registers: true },
    });
  });

  it("sees an operand that is not aligned", async () => {
    const crash = { code: hexBytes("0f2801"), registers: { rcx: 0x24001n }, parameters: [READ, ALL_ONES] };
    expect(await faultOf(crash)).toMatchObject({ cause: "misaligned", address: "0x0000000000024001", size: 16 });
  });

  it("sees protection by the list of regions", async () => {
    const regions = [code, heap, stack];
    const at = CRASH_MODULE + 0x100n;
    const registers = { rcx: at - 8n };
    expect(await faultOf({ code: STORE, registers, parameters: [WRITE, at], regions })).toMatchObject({
      cause: "read-only",
    });
    const wild = { code: LOAD, registers: { rcx: 0x77_0000_0000n }, parameters: [READ, 0x77_0000_0008n], regions };
    expect(await faultOf(wild)).toMatchObject({ cause: "unmapped" });
    const jump = { code: hexBytes("90"), ip: heap.start, registers: {}, parameters: [EXECUTE, heap.start], regions };
    const report = await reportOf(jump);
    expect(report.instruction?.fault).toMatchObject({
      cause: "not-executable",
      access: "execute",
      follows_from_registers: true,
    });
    expect(report.analysis["FAILED_INSTRUCTION_ADDRESS"]).toBe("+0\n00000002`40000000 90              nop");
  });

  it("sees guard pages: those that the system marks and those that allocators put", async () => {
    const guard = { start: heap.start + heap.size, size: 0x1000n, protect: 1 };
    const registers = { rcx: guard.start + 0x10n };
    const { instruction, crash_info } = await reportOf({
      code: LOAD,
      registers,
      parameters: [READ, guard.start + 0x18n],
      regions: [code, heap, guard, stack],
    });
    expect(instruction?.fault).toMatchObject({ cause: "guard-page" });
    expect(crash_info.memory_accesses).toEqual([
      { address: "0x0000000240100018", size: 4, access_type: "read", is_likely_guard_page: true },
    ]);
    const marked = { code: LOAD, registers, exception: 0x8000_0001, parameters: [READ, guard.start + 0x18n] };
    expect(await faultOf(marked)).toMatchObject({ cause: "guard-page" });
  });

  it("knows addresses of the kernel", async () => {
    const address = 0xffff_f800_1234_0000n;
    expect(await faultOf({ code: LOAD, registers: { rcx: address - 8n }, parameters: [READ, address] })).toMatchObject({
      cause: "kernel-address",
    });
  });

  it("reads a segment's start from the TEB", async () => {
    const crash = { code: hexBytes("65488b042530000000"), registers: {}, parameters: [READ, 0x24030n], teb: 0x24000n };
    expect(await faultOf(crash)).toMatchObject({ address: "0x0000000000024030", follows_from_registers: true });
  });
});

describe("the end of the stack", () => {
  const push = { code: hexBytes("50"), registers: { rsp: CRASH_STACK } };

  it("is named by the system", async () => {
    const { instruction } = await reportOf({ ...push, exception: 0xc000_00fd, parameters: [WRITE, CRASH_STACK - 8n] });
    expect(instruction).toMatchObject({ stack_exhausted: true, fault: { cause: "stack-exhausted" } });
  });

  it("is seen by the region below which the access lies", async () => {
    const crash = { ...push, parameters: [WRITE, CRASH_STACK - 8n] };
    expect(await faultOf({ ...crash, regions: [code, stack] })).toMatchObject({ cause: "stack-exhausted" });
    // On Linux too.
    const linux = {
      ...push,
      os: "linux",
      exception: 11,
      flags: 1,
      address: CRASH_STACK - 8n,
      regions: [code, stack],
    } as const;
    expect(await faultOf(linux)).toMatchObject({ cause: "stack-exhausted", access: "write" });
  });

  it("is seen by the stack's limit in the TEB", async () => {
    const teb = new Uint8Array(0x40);
    new DataView(teb.buffer).setBigUint64(0x10, CRASH_STACK, true);
    const crash = { ...push, parameters: [WRITE, CRASH_STACK - 8n], teb: 0x24000n, memory: [[0x24000n, teb]] } as const;
    expect(await faultOf(crash)).toMatchObject({ cause: "stack-exhausted" });
  });

  it("is not where the stack pointer is far away", async () => {
    const crash = {
      code: LOAD,
      registers: { rcx: CRASH_STACK - 0x10n, rsp: 0x9_0000_0000n },
      parameters: [READ, CRASH_STACK - 8n],
      regions: [code, stack],
    };
    expect(await faultOf(crash as SynthCrash)).toMatchObject({ cause: "unmapped" });
  });
});

describe("bit flips", () => {
  const regions = [code, heap, stack];
  const good = heap.start + 0x100n;
  const flipsOf = async (crash: SynthCrash) =>
    (await reportOf(crash)).crash_info.possible_bit_flips?.map(({ address, source_register, details }) => ({
      address,
      source_register,
      details,
    }));

  it("are found in the register that the address was made of", async () => {
    const flipped = good ^ (1n << 41n);
    const crash = {
      code: LOAD,
      registers: { rcx: flipped, rbx: good + 0x40n },
      parameters: [READ, flipped + 8n],
      regions,
    };
    expect(await flipsOf(crash)).toEqual([
      {
        address: "0x0000000240000108",
        source_register: "rcx",
        details: {
          is_null: false,
          nearby_registers: 1,
          poison_registers: false,
          was_low: false,
          was_non_canonical: false,
        },
      },
    ]);
  });

  it("are found in addresses that are not canonical", async () => {
    const flipped = good ^ (1n << 60n);
    const found = await flipsOf({ code: LOAD, registers: { rcx: flipped }, parameters: [READ, ALL_ONES], regions });
    expect(found).toMatchObject([{ address: "0x0000000240000108", details: { was_non_canonical: true } }]);
  });

  it("are found on ARM64 and x86 too, and without a list of regions by images", async () => {
    const flipped = good ^ (1n << 41n);
    const arm = {
      cpu: "arm64",
      code: hexBytes("200440f9"),
      registers: { x1: flipped },
      parameters: [READ, flipped + 8n],
      regions,
    } as const;
    expect(await flipsOf(arm)).toMatchObject([{ source_register: "x1" }]);
    const inImage = CRASH_MODULE + 0x40n;
    const x86 = {
      cpu: "x86",
      code: LOAD,
      registers: { ecx: inImage ^ (1n << 30n) },
      parameters: [READ, (inImage ^ (1n << 30n)) + 8n],
    } as const;
    expect(await flipsOf(x86)).toMatchObject([{ address: "0x00010048", source_register: "ecx" }]);
  });

  it("are found where code was to be run", async () => {
    const ip = CRASH_IP ^ (1n << 33n);
    const crash = { code: new Uint8Array(0), ip, registers: {}, parameters: [EXECUTE, ip], regions };
    expect(await flipsOf(crash)).toMatchObject([{ address: "0x0000000000011234", source_register: null }]);
  });

  it("are not taken from null pointers, overruns, sizes, or accesses that should have worked", async () => {
    expect(await flipsOf({ code: LOAD, registers: { rcx: 0 }, parameters: [READ, 8n], regions })).toBeUndefined();
    const end = heap.start + heap.size;
    expect(
      await flipsOf({ code: LOAD, registers: { rcx: end }, parameters: [READ, end + 8n], regions }),
    ).toBeUndefined();
    // movups [rax+r8-10h],xmm0 with a size of one bit in r8
    const size = {
      code: hexBytes("420f114400f0"),
      registers: { rax: 0x24_7360n, r8: 0x100_0000n },
      parameters: [WRITE, 0x124_7350n],
      regions,
    };
    expect(await flipsOf(size)).toBeUndefined();
    expect(
      await flipsOf({ code: LOAD, registers: { rcx: good }, parameters: [READ, good + 8n], regions }),
    ).toBeUndefined();
  });

  it("are less likely where freed memory was used", async () => {
    const flipped = good ^ (1n << 41n);
    const crash = { code: LOAD, registers: { rcx: flipped }, parameters: [READ, flipped + 8n], regions };
    const [clean] = (await reportOf(crash)).crash_info.possible_bit_flips ?? [];
    const [poisoned] =
      (await reportOf({ ...crash, registers: { ...crash.registers, rdx: 0xdddd_dddd_dddd_ddddn } })).crash_info
        .possible_bit_flips ?? [];
    expect(poisoned?.details.poison_registers).toBe(true);
    expect(poisoned?.confidence).toBeCloseTo((clean?.confidence ?? 0) / 2, 5);
  });
});

describe("contradictions", () => {
  const doubtsOf = async (crash: SynthCrash) => (await reportOf(crash)).crash_info.crash_inconsistencies ?? [];
  const div = hexBytes("f7f9");

  it.each([
    [
      "a division by zero without a division",
      { code: LOAD, registers: {}, exception: 0xc000_0094 },
      "int_div_by_zero_not_possible",
    ],
    [
      "SIGFPE without a division",
      { code: LOAD, os: "linux", registers: {}, exception: 8, flags: 1 },
      "int_div_by_zero_not_possible",
    ],
    [
      "a division by one",
      { code: div, registers: { rcx: 1 }, exception: 0xc000_0094 },
      "int_div_by_zero_divisor_not_zero",
    ],
    [
      "a privileged instruction that is none",
      { code: LOAD, registers: {}, exception: 0xc000_0096 },
      "priv_instruction_crash_without_priv_instruction",
    ],
    [
      "a protection fault without a reason",
      { code: LOAD, registers: { rcx: 0x24000n }, parameters: [READ, ALL_ONES] },
      "non_canonical_address_falsely_reported",
    ],
    [
      "an access that was allowed",
      { code: LOAD, registers: { rcx: heap.start }, parameters: [READ, heap.start + 8n], regions: [heap] },
      "access_violation_when_access_allowed",
    ],
  ] as const)("%s", async (_, crash, expected) => {
    expect(await doubtsOf(crash as SynthCrash)).toEqual([expected]);
  });

  it("are none in sound dumps", async () => {
    expect(await doubtsOf({ code: div, registers: { rcx: 0 }, exception: 0xc000_0094 })).toEqual([]);
    expect(await doubtsOf({ code: hexBytes("f4"), registers: {}, exception: 0xc000_0096 })).toEqual([]);
    // iretq, movaps and hlt have reasons of their own for a protection fault.
    for (const own of ["48cf", "0f2801", "f4"]) {
      expect(
        await doubtsOf({ code: hexBytes(own), registers: { rcx: 0x24001n }, parameters: [READ, ALL_ONES] }),
      ).toEqual([]);
    }
    expect(await doubtsOf({ cpu: "arm64", code: hexBytes("200440f9"), registers: {}, exception: 0xc000_0094 })).toEqual(
      [],
    );
  });
});

describe("code that cannot be decoded", () => {
  it.each([
    ["is not in the dump", { code: new Uint8Array(0) }, "no-code", "?? ".padEnd(16)],
    ["ends before the instruction does", { code: hexBytes("8b") }, "cut", "8b".padEnd(16)],
    ["is none", { code: hexBytes("c4e27990040a0000000000") }, "invalid", "c4".padEnd(16)],
  ])("%s", async (_, part, missing, bytes) => {
    const crash = { registers: { rcx: 0 }, parameters: [READ, 8n], ...part };
    const { instruction, crash_info, analysis } = await reportOf(crash);
    expect(instruction).toMatchObject({
      missing,
      text: null,
      operands: [],
      fault: { cause: "null-pointer", follows_from_registers: null },
    });
    expect(crash_info.instruction).toBeUndefined();
    expect(analysis["FAULTING_IP"]).toBe(`crash+1234\n00000000\`00011234 ${bytes}???`);
  });

  it("of ARM64 at an address that no instruction starts at", async () => {
    const crash = {
      cpu: "arm64",
      code: hexBytes("ffffffff"),
      ip: CRASH_IP + 2n,
      registers: {},
      parameters: [],
    } as const;
    expect((await reportOf(crash)).instruction).toMatchObject({ address: "0x0000000000011236", missing: "invalid" });
  });

  it("of CPUs without a disassembler is listed as an address", async () => {
    const options = { limits: DEFAULT_LIMITS, platform: nodePlatform };
    const { report } = await analyzeSource(memorySource(crashAt({ code: LOAD, registers: {} })), options);
    expect(report.instruction).toBeNull();
    expect(report.analysis["FAULTING_IP"]).toBe("crash+1234\n00000000`00011234");
  });
});

describe("what is shown", () => {
  it("has values of operands and names of targets", async () => {
    const pointer = new Uint8Array(new BigUint64Array([CRASH_MODULE + 0x500n]).buffer);
    // call qword ptr [rip+0]
    const crash = { code: hexBytes("ff1500000000"), registers: {}, memory: [[CRASH_IP + 6n, pointer]] } as const;
    const { instruction } = await reportOf(crash);
    expect(instruction).toMatchObject({
      place: "crash+0x1234",
      bytes: "ff1500000000",
      text: "call    qword ptr [crash+0x123a (00000000`0001123a)]",
      values: "ds:00000000`0001123a={crash+0x500 (00000000`00010500)}",
      target: "0x0000000000010500",
      target_place: "crash+0x500",
    });
    expect(instruction?.operands[0]).toMatchObject({
      value: "0x0000000000010500",
      place: "crash+0x123a",
      implicit: false,
    });
  });

  it("has the selector of 32-bit code", async () => {
    const crash = {
      cpu: "x86",
      code: LOAD,
      registers: { ecx: 0x24000, ds: 0x2b },
      memory: [[0x24008n, hexBytes("78563412")]],
    } as const;
    expect((await reportOf(crash)).instruction?.values).toBe("ds:002b:00024008=12345678");
  });

  it("loads no disassembler for a dump without a crash", async () => {
    const loaded: string[] = [];
    const disassembler = (cpu: string) => {
      loaded.push(cpu);
      return Promise.resolve(undefined);
    };
    const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler };
    const { SynthMinidump } = await import("../../../support/synth/synth-minidump.ts");
    const calm = new SynthMinidump().system({ cpu: "amd64", os: "windows" }).thread({ id: 1 }).build();
    const { report } = await analyzeSource(memorySource(calm), options);
    expect(report.instruction).toBeNull();
    expect(loaded).toEqual([]);
  });
});
