import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { readExact } from "../../../../shared/dump/memory.ts";
import { openBytes } from "../../../support/open-kernel.ts";
import { synthContext } from "../../../support/synth/contexts.ts";
import type { SynthKernelHeader } from "../../../support/synth/kernel-header.ts";
import {
  type SynthTriage,
  synthDebuggerData,
  synthStruct,
  synthTriageDump,
} from "../../../support/synth/synth-kernel.ts";

/** 32-bit triage dumps and the rarer shapes of 64-bit ones: the corpus holds none of them. */

const va = (value: bigint): VirtualAddress => value as VirtualAddress;

const HEADER32: SynthKernelHeader = {
  bits: 32,
  machine: 0x14c,
  build: 2600,
  psLoadedModuleList: 0x8055ab20,
  bugcheck: { code: 0x1000008e, args: [0xc0000005, 0xf7a01234, 0xb2f0ab10, 0] },
  kdDebuggerDataBlock: 0x8054c2e0,
  dumpType: 4,
  systemTime: "2009-03-01T10:20:30Z",
  uptimeSeconds: 3600,
  context: synthContext("x86", { eip: 0x80537832, esp: 0xb2f0aa00 }),
  exception: { code: 0x80000003, address: 0x80537832 },
};

/** EPROCESS and ETHREAD of XP SP3, at the offsets that its symbols give. */
const EPROCESS_XP = synthStruct(0x260, [
  [0x84, 1844],
  [0x88, 0x8223a0a8],
  [0x8c, 0x8055a158],
  [0x174, "explorer.exe\0"],
]);
const ETHREAD_XP = synthStruct(0x258, [
  [0x20, 0x7ffde000],
  [0x1ec, 1844],
  [0x1f0, 1852],
]);

const TRIAGE32: SynthTriage = {
  servicePackBuild: 0x300,
  style: "kernel",
  drivers: [
    { base: 0x804d7000, size: 0x1f8580, name: "ntoskrnl.exe", timestamp: 0x3ea80977, checksum: 0x1f5a4d },
    { base: 0xf7a00000, size: 0x8000, name: "broken.sys", timestamp: 0x41107b0f },
    { base: 0xf7b00000, size: 0x2000, name: "unstamped.sys" },
  ],
  unloaded: [{ name: "imapi.sys", start: 0xf7c00000, end: 0xf7c0b000 }],
  stack: { address: 0xb2f0aa00, bytes: new Uint8Array(0x600).fill(0x5a) },
  prcb: synthStruct(0xc50, [
    [0x10, 1, 1],
    [0x900, "GenuineIntel\0"],
    [0x910, 2394],
    [0x18, 0x1706_0106 >>> 0],
  ]),
  process: EPROCESS_XP,
  thread: ETHREAD_XP,
  debuggerData: synthDebuggerData(0x290, [[0x18, 0xffffffff804d7000n, 8]]),
  brokenDriver: 1,
  dataBlocks: [
    { address: 0x80550000, bytes: new Uint8Array(64).fill(1) },
    { address: 0xf7a01000, bytes: new Uint8Array(512).fill(2) },
  ],
};

describe("a 32-bit triage dump", () => {
  it("has the same facts as a 64-bit one", async () => {
    const { dump } = await openBytes(synthTriageDump(HEADER32, TRIAGE32));
    expect(dump).toMatchObject({
      format: "PAGEDUMP",
      kind: "kernel-triage",
      cpu: "x86",
      pointerSize: 4,
      truncated: false,
      uptimeSeconds: 3600,
      created: Date.parse("2009-03-01T10:20:30Z"),
      system: { osVersion: "5.1.2600 Service Pack 3", osBuild: 2600, cpuInfo: "family 6 model 23 stepping 6" },
      // The modifier bit stays: triage masks it.
      bugcheck: { code: 0x1000008e, parameters: [0xc0000005n, 0xf7a01234n, 0xb2f0ab10n, 0n] },
      // Pointers of the debugger data are sign-extended in the file.
      kernel: { base: 0x804d7000n, brokenDriver: 0xf7a00000n, producer: "kernel", debuggerDataBlock: 0x8054c2e0n },
      process: { pid: 1844, name: "explorer.exe" },
      processor: { number: 1, vendor: "GenuineIntel", mhz: 2394 },
      exception: { code: 0x80000003, address: 0x80537832n, threadId: 1852 },
      crashingThread: 0,
    });
    expect(dump.threads).toHaveLength(1);
    expect(dump.threads[0]).toMatchObject({
      id: 1852,
      teb: 0x7ffde000n,
      stack: { start: 0xb2f0aa00n, size: 0x600 },
      context: { pc: 0x80537832n, sp: 0xb2f0aa00n },
    });
    expect(dump.unloadedModules).toEqual([{ base: 0xf7c00000n, size: 0xb000, path: "imapi.sys" }]);
    expect(dump.modules.map(({ base, path, timestamp, codeId }) => [base, path, timestamp, codeId])).toEqual([
      [0x804d7000n, "ntoskrnl.exe", 0x3ea80977, "3ea809771f8580"],
      [0xf7a00000n, "broken.sys", 0x41107b0f, "41107b0f8000"],
      // The writer could not read the image's header: absent, not 1970.
      [0xf7b00000n, "unstamped.sys", undefined, undefined],
    ]);
  });

  it.each([12, 16] as const)("reads data blocks of %d bytes", async (dataBlockStride) => {
    const { dump } = await openBytes(synthTriageDump(HEADER32, { ...TRIAGE32, dataBlockStride }));
    expect(readExact(dump.memory, va(0x80550000n), 64)).toEqual(new Uint8Array(64).fill(1));
    expect(readExact(dump.memory, va(0xf7a01000n), 512)).toEqual(new Uint8Array(512).fill(2));
    expect(readExact(dump.memory, va(0xb2f0aa00n), 0x600)).toEqual(new Uint8Array(0x600).fill(0x5a));
  });

  it("reads the files of old systems, padded to a fixed size", async () => {
    const bytes = synthTriageDump(HEADER32, { ...TRIAGE32, fixedSize: 0x10000 });
    const { dump, notes } = await openBytes(bytes);
    expect(dump.size).toBe(0x10000);
    expect(dump.truncated).toBe(false);
    expect(notes.map(({ code }) => code)).not.toContain("kernel.no-end-marker");
  });
});

const HEADER64: SynthKernelHeader = {
  bits: 64,
  machine: 0x8664,
  build: 26100,
  psLoadedModuleList: 0xfffff80512c00000n,
  bugcheck: { code: 0xd1, args: [0x10, 2, 0, 0xfffff80520001000n] },
  kdDebuggerDataBlock: 0xfffff80512b00000n,
  dumpType: 4,
  context: synthContext("amd64", { rip: 0xfffff80512345678n, rsp: 0xffff8a0000001000n }),
  exception: { code: 0x80000003, address: 0xfffff80512345678n },
};

describe("a system that no table knows", () => {
  /** EPROCESS and ETHREAD with the fields at places of their own. */
  const process = synthStruct(0x800, [
    [0x1d0, 4, 8],
    [0x1d8, 0xffffb00012340000n, 8],
    [0x1e0, 0xfffff80512c01000n, 8],
    [0x338, "System\0"],
  ]);
  const thread = synthStruct(0x900, [
    [0x508, 4, 8],
    [0x510, 0x1a4, 8],
  ]);
  const triage: SynthTriage = {
    style: "dbgeng",
    drivers: [{ base: 0xfffff80512200000n, size: 0x1450000, name: "\\SystemRoot\\system32\\ntoskrnl.exe" }],
    process,
    thread,
  };

  it("recognises process and thread by form and says so", async () => {
    const { dump, notes } = await openBytes(synthTriageDump(HEADER64, triage));
    expect(dump.process).toEqual({ pid: 4, name: "System" });
    expect(dump.threads[0]?.id).toBe(0x1a4);
    expect(dump.kernel?.producer).toBe("dbgeng");
    expect(dump.kernel?.offsetsFrom).toEqual({ process: "recognition", thread: "recognition" });
    expect(notes.filter(({ code }) => code === "kernel.offsets")).toEqual([]);
  });

  it("leaves absent what it cannot recognise", async () => {
    const empty = { process: new Uint8Array(0x800), thread: new Uint8Array(0x900) };
    const { dump } = await openBytes(synthTriageDump(HEADER64, { ...triage, ...empty }));
    expect(dump.process).toEqual({});
    expect(dump.threads[0]?.id).toBe(0);
    expect(dump.exception).not.toHaveProperty("threadId");
  });
});

describe("memory of a triage dump", () => {
  it("lets the larger block win where two overlap", async () => {
    const small = { address: 0xffffa00000000100n, bytes: new Uint8Array(0x10).fill(1) };
    const large = { address: 0xffffa00000000000n, bytes: new Uint8Array(0x1000).fill(2) };
    for (const dataBlocks of [
      [small, large],
      [large, small],
    ]) {
      const { dump } = await openBytes(synthTriageDump(HEADER64, { dataBlocks }));
      expect(readExact(dump.memory, va(0xffffa00000000000n), 0x1000)).toEqual(large.bytes);
    }
  });

  it("maps the stack below TopOfStack when the registers point there", async () => {
    const sp = 0xffff8a0000001000n;
    const stack = { address: sp + 0x800n, bytes: new Uint8Array(0x800) };
    const { dump } = await openBytes(synthTriageDump(HEADER64, { stack }));
    expect(dump.threads[0]?.stack).toEqual({ start: sp, size: 0x800 });
  });

  it("puts a data page, and the copies of KDBG, PRCB, ETHREAD and EPROCESS at their addresses", async () => {
    const [prcbAt, threadAt, processAt] = [0xfffff80510000180n, 0xffffb00000002080n, 0xffffb00000001040n];
    const { dump } = await openBytes(
      synthTriageDump(HEADER64, {
        prcb: synthStruct(0x400, [
          [0x08, threadAt, 8],
          [0x24, 1],
        ]),
        thread: synthStruct(0x300, [[0xb8, processAt, 8]]),
        process: synthStruct(0x300, [[0x28, 0x1ad000, 8]]),
        dataPage: { address: 0xffff9a0000000000n, bytes: new Uint8Array(0x1000).fill(7) },
        dataBlocks: [{ address: 0xfffff80512a00008n, bytes: synthStruct(8, [[0, prcbAt, 8]]) }],
        debuggerData: synthDebuggerData(0x380, [
          [0x218, 0xfffff80512a00000n, 8],
          [0x2a0, 0xb8, 2],
          [0x2b4, 0x08, 2],
          [0x2be, 0x24, 2],
        ]),
      }),
    );
    const tag = readExact(dump.memory, va((dump.kernel?.debuggerDataBlock ?? 0n) + 0x10n), 4);
    expect(new TextDecoder().decode(tag)).toBe("KDBG");
    expect(readExact(dump.memory, va(prcbAt + 0x24n), 1)?.[0]).toBe(1);
    expect(readExact(dump.memory, va(threadAt), 0x300)).toHaveLength(0x300);
    expect(readExact(dump.memory, va(processAt), 0x300)).toHaveLength(0x300);
    expect(readExact(dump.memory, va(0xffff9a0000000000n), 0x1000)).toHaveLength(0x1000);
  });
});

describe("secondary data", () => {
  const blob = (first: number, length: number, postPad = 0) => ({
    tag: Uint8Array.from({ length: 16 }, (_, i) => first + i),
    data: new Uint8Array(length).fill(0xee),
    postPad,
  });

  it("lists blobs without alignment and never the slack behind them", async () => {
    const blobs = [blob(0x10, 13), blob(0x40, 5, 3)];
    const slack = new TextEncoder().encode("old disk content DumpBlob ".repeat(40));
    const bytes = synthTriageDump(HEADER64, { blobs, slack: Uint8Array.from([...new Uint8Array(32), ...slack]) });
    const { dump, notes } = await openBytes(bytes);
    const listed = dump.sections.filter(({ name }) => /blob/i.test(name));
    const start = listed[0]?.offset ?? 0;
    expect(listed).toEqual([
      { name: "DUMP_BLOB_FILE_HEADER", offset: start, size: 16 },
      { name: "blob 13121110-1514-1716-1819-1a1b1c1d1e1f", offset: start + 48, size: 13 },
      { name: "blob 43424140-4544-4746-4849-4a4b4c4d4e4f", offset: start + 48 + 13 + 32, size: 5 },
    ]);
    expect(JSON.stringify(notes)).not.toContain("disk");
  });

  it("says truncated when a blob reaches past the end", async () => {
    const bytes = synthTriageDump(HEADER64, { blobs: [blob(1, 4096)] });
    const { dump } = await openBytes(bytes.subarray(0, bytes.length - 100));
    expect(dump.truncated).toBe(true);
  });
});
