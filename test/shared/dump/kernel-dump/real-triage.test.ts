import { readFileSync } from "node:fs";
import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { readContext } from "../../../../shared/dump/context/context.ts";
import { readExact, readPointer } from "../../../../shared/dump/memory.ts";
import { corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { openFile } from "../../../support/open-kernel.ts";

const va = (value: bigint): VirtualAddress => value as VirtualAddress;

describeCorpus("the worked example, 102622-15671-01", () => {
  const opened = openFile(corpusPath("kernel/102622-15671-01.dmp"));

  it("reads the header", async () => {
    const { dump, counts } = await opened;
    expect(dump).toMatchObject({
      format: "PAGEDU64",
      kind: "kernel-triage",
      dumpType: 4,
      size: 1_676_724,
      truncated: false,
      cpu: "amd64",
      pointerSize: 8,
      bugcheck: { code: 0x50, parameters: [0xffffffffffffffb4n, 0n, 0xfffff804206cb873n, 2n] },
      kernel: {
        base: 0xfffff8041e800000n,
        directoryTableBase: 0x1de260000n,
        pfnDatabase: 0xfffff8041f4fc508n,
        loadedModuleList: 0xfffff8041f42a2d0n,
        activeProcessHead: 0xfffff8041f41e0c0n,
        debuggerDataBlock: 0xfffff8041f400b20n,
        producer: "dbgeng",
      },
      system: {
        os: "Windows NT",
        osVersion: "10.0.19041",
        osBuild: 19041,
        cpuCount: 16,
        productType: 1,
        suiteMask: 0x310,
        buildLab: "19041.1.amd64fre.vb_release.191206-1406",
      },
      processor: { vendor: "AuthenticAMD", mhz: 2895, irql: 0 },
      process: { name: "svchost.exe" },
    });
    expect(new Date(dump.created ?? 0).toISOString()).toMatch(/^2022-10-26T21:30:47/);
    expect(dump.uptimeSeconds).toBeCloseTo(110.99, 2);
    expect(counts).toEqual({ bytes: 1_676_724, requests: 1, rounds: 1 });
  });

  it("leaves out what is PAGE fill", async () => {
    const { dump } = await opened;
    expect(dump.kernel).not.toHaveProperty("attributes");
    expect(dump.kernel).not.toHaveProperty("comment");
    expect(dump.kernel).not.toHaveProperty("brokenDriver");
  });

  it("reads the exception record and the registers at KeBugCheckEx", async () => {
    const { dump } = await opened;
    const [thread] = dump.threads;
    expect(dump.exception).toMatchObject({ code: 0x80000003, flags: 1, address: 0xfffff8041ebf8f60n, parameters: [] });
    expect(thread?.context?.pc).toBe(dump.exception?.address);
    expect(dump.exception?.threadId).toBe(thread?.id);
    expect(thread?.stack).toEqual({ start: 0xfffffd827df39d88n, size: 0x1278 });
    expect(thread?.context?.sp).toBe(thread?.stack?.start);
  });

  it("names every part with its place", async () => {
    const { dump } = await opened;
    const places = dump.sections.map(({ name, offset, size }) => [name, offset, size]);
    expect(places.slice(0, 14)).toEqual([
      ["DUMP_HEADER64", 0, 0x2000],
      ["CONTEXT", 0x348, 3000],
      ["EXCEPTION_RECORD", 0xf00, 0x98],
      ["TRIAGE_DUMP64", 0x2000, 0x80],
      ["DUMP_MM_STORAGE", 0x2080, 0x50],
      ["UNLOADED_DRIVERS", 0x20d0, 8 + 8 * 0x38],
      ["KPRCB", 0x2298, 0xaf00],
      ["EPROCESS", 0xd198, 0xa40],
      ["ETHREAD", 0xdbd8, 0x898],
      ["CallStack", 0xe470, 0x1278],
      ["KDDEBUGGER_DATA64", 0xf6e8, 0x380],
      ["DriverList", 0xfa68, 206 * 0x90],
      ["StringPool", 0x16e48, 0x4c60],
      ["DataBlocks", 0x1baa8, 1360 * 16],
    ]);
    // The chain of blobs starts where the primary part ends and ends with the file.
    expect(places[14]).toEqual(["DUMP_BLOB_FILE_HEADER", 0x1230d4, 0x10]);
    const blobs = dump.sections.slice(15);
    expect(blobs).toHaveLength(37);
    const last = blobs.at(-1);
    const end = (last?.offset ?? 0) + (last?.size ?? 0);
    // PostPad rounds the last one up to 8 bytes.
    expect(dump.size - end).toBeGreaterThanOrEqual(0);
    expect(dump.size - end).toBeLessThan(8);
  });

  it("reads drivers and unloaded drivers", async () => {
    const { dump } = await opened;
    expect(dump.modules).toHaveLength(206);
    expect(dump.modules[0]).toMatchObject({
      path: "\\SystemRoot\\system32\\ntoskrnl.exe",
      base: 0xfffff8041e800000n,
      size: 0x1046000,
      checksum: 0xa65eff,
      timestamp: 0xbf639dc3,
      codeId: "bf639dc31046000",
    });
    expect(dump.unloadedModules).toHaveLength(8);
    expect(dump.unloadedModules[0]?.path).toBe("MSKSSRV.sys");
  });

  it("reads memory: stack, debugger data, data blocks, and holes elsewhere", async () => {
    const { dump } = await opened;
    const kdbg = dump.kernel?.debuggerDataBlock as VirtualAddress;
    expect(readPointer(dump.memory, va(kdbg + 0x18n), 8)).toBe(dump.kernel?.base);
    expect(readExact(dump.memory, dump.threads[0]?.stack?.start as VirtualAddress, 0x1278)).toHaveLength(0x1278);
    expect(dump.memory.read(va(0x1000n), 8).hole).toEqual({ hole: "not-in-dump", at: 0x1000n });
  });
});

describeCorpus("registers of every processor in triage_x64", () => {
  const path = corpusPath("kernel/triage_x64.dmp");

  it("keeps the modifier bit of the stop code and the exception's registers of the header", async () => {
    const { dump } = await openFile(path);
    expect(dump.bugcheck?.code).toBe(0x1000007e);
    expect(dump.threads[0]?.context?.pc).toBe(dump.bugcheck?.parameters[1]);
    const stack = dump.threads[0]?.stack;
    expect(stack).toEqual({ start: 0xffff850429890ee8n, size: 0x2118 });
  });

  it("leads through KiProcessorBlock to the registers that rizin prints", async () => {
    const { dump } = await openFile(path);
    const text = readFileSync(`${path}.expected.rizin-tests.txt`, "latin1");
    const from = text.indexOf("NAME=: Triage Dump Debug x64");
    const expected = Object.fromEntries(
      [...text.slice(from, text.indexOf("EOF\nRUN", from)).matchAll(/^(r\w\w?) = (0x[0-9a-f]{16})$/gm)].map(
        ([, name, value]) => [name, BigInt(value as string)],
      ),
    );
    const kdbg = dump.kernel?.debuggerDataBlock as VirtualAddress;
    const processors = readPointer(dump.memory, va(kdbg + 0x218n), 8) as VirtualAddress;
    const prcb = readPointer(dump.memory, processors, 8) as VirtualAddress;
    const saved = readPointer(dump.memory, va(prcb + 0x85c0n), 8) as VirtualAddress;
    const context = readContext("amd64", dump.memory.read(saved, 0x4d0).bytes);
    expect(Object.keys(expected)).toHaveLength(17);
    expect(context?.registers).toMatchObject(expected);
  });
});

describeCorpus("what triage dumps say of the crashed processor", () => {
  // 0x4A names the IRQL in its second argument: the register agrees.
  it.each([
    ["083125-14875-01.dmp", 2],
    ["102622-15671-01.dmp", 0],
    ["102622-17265-01.dmp", 2],
  ])("%s: IRQL %i and the thread that it ran", async (name, irql) => {
    const { dump } = await openFile(corpusPath(`kernel/${name}`));
    expect(dump.processor?.irql).toBe(irql);
    const address = dump.threads[0]?.address;
    expect(address).toBeGreaterThan(0xffff_8000_0000_0000n);
    // The ETHREAD's copy is placed there: its APC state names the process.
    expect(readExact(dump.memory, va(address ?? 0n), 8)).toHaveLength(8);
  });
});
