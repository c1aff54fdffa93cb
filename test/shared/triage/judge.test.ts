import { virtualAddress } from "../../../shared/dump/address.ts";
import { bareDump } from "../../../shared/dump/bare-dump.ts";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import { Notes } from "../../../shared/notes.ts";
import { judge } from "../../../shared/triage/judge.ts";
import { decodeStop } from "../../../shared/triage/stop-codes/decode-stop.ts";
import type { Verdict } from "../../../shared/triage/verdict.ts";
import { ALL_WORDS, loadWords, type Words } from "../../../shared/triage/words/words.ts";

const NT = 0xfffff80000000000n;
const DRIVER = 0xfffff88001000000n;

function image(base: bigint, path: string, extra: Partial<DumpModule> = {}): DumpModule {
  return { base: virtualAddress(base), size: 0x10000, path, identity: "absent", ...extra };
}

function kernelDump(code: number, args: [bigint, bigint, bigint, bigint], extra: Partial<Dump> = {}): Dump {
  return {
    ...bareDump(1),
    kind: "kernel-triage",
    system: { os: "Windows NT", osBuild: 19041 },
    modules: [
      image(NT, "\\SystemRoot\\system32\\ntoskrnl.exe"),
      image(DRIVER, "\\??\\C:\\drivers\\Acme.sys", { timestamp: 0x5f000000 }),
    ],
    unloadedModules: [{ base: virtualAddress(0xfffff88002000000n), size: 0x8000, path: "gone.sys" }],
    threads: [
      {
        id: 4,
        context: { cpu: "amd64", pc: virtualAddress(NT + 0x500n), sp: virtualAddress(0n), flags: 0, registers: {} },
      },
    ],
    crashingThread: 0,
    bugcheck: { code, parameters: args },
    kernel: {
      base: virtualAddress(NT),
      loadedModuleList: virtualAddress(NT + 1n),
      activeProcessHead: virtualAddress(NT + 2n),
      pfnDatabase: virtualAddress(NT + 3n),
      directoryTableBase: 0x1000n,
      majorVersion: 15,
      minorVersion: 19041,
    },
    ...extra,
  };
}

/** The verdict as the analysis makes it: with what the stop code's decoder finds in no memory at all. */
function firstVerdict(dump: Dump, words: Words, crashType: string | undefined): Verdict {
  return judge({ dump, crashType, stop: decodeStop({ dump, words, notes: new Notes() }) });
}

function userDump(extra: Partial<Dump> = {}): Dump {
  return {
    ...bareDump(1),
    kind: "minidump",
    format: "MDMP",
    system: { os: "Windows NT" },
    modules: [image(0x140000000n, "C:\\app\\app.exe"), image(0x7ff800000000n, "C:\\Windows\\ntdll.dll")],
    threads: [{ id: 1 }],
    crashingThread: 0,
    exception: {
      code: 0xc0000005,
      flags: 0,
      address: virtualAddress(0x140001234n),
      parameters: [1n, 8n],
    },
    ...extra,
  };
}

describe("judge", () => {
  let words: Words;
  beforeAll(async () => {
    words = await loadWords(ALL_WORDS);
  });

  it("blames the driver that holds the faulting instruction of 0xD1", () => {
    const verdict = firstVerdict(kernelDump(0xd1, [0x10n, 2n, 0n, DRIVER + 0x1234n]), words, undefined);
    expect(verdict.module?.path).toContain("Acme.sys");
    expect(verdict.bucketString).toBe("AV_Acme!unknown_function");
    expect(verdict.offset).toBe(0x1234);
    expect(verdict.confidence).toBe("medium");
    expect(verdict.reasons.map((reason) => reason.rule)).toEqual(["argument-ip", "context-ip"]);
  });

  it("takes the kernel's own word before the arguments", () => {
    const dump = kernelDump(0xd1, [0n, 2n, 0n, NT + 0x10n]);
    const told = {
      ...dump,
      kernel: { ...(dump.kernel as NonNullable<Dump["kernel"]>), brokenDriver: virtualAddress(DRIVER) },
    };
    const verdict = firstVerdict(told, words, undefined);
    expect(verdict).toMatchObject({ confidence: "high" });
    expect(verdict.module?.path).toContain("Acme.sys");
  });

  it("blames an unloaded driver whose range holds the address", () => {
    const verdict = firstVerdict(kernelDump(0xd1, [0n, 2n, 8n, 0xfffff88002000123n]), words, undefined);
    expect(verdict.unloadedModule?.path).toBe("gone.sys");
    expect(verdict.bucketString).toBe("AV_Unloaded_gone.sys!unknown_function");
  });

  it("says little when only nt was seen", () => {
    const verdict = firstVerdict(kernelDump(0x1a, [0x5003n, 1n, 2n, 3n]), words, undefined);
    expect(verdict).toMatchObject({ confidence: "low", bucketString: "0x1a_5003_nt!unknown_function" });
    expect(verdict.reasons.at(-1)?.rule).toBe("inbox-module");
  });

  it.each([
    [0x3b, [0xc0000005n, DRIVER, 0n, 0n], "AV"],
    [0x1000007e, [0xffffffffc0000005n, DRIVER, 0n, 0n], "AV"],
    [0x7e, [0xffffffff80000003n, DRIVER, 0n, 0n], "0x7E_80000003"],
    [0x133, [0n, 0n, 0n, 0n], "0x133_DPC"],
    [0x133, [1n, 0n, 0n, 0n], "0x133_ISR"],
    [0x139, [3n, 0n, 0n, 0n], "0x139_3_CORRUPT_LIST_ENTRY"],
    [0xc0000218, [0xe144c418n, 0n, 0n, 0n], "0xc0000218"],
    [0x50, [1n, 0n, 0n, 0n], "AV"],
    [0x50, [0xffff000000000001n, 0n, 0n, 2n], "AV_R_INVALID"],
    [0x50, [0xffff000000000001n, 2n, 0n, 2n], "AV_W_INVALID"],
    [0xd1, [DRIVER, 2n, 8n, DRIVER], "AV_CODE_AV_PAGED_IP"],
    [0xd1, [0x10n, 2n, 8n, 0x10n], "AV_CODE_AV_NULL_IP"],
    [0xd1, [0xffffa00000000000n, 2n, 8n, 0xffffa00000000000n], "AV_CODE_AV_BAD_IP"],
    [0x5a, [1n, DRIVER, DRIVER, 0xffffffffc0000428n], "0x5A_c0000428"],
    [0x162, [DRIVER, 0n, 0n, 0n], "0x162"],
  ] as const)("names the failure of stop code %p %p: %s", (code, args, expected) => {
    expect(firstVerdict(kernelDump(code, [...args]), words, undefined).bugcheckStr).toBe(expected);
  });

  it.each([
    [0xd1, [DRIVER, 2n, 0n, DRIVER], "WIN10_DRIVER_FAULT"],
    [0x116, [1n, DRIVER, 0n, 0n], "GRAPHICS_DRIVER_TDR_FAULT"],
    [0x117, [1n, DRIVER, 0n, 0n], "GRAPHICS_DRIVER_TDR_TIMEOUT"],
    [0x139, [0x1dn, 0n, 0n, 0n], "FAIL_FAST_INVALID_BALANCED_TREE"],
    [0x1a, [0x41792n, 1n, 2n, 0n], "CODE_CORRUPTION"],
  ] as const)("gives stop code %p %p the coarse class %s", (code, args, expected) => {
    expect(firstVerdict(kernelDump(code, [...args]), words, undefined).defaultBucketId).toBe(expected);
  });

  it("blames hardware where the failing code stands in the middle of an instruction", () => {
    const dump = kernelDump(0x50, [0xffff000000000001n, 0n, DRIVER + 0x123n, 2n]);
    const stop = decodeStop({ dump, words, notes: new Notes() });
    const frames = [{ address: virtualAddress(DRIVER + 0x123n), trust: "context" }];
    const verdict = judge({ dump, crashType: undefined, stop, frames, misalignedIp: true });
    expect(verdict).toMatchObject({
      imageName: "hardware",
      bucketString: "IP_MISALIGNED_Acme.sys",
      groupingKey: "km:ip_misaligned_acme.sys",
      bugcheckStr: "AV_R_INVALID",
      defaultBucketId: "IP_MISALIGNED",
    });
    expect(judge({ dump, crashType: undefined, stop, frames }).bucketString).toBe("AV_R_INVALID_Acme!unknown_function");
  });

  it("blames memory where one bit of an argument differs, and no driver", () => {
    const verdict = firstVerdict(kernelDump(0x1a, [0x41792n, 1n, 2n, 3n]), words, undefined);
    expect(verdict).toMatchObject({ imageName: "memory", bucketString: "MEMORY_CORRUPTION_ONE_BIT" });
    expect(verdict.groupingKey).toBe("km:memory_corruption_one_bit");
  });

  it("blames the first frame that is nobody's plumbing, never a guessed one", () => {
    const frame = (offset: bigint, trust: string, symbol?: string) => ({
      address: virtualAddress(offset),
      trust,
      ...(symbol === undefined ? {} : { symbol }),
    });
    const dump = kernelDump(0x1a, [0x5003n, 1n, 2n, 3n]);
    const walked = [frame(NT + 0x500n, "context"), frame(DRIVER + 0x20n, "cfi", "AcmeWrite")];
    expect(judge({ dump, crashType: undefined, frames: walked })).toMatchObject({
      bucketString: "0x1A_5003_Acme!AcmeWrite",
      confidence: "medium",
      groupingKey: "km:0x1a_5003_acme!acmewrite",
    });
    const guessed = [frame(NT + 0x500n, "context"), frame(DRIVER + 0x20n, "scan")];
    const verdict = judge({ dump, crashType: undefined, frames: guessed });
    expect(verdict.bucketString).toBe("0x1A_5003_nt!unknown_function");
    expect(verdict.reasons.map(({ rule }) => rule)).toContain("stack-guess");
  });

  it("names a guessed frame of x64 kernel stacks where only the system was seen, and never before a proven one", () => {
    const frame = (offset: bigint, trust: string) => ({ address: virtualAddress(offset), trust });
    const dump = kernelDump(0x1a, [0x5003n, 1n, 2n, 3n], { cpu: "amd64" });
    const guessed = [frame(NT + 0x500n, "context"), frame(DRIVER + 0x20n, "scan"), frame(0x7ff6_0000_1000n, "scan")];
    expect(judge({ dump, crashType: undefined, frames: guessed })).toMatchObject({
      bucketString: "0x1A_5003_Acme!unknown_function",
      confidence: "low",
    });
    const other = [{ ...dump.modules[1], base: virtualAddress(NT + 0x2000000n), path: "other.sys" } as DumpModule];
    const proven = [frame(DRIVER + 0x20n, "scan"), frame(NT + 0x2000010n, "cfi")];
    expect(
      judge({ dump: { ...dump, modules: [...dump.modules, ...other] }, crashType: undefined, frames: proven }),
    ).toMatchObject({ bucketString: "0x1A_5003_other!unknown_function", confidence: "medium" });
  });

  it.each([
    ["scene::null_read(scene::Widget*)", "scene::null_read"],
    ["(anonymous namespace)::crash(int, char)", "_anonymous_namespace_::crash"],
    ["Foo::operator()(int) const", "Foo::operator"],
    ["Foo::~Foo", "Foo::_Foo"],
    ["std::map<int, char>::at", "std::map_int_char_::at"],
    ["plain", "plain"],
    ["()", "()"],
    [")(", ")("],
    ["std::function<void (int)>::operator()(int) const", "std::function_void_(int)_::operator"],
  ])("names %s in a bucket as %s", (symbol, expected) => {
    const frames = [{ address: virtualAddress(DRIVER + 0x20n), trust: "context", symbol }];
    const { bucketString } = judge({ dump: kernelDump(0x1a, [0x5003n, 0n, 0n, 0n]), crashType: undefined, frames });
    expect(bucketString).toBe(`0x1A_5003_Acme!${expected}`);
  });

  it("marks a live dump", () => {
    const verdict = firstVerdict(kernelDump(0x161, [1n, 0n, 0n, 0n], { kind: "kernel-live" }), words, undefined);
    expect(verdict).toMatchObject({ bucketString: "LKD_0x161", confidence: "none" });
    // Nothing crashed: nobody is to blame, whatever stood on the stack.
    expect(verdict.module).toBeUndefined();
    expect(verdict.reasons.at(-1)?.rule).toBe("stop-blame");
  });

  it("groups by offset and version where no symbol tells functions apart", () => {
    const at = (offset: bigint, timestamp = 0x5f000000) => {
      const dump = kernelDump(0xd1, [0x10n, 2n, 0n, DRIVER + offset]);
      const modules = [dump.modules[0] as DumpModule, image(DRIVER, "Acme.sys", { timestamp })];
      return firstVerdict({ ...dump, modules }, words, undefined).groupingKey;
    };
    expect(at(0x10n)).toBe(at(0x10n));
    expect(at(0x10n)).not.toBe(at(0x20n));
    expect(at(0x10n)).not.toBe(at(0x10n, 0x60000000));
  });

  it("groups the same bug under every load address", () => {
    const moved = 0xfffff88005550000n;
    const one = kernelDump(0xd1, [0x10n, 2n, 0n, DRIVER + 0x99n]);
    const other = kernelDump(0xd1, [0x20n, 2n, 0n, moved + 0x99n], {
      modules: [image(NT, "ntoskrnl.exe"), image(moved, "D:\\elsewhere\\ACME.sys", { timestamp: 0x5f000000 })],
    });
    expect(firstVerdict(one, words, undefined).groupingKey).toBe(firstVerdict(other, words, undefined).groupingKey);
  });

  it.each([
    [[1n, 0n], "NULL_POINTER_WRITE"],
    [[0n, 8n], "NULL_CLASS_PTR_READ"],
    [[0n, 0x7fff0000n], "INVALID_POINTER_READ"],
    [[8n, 0x7fff0000n], "SOFTWARE_NX_FAULT"],
    [[8n, 0n], "NULL_POINTER_EXECUTE"],
  ])("names a user access violation %p: %s", (parameters, expected) => {
    const dump = userDump();
    const exception = { ...(dump.exception as NonNullable<Dump["exception"]>), parameters };
    const verdict = firstVerdict({ ...dump, exception }, words, undefined);
    expect(verdict.bucketString).toBe(`${expected}_c0000005_app.exe!Unknown`);
  });

  it("calls an access violation at the end of the stack a stack overflow", () => {
    const dump = userDump();
    const verdict = judge({ dump, crashType: undefined, stackExhausted: true });
    expect(verdict.bucketString).toBe("STACK_OVERFLOW_c0000005_app.exe!Unknown");
  });

  it.each([
    [0xe0434352, [0x80131509n, 1n], "CLR_EXCEPTION_80131509_app.exe!Unknown"],
    [0xe06d7363, [0x19930520n, 1n, 2n], "CPP_EXCEPTION_e06d7363_app.exe!Unknown"],
    [0xc0000374, [], "HEAP_CORRUPTION_c0000374_app.exe!Unknown"],
    [0xdeadbeef, [], "APPLICATION_FAULT_deadbeef_app.exe!Unknown"],
  ] as const)("names exception %p %p: %s", (code, parameters, expected) => {
    const dump = userDump();
    const exception = { ...(dump.exception as NonNullable<Dump["exception"]>), code, parameters: [...parameters] };
    expect(judge({ dump: { ...dump, exception }, crashType: undefined }).bucketString).toBe(expected);
  });

  it("says whose heap is damaged where only system libraries noticed", () => {
    const dump = userDump({ process: { name: "shop.exe" } });
    const exception = {
      ...(dump.exception as NonNullable<Dump["exception"]>),
      code: 0xc0000374,
      address: virtualAddress(0x7ff800000010n),
    };
    const { bucketString } = judge({ dump: { ...dump, exception }, crashType: undefined });
    expect(bucketString).toBe("HEAP_CORRUPTION_c0000374_heap_corruption!shop.exe");
  });

  it("marks failures under Application Verifier", () => {
    const dump = userDump();
    const modules = [...dump.modules, image(0x7ff900000000n, "C:\\Windows\\System32\\verifier.dll")];
    expect(judge({ dump: { ...dump, modules }, crashType: undefined }).bugcheckStr).toBe("NULL_CLASS_PTR_WRITE_AVRF");
  });

  it("steps over the call that raised the stop, known by its arguments", () => {
    const dump = kernelDump(0x1a, [0x5003n, 1n, 2n, 3n]);
    const frame = (offset: bigint, args: bigint[]) => ({ address: virtualAddress(NT + offset), trust: "cfi", args });
    const frames = [frame(0x500n, [0x1an, 0x5003n, 1n, 2n]), frame(0x700n, [1n, 2n, 3n, 4n])];
    const verdict = judge({ dump, crashType: undefined, frames });
    expect(verdict.offset).toBe(0x700);
    expect(verdict.reasons[0]?.seen).toContain("the call that raised it");
  });

  it("never blames a program for a stop of the kernel, nor the stack where it only noticed", () => {
    const frames = [
      { address: virtualAddress(DRIVER + 0x10n), trust: "cfi" },
      { address: virtualAddress(0x7ff800000010n), trust: "cfi" },
    ];
    const dump = kernelDump(0x9f, [3n, 1n, 2n, 3n]);
    const verdict = judge({
      dump,
      crashType: undefined,
      frames,
      stop: decodeStop({ dump, words, notes: new Notes() }),
    });
    expect(verdict).toMatchObject({ bucketString: "0x9F_3", confidence: "none" });
    expect(verdict.reasons.map(({ rule }) => rule)).toEqual(["stack", "stack", "context-ip", "stop-blame"]);
    const program = kernelDump(0x1a, [0x5003n, 1n, 2n, 3n], {
      modules: [image(NT, "ntoskrnl.exe"), image(0x7ff800000000n, "C:\\app\\app.exe")],
    });
    expect(judge({ dump: program, crashType: undefined, frames: frames.slice(1) }).module?.path).toBe("ntoskrnl.exe");
  });

  it("keeps programs apart that die in the same system library", () => {
    const inNtdll = (name: string) => {
      const dump = userDump({ process: { name } });
      const exception = {
        ...(dump.exception as NonNullable<Dump["exception"]>),
        address: virtualAddress(0x7ff800000010n),
      };
      return firstVerdict({ ...dump, exception }, words, undefined);
    };
    expect(inNtdll("a.exe").groupingKey).not.toBe(inNtdll("b.exe").groupingKey);
    expect(inNtdll("a.exe").confidence).toBe("low");
    expect(inNtdll("a.exe").title).toBe("NULL_CLASS_PTR_WRITE_c0000005_ntdll.dll!Unknown+0x10 in a.exe");
  });

  it("has an answer for a dump of which nothing is known", () => {
    const verdict = firstVerdict(bareDump(0), words, undefined);
    expect(verdict).toMatchObject({ confidence: "none", bucketString: "NO_EXCEPTION_unknown!Unknown" });
  });

  it("names what Linux raised", () => {
    const dump = userDump({ system: { os: "Linux" }, modules: [] });
    expect(firstVerdict(dump, words, "SIGSEGV / SEGV_MAPERR").bugcheckStr).toBe("SIGSEGV_SEGV_MAPERR");
  });
});
