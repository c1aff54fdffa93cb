import type { CrashReport } from "../../../shared/report/crash-report.ts";
import { classicDuration, classicTime, oneLine, padded, ticked } from "../../../shared/report/text/format.ts";
import { timestampText } from "../../../shared/report/text/module-list.ts";
import { renderText } from "../../../shared/report/text.ts";
import { buildBranch, suiteNames, windowsName } from "../../../shared/report/windows-names.ts";

/** A report of a user dump as stored JSON has it; parts can be replaced. */
function report(parts: Partial<CrashReport> = {}): CrashReport {
  return {
    schema: "stopcode.report/1",
    analyzer_version: "0.1.0",
    grouping: "test",
    status: "OK",
    dump: {
      kind: "minidump",
      format: "MDMP",
      dump_type: "0x0",
      size: 1000,
      created: "2024-05-02T08:09:10.000Z",
      uptime_seconds: null,
      truncated: false,
    },
    crash_info: {
      type: "EXCEPTION_ACCESS_VIOLATION_READ",
      address: "0x0000000000000008",
      crashing_thread: 0,
      assertion: null,
    },
    system_info: {
      os: "Windows NT",
      os_ver: "10.0.22631",
      cpu_arch: "amd64",
      cpu_info: null,
      cpu_count: 8,
      cpu_microcode_version: null,
      product_type: "server",
      suite_mask: "0x110",
    },
    bugcheck: null,
    exception: {
      code: "0xc0000005",
      name: "STATUS_ACCESS_VIOLATION",
      text: "access violation",
      flags: "0x0",
      address: "0x00007ff61234152a",
      parameters: ["0x0000000000000000", "0x0000000000000008"],
      access: "read",
      address_class: "null",
    },
    process: { pid: 42, name: "crashme.exe", uptime_seconds: 90061 },
    thread: null,
    processor: null,
    kernel: null,
    pid: 42,
    process_uptime: 90061,
    main_module: 0,
    modules: [
      {
        base_addr: "0x00007ff612340000",
        end_addr: "0x00007ff6123cc000",
        filename: "crashme.exe",
        version: "1.2.3.4",
        code_id: "5DEE2B078c000",
        debug_id: null,
        debug_file: null,
        timestamp: "0x5dee2b07",
        checksum: null,
        identity: "read",
        cert_subject: null,
        loaded_symbols: false,
        missing_symbols: true,
        corrupt_symbols: false,
        symbol_url: null,
      },
    ],
    unloaded_modules: [
      {
        base_addr: "0x00007ff700000000",
        end_addr: "0x00007ff700001000",
        filename: "gone.dll",
        code_id: "5dee2b071000",
        cert_subject: null,
      },
    ],
    thread_count: 0,
    threads: [],
    crashing_thread: null,
    lsb_release: null,
    analysis: { FAULTING_THREAD: "000001d0", STACK_TEXT: "one\ntwo", MODULE_NAME: "crashme" },
    culprit: null,
    bucket: null,
    symbols: [],
    notes: [{ code: "format.truncated", where: "ThreadListStream", detail: "2 of 9 threads" }],
    io: {
      source_size: 1000,
      bytes_read: 1000,
      requests: 1,
      rounds: 1,
      symbols: { bytes_read: 0, requests: 0, rounds: 0 },
    },
    extras: {},
    ...parts,
  };
}

describe("text of a user dump", () => {
  it("marks frames that were only guessed, behind the line that a debugger prints", () => {
    const frame = (trust: string): object => ({ frame: 0, offset: "0x0", module: null, trust, registers: {} });
    const text = renderText(
      report({
        analysis: { STACK_TEXT: "one\n(Inline Function) --\ntwo\nthree" },
        crashing_thread: { frames: [frame("context"), frame("scan"), frame("cfi")] } as never,
      }),
    );
    expect(text).toContain("STACK_TEXT: \none\n(Inline Function) --\ntwo  (scan)\nthree\n");
  });

  it("has header, exception analysis, modules, unloaded modules and notes", () => {
    expect(renderText(report())).toBe(`Windows 10 Version 22631 MP (8 procs) x64
Product: ServerNt, suite: TerminalServer SingleUserTS
Debug session time: Thu May  2 08:09:10 2024 (UTC + 0:00)
Process Uptime: 1 days 1:01:01.000

*******************************************************************************
*                                                                             *
*                        Exception Analysis                                   *
*                                                                             *
*******************************************************************************

Crash reason:  EXCEPTION_ACCESS_VIOLATION_READ
Crash address: 0x0000000000000008

EXCEPTION_RECORD:  (.exr -1)
ExceptionAddress: 00007ff61234152a (crashme+0x152a)
   ExceptionCode: c0000005 (STATUS_ACCESS_VIOLATION)
  ExceptionFlags: 00000000
NumberParameters: 2
   Parameter[0]: 0000000000000000
   Parameter[1]: 0000000000000008
Attempt to read from address 0000000000000008

Debugging Details:
------------------


FAULTING_THREAD:  000001d0

STACK_TEXT: 
one
two

MODULE_NAME: crashme

Followup:     MachineOwner
---------

start             end                 module name
00007ff6\`12340000 00007ff6\`123cc000   crashme  crashme.exe  Mon Dec  9 11:07:51 2019 (5DEE2B07)  1.2.3.4

Unloaded modules:
00007ff7\`00000000 00007ff7\`00001000   gone.dll     Mon Dec  9 11:07:51 2019 (5DEE2B07)

Notes:
  format.truncated (ThreadListStream): 2 of 9 threads
`);
  });

  it("keeps hostile names on one line and off the terminal", () => {
    const [module] = report().modules;
    const modules = module ? [{ ...module, filename: "a\u001b[31m\nNotes:\u009b.exe" }] : [];
    const text = renderText(report({ modules, notes: [] }));
    expect(text).toContain("a?[31m?Notes:?.exe");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it("lists threads with the place where each stood", () => {
    const frame = {
      frame: 0,
      offset: "0x00007ff61234152a",
      module: "crashme.exe",
      module_offset: "0x000000000000152a",
      function: null,
      function_offset: null,
      file: null,
      line: null,
      inlines: null,
      trust: "context" as const,
      missing_symbols: true,
      unloaded_modules: null,
    };
    const thread = { thread_id: 0x1d0, thread_name: "main", frame_count: 1, last_error_value: null, frames: [frame] };
    const other = { ...thread, thread_id: 0x1d4, thread_name: null, frames: [] };
    const many = Array.from({ length: 101 }, (_, index) => (index === 0 ? thread : other));
    const text = renderText(report({ threads: many }));
    expect(text).toContain('Threads:\n#  0  Id: 1d0  crashme.exe+0x152a  "main"\n   1  Id: 1d4\n');
    expect(text).toContain("  and 1 more\n");
  });

  it("says why a file was not analysed", () => {
    const text = renderText(report({ status: "ERROR_FORMAT", exception: null, analysis: {} }));
    expect(text).toContain("Not analysed: ERROR_FORMAT");
  });
});

describe("text of a kernel dump", () => {
  it("says that a stop code is unknown, and prints its arguments in the CPU's width", () => {
    const args = [1, 2, 3, 4].map((value) => ({ value: `0x0000000${value}`, meaning: null }));
    const bugcheck = { code: "0x12345", name: null, description: null, args, sub_code: null };
    const x86 = { ...report().system_info, cpu_arch: "x86" };
    const text = renderText(report({ bugcheck, system_info: x86 }));
    expect(text).toContain("BugCheck 12345, {1, 2, 3, 4}");
    expect(text).toContain("Unknown bugcheck code (12345)\nUnknown bugcheck description\nArguments:\nArg1: 00000001\n");
  });
});

describe("module timestamps", () => {
  const dump = Date.parse("2020-01-01T00:00:00Z") / 1000;

  it("are times only between the first Windows NT and the dump", () => {
    expect(timestampText(0x5dee2b07, dump)).toBe("Mon Dec  9 11:07:51 2019 (5DEE2B07)");
    expect(timestampText(0x67b2e48b, dump)).toContain("67B2E48B (hash");
    expect(timestampText(0x67b2e48b, undefined)).toContain("2025");
    expect(timestampText(0x08ca0139, dump)).toContain("08CA0139 (hash");
    expect(timestampText(0xfe185fa8, undefined)).toContain("FE185FA8 (hash");
    expect(timestampText(0, dump)).toBe("unavailable (00000000)");
    expect(timestampText(undefined, dump)).toBe("");
  });
});

describe("WinDbg's way of writing", () => {
  it("pads and splits addresses by the pointer's width", () => {
    expect(padded(0x8062be87n, 4)).toBe("8062be87");
    expect(padded(0xffffffff8062be87n, 4)).toBe("8062be87");
    expect(padded(0x10n, 8)).toBe("0000000000000010");
    expect(ticked(0xfffff80656786674n, 8)).toBe("fffff806`56786674");
  });

  it("writes times in UTC and durations in days", () => {
    expect(classicTime(Date.parse("2004-06-11T10:22:46Z"))).toBe("Fri Jun 11 10:22:46 2004");
    expect(classicTime(Date.parse("2010-10-01T17:06:19.037Z"))).toBe("Fri Oct  1 17:06:19.037 2010");
    expect(classicTime(Number.NaN)).toBeUndefined();
    expect(classicTime(1e20)).toBeUndefined();
    expect(classicDuration(24.187)).toBe("0 days 0:00:24.187");
    expect(classicDuration(86_400 * 3 + 3600 * 11 + 59.9996)).toBe("3 days 11:01:00.000");
  });

  it("replaces control characters", () => {
    expect(oneLine("a\r\nb\u2028c\u0085")).toBe("a??b?c?");
  });

  it("knows releases, suites and branches", () => {
    expect(windowsName(2600, false)).toBe("Windows XP");
    expect(windowsName(7601, true)).toBe("Windows Server 2008 R2");
    expect(windowsName(26100, false)).toBe("Windows 10");
    expect(windowsName(1381, false)).toBeUndefined();
    expect(windowsName(undefined, false)).toBeUndefined();
    expect(suiteNames(0x310)).toBe("TerminalServer SingleUserTS Personal");
    expect(buildBranch("2600.xpsp2.030422-1633")).toBe("xpsp2");
    expect(buildBranch("7600.16617.amd64fre.win7_gdr.100618-1621")).toBe("win7_gdr");
    expect(buildBranch("nonsense")).toBeUndefined();
  });
});
