import { createHash } from "node:crypto";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import { analysisFields } from "../../../shared/report/analysis-fields.ts";
import type { StackTextFrame } from "../../../shared/report/stack-text.ts";
import type { Verdict } from "../../../shared/triage/verdict.ts";
import { ALL_WORDS, loadWords } from "../../../shared/triage/words/words.ts";
import { kernelDump, moduleOf, userDump, va } from "./dump-of.ts";

const md5 = (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest();

const NOBODY: Verdict = {
  bucketString: "0xD1_unknown!unknown_function",
  title: "0xD1_unknown!unknown_function",
  bugcheckStr: "0xD1",
  defaultBucketId: "WIN10_DRIVER_FAULT",
  groupingKey: "",
  confidence: "none",
  reasons: [],
};

async function fields(dump: Dump, verdict: Partial<Verdict> = {}, frames?: readonly StackTextFrame[]) {
  const words = await loadWords(ALL_WORDS);
  return analysisFields({ dump, words, md5, verdict: { ...NOBODY, ...verdict }, ...(frames && { frames }) });
}

const MYFAULT = moduleOf("\\SystemRoot\\drivers\\myfault.sys", 0xfffff80760000000n, 0x8000, 0x63e2a1b0);

describe("WinDbg's fields of a kernel dump", () => {
  it("are computed from header, arguments and verdict, in WinDbg's order", async () => {
    const verdict = {
      module: { ...MYFAULT, version: "4.21.0.0" },
      address: va(0xfffff80760001390n),
      offset: 0x1390,
      bucketString: "AV_myfault!unknown_function",
      bugcheckStr: "AV",
    };
    expect(Object.entries(await fields(kernelDump(), verdict))).toEqual([
      ["BUGCHECK_CODE", "d1"],
      ["BUGCHECK_P1", "ffffa080"],
      ["BUGCHECK_P2", "2"],
      ["BUGCHECK_P3", "0"],
      ["BUGCHECK_P4", "fffff80760001390"],
      ["DUMP_FILE_ATTRIBUTES", "0x8"],
      ["READ_ADDRESS", "00000000ffffa080"],
      ["CURRENT_IRQL", "2"],
      ["FAULTING_IP", "myfault+1390\nfffff807`60001390"],
      ["BUGCHECK_STR", "AV"],
      ["DEFAULT_BUCKET_ID", "WIN10_DRIVER_FAULT"],
      ["PROCESS_NAME", "notmyfault64.e"],
      [
        "STACK_TEXT",
        "ffffa704`eeb6bc88 --------`--------     : --------`-------- --------`-------- --------`-------- --------`-------- : nt+0x3fd6f0",
      ],
      ["FOLLOWUP_IP", "myfault+1390\nfffff807`60001390"],
      ["FOLLOWUP_NAME", "MachineOwner"],
      ["SYMBOL_NAME", "myfault+1390"],
      ["MODULE_NAME", "myfault"],
      ["IMAGE_NAME", "myfault.sys"],
      ["IMAGE_VERSION", "4.21.0.0"],
      ["DEBUG_FLR_IMAGE_TIMESTAMP", "63e2a1b0"],
      ["STACK_COMMAND", ".cxr; .ecxr ; kb"],
      ["BUCKET_ID_FUNC_OFFSET", "1390"],
      ["FAILURE_BUCKET_ID", "AV_myfault!unknown_function"],
      ["BUCKET_ID", "AV_myfault!unknown_function"],
      ["PRIMARY_PROBLEM_CLASS", "AV_myfault!unknown_function"],
      ["OS_VERSION", "10.0.19041"],
      ["BUILDLAB_STR", "vb_release"],
      ["OSPLATFORM_TYPE", "x64"],
      ["OSNAME", "Windows 10"],
      ["FAILURE_ID_HASH_STRING", "km:av_myfault!unknown_function"],
      ["FAILURE_ID_HASH", "{9745090a-9bce-ccba-c096-ca6e9ca04c64}"],
    ]);
  });

  it("names write and execute accesses, and none where the operation is unknown", async () => {
    const access = async (operation: bigint) =>
      Object.keys(await fields(kernelDump({ bugcheck: { code: 0xd1, parameters: [1n, 2n, operation, 0n] } }))).find(
        (key) => key.endsWith("_ADDRESS"),
      );
    expect(await access(1n)).toBe("WRITE_ADDRESS");
    expect(await access(8n)).toBe("EXECUTE_ADDRESS");
    expect(await access(0x7fn)).toBeUndefined();
  });

  it("takes exception code and stack command from the arguments", async () => {
    const parameters = [0xc0000005n, 0xfffff80760001390n, 0xffffa0873efde280n, 0n] as const;
    const got = await fields(kernelDump({ bugcheck: { code: 0x3b, parameters } }));
    expect(got).toMatchObject({
      EXCEPTION_CODE_STR: "c0000005",
      EXCEPTION_CODE: "(NTSTATUS) 0xc0000005 - access violation.",
      CONTEXT: "ffffa0873efde280 -- (.cxr 0xffffa0873efde280)",
      STACK_COMMAND: ".cxr 0xffffa0873efde280 ; kb",
    });
  });

  it("names an unloaded image as one", async () => {
    const unloaded = { path: "gone.sys", base: va(0xfffff80770000000n), size: 0x1000 };
    const got = await fields(kernelDump(), {
      unloadedModule: unloaded,
      offset: 0x10,
      address: va(0xfffff80770000010n),
    });
    expect(got).toMatchObject({ SYMBOL_NAME: "<Unloaded_gone.sys>+10", IMAGE_NAME: "gone.sys" });
    expect(got).not.toHaveProperty("DEBUG_FLR_IMAGE_TIMESTAMP");
  });

  it("prints the last control transfer from two frames on, with symbols where there are any", async () => {
    const frames = [
      {
        instruction: va(0xfffff8075c00b6f0n),
        frame: va(16),
        returnAddress: va(0xfffff80760001390n),
        symbol: "KeBugCheckEx",
      },
      { instruction: va(0xfffff80760001390n), args: [1n, 2n, 3n, 4n] },
    ];
    const got = await fields(
      kernelDump(),
      { address: va(0xfffff80760001390n), module: MYFAULT, offset: 0x1390 },
      frames,
    );
    expect(got).toMatchObject({
      LAST_CONTROL_TRANSFER: "from fffff80760001390 to fffff8075c00b6f0",
      SYMBOL_STACK_INDEX: "1",
      STACK_TEXT: [
        "00000000`00000010 fffff807`60001390     : --------`-------- --------`-------- --------`-------- --------`-------- : nt!KeBugCheckEx",
        "--------`-------- --------`--------     : 00000000`00000001 00000000`00000002 00000000`00000003 00000000`00000004 : myfault+0x1390",
      ].join("\n"),
    });
  });

  it("prints the symbol with its offset, and in the bucket of older systems too", async () => {
    const blamed = { module: MYFAULT, offset: 0x1390, symbol: "Trip(int, char)", symbolOffset: 0x2c };
    const verdict = { ...blamed, bugcheckStr: "0xC4_1", bucketString: "0xC4_1_VRF_myfault!Trip" };
    expect(await fields(kernelDump(), verdict)).toMatchObject({
      SYMBOL_NAME: "myfault!Trip+2c",
      BUCKET_ID_FUNC_OFFSET: "2c",
      BUCKET_ID: "0xC4_1_VRF_myfault!Trip",
    });
    const older = await fields(kernelDump({ system: { os: "Windows NT", osBuild: 7601 } }), verdict);
    expect(older).toMatchObject({
      BUCKET_ID: "0xC4_1_myfault!Trip+2c",
      PRIMARY_PROBLEM_CLASS: "0xC4_1_myfault!Trip+2c",
    });
    expect(older).not.toHaveProperty("BUCKET_ID_FUNC_OFFSET");
  });

  it.each([
    ["memory", "hardware", "memory_corruption"],
    ["GenuineIntel", "GenuineIntel", "GenuineIntel.sys"],
    ["ntdll.dll", "ntdll", "ntdll.dll"],
    ["disk", "Unknown_Module", "Unknown_Image"],
    [undefined, "Unknown_Module", "Unknown_Image"],
  ])("names %s, which is no image of the dump, as WinDbg does", async (imageName, module, image) => {
    const got = await fields(kernelDump(), imageName === undefined ? {} : { imageName });
    expect(got).toMatchObject({ MODULE_NAME: module, IMAGE_NAME: image });
    expect(got).not.toHaveProperty("SYMBOL_NAME");
  });

  it("gives each inlined function a line of dashes before its frame, as debuggers do", async () => {
    const place = va(0xfffff80760001390n);
    const frames: StackTextFrame[] = [{ instruction: place, symbol: "outer+0x4", inlines: ["inner", "middle"] }];
    const dashes = "--------`--------";
    const four = `${dashes} ${dashes} ${dashes} ${dashes}`;
    const got = await fields(kernelDump(), {}, frames);
    expect(got["STACK_TEXT"]?.split("\n")).toEqual([
      `(Inline Function) ${dashes}     : ${four} : myfault!inner`,
      `(Inline Function) ${dashes}     : ${four} : myfault!middle`,
      `${dashes} ${dashes}     : ${four} : myfault!outer+0x4`,
    ]);
  });

  it("calls the kernel's image as its symbol file, as debuggers do", async () => {
    const [kernel] = kernelDump().modules;
    const module = { ...(kernel as DumpModule), debugFile: "ntkrnlmp.pdb" };
    expect(await fields(kernelDump(), { module, offset: 1 })).toMatchObject({ IMAGE_NAME: "ntkrnlmp.exe" });
    const driver = { ...MYFAULT, debugFile: "d:\\build\\ntfault.pdb" };
    expect(await fields(kernelDump(), { module: driver, offset: 1 })).toMatchObject({ IMAGE_NAME: "myfault.sys" });
  });

  it("leaves out what is not known", async () => {
    const { kernel, crashingThread, ...rest } = kernelDump();
    const bare = { ...rest, process: {}, threads: [], system: { os: "Windows NT" } };
    expect(kernel).toBeDefined();
    expect(crashingThread).toBe(0);
    const got = await fields({ ...bare, bugcheck: { code: 0x12345, parameters: [0n, 0n, 0n, 0n] } });
    expect(Object.keys(got)).toEqual(
      "BUGCHECK_CODE BUGCHECK_P1 BUGCHECK_P2 BUGCHECK_P3 BUGCHECK_P4 BUGCHECK_STR DEFAULT_BUCKET_ID MODULE_NAME IMAGE_NAME FAILURE_BUCKET_ID OSPLATFORM_TYPE FAILURE_ID_HASH_STRING FAILURE_ID_HASH".split(
        " ",
      ),
    );
  });
});

describe("WinDbg's fields of a user dump", () => {
  it("tell the exception and the access", async () => {
    expect(await fields(userDump())).toMatchObject({
      FAULTING_THREAD: "000001d0",
      READ_ADDRESS: "0000000000000008",
      FAULTING_IP: "crashme+152a\n00007ff6`1234152a",
      EXCEPTION_CODE_STR: "c0000005",
      EXCEPTION_PARAMETER1: "0000000000000000",
      EXCEPTION_PARAMETER2: "0000000000000008",
      PROCESS_NAME: "crashme.exe",
      STACK_COMMAND: "~0s; .ecxr ; kb",
    });
  });

  it("keep names of a dump on one line", async () => {
    const evil = "a\nFOLLOWUP_NAME: x\u001b[2J.exe";
    const dump = userDump({ process: { name: evil }, modules: [moduleOf(evil, 0x7ff612340000n, 0x8c000)] });
    const got = await fields(dump, {
      module: moduleOf(evil, 0x7ff612340000n, 0x8c000),
      offset: 1,
      address: va(0x7ff612340001n),
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    for (const value of Object.values(got)) expect(value).not.toMatch(/\nFOLLOWUP_NAME|\u001b/);
  });

  it("say nothing of Windows for other systems", async () => {
    const dump = userDump({ system: { os: "Linux", osVersion: "6.1.0" } });
    const got = await fields(dump);
    for (const key of ["ERROR_CODE", "READ_ADDRESS", "STACK_COMMAND", "OSNAME"]) expect(got).not.toHaveProperty(key);
  });
});
