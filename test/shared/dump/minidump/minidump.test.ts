import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { readExact } from "../../../../shared/dump/memory.ts";
import { synthContext } from "../../../support/synth/contexts.ts";
import { addressByte, sparseMemory64 } from "../../../support/synth/sparse-source.ts";
import { SynthMinidump } from "../../../support/synth/synth-minidump.ts";
import { open } from "./open.ts";

const va = (value: bigint): VirtualAddress => value as VirtualAddress;
const GUID = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

/** A Windows x64 dump with one of everything. */
function everything(): SynthMinidump {
  const dump = new SynthMinidump();
  dump.flags = 0x1801n;
  return dump
    .system({ cpu: "amd64", os: "windows", version: "6.1.7601", csd: "Service Pack 1", cpuCount: 8, revision: 0x9e0a })
    .misc({ pid: 4711, createTime: 0x5fff_ff00, size: 0x554, buildString: "7601.win7sp1_rtm.101119-1850" })
    .module({
      base: 0x1_4000_0000n,
      size: 0x9000,
      name: "C:\\app\\main.exe",
      timestamp: 0x5f00_0001,
      checksum: 0x1234,
      version: "1.2.3.4",
      codeView: { kind: "rsds", guid: GUID, age: 2, pdb: "C:\\out\\main.pdb" },
    })
    .module({ base: 0x7ff0_0000n, size: 0x1000, name: "C:\\Windows\\wow64cpu.dll", timestamp: 0x378b_c3cd })
    .unloadedModule({ base: 0x6000_0000n, size: 0x2000, name: "gone.dll", timestamp: 7, checksum: 8 })
    .thread({
      id: 1,
      name: "main",
      teb: 0x7ff_fffd_e000n,
      stack: { address: 0x10_f000n, bytes: new Uint8Array(64).fill(3) },
      context: synthContext("amd64", { rip: 0x1_4000_1000n, rsp: 0x10_f000n }),
    })
    .thread({ id: 2, context: synthContext("amd64", { rip: 0x7ff0_0010n, rsp: 0x20_f000n }) })
    .threadNames()
    .exception({
      threadId: 2,
      code: 0xc0000005,
      address: 0x7ff0_0020n,
      parameters: [1, 0xdead_beefn],
      context: synthContext("amd64", { rip: 0x7ff0_0020n, rsp: 0x20_f000n }),
    })
    .memory(0x5000_0000n, Uint8Array.from([1, 2, 3, 4]))
    .rawStream(0x4b6b0003, new Uint8Array(5));
}

describe("openMinidump", () => {
  it("reads one of everything", async () => {
    const { dump, notes } = await open(everything().build());
    expect(notes).toEqual([]);
    expect(dump).toMatchObject({
      format: "MDMP",
      kind: "minidump",
      dumpType: 0x1801,
      created: 0x6000_0000 * 1000,
      truncated: false,
      cpu: "amd64",
      pointerSize: 8,
      system: {
        os: "Windows NT",
        osVersion: "6.1.7601 Service Pack 1",
        osBuild: 7601,
        cpuCount: 8,
        cpuInfo: "family 6 model 158 stepping 10",
        productType: 1,
        buildLab: "7601.win7sp1_rtm.101119-1850",
      },
      process: { pid: 4711, createTime: 0x5fff_ff00 },
      crashingThread: 1,
      exception: { threadId: 2, code: 0xc0000005, address: 0x7ff0_0020n, parameters: [1n, 0xdead_beefn] },
    });
    expect(dump.modules).toEqual([
      {
        base: 0x1_4000_0000n,
        size: 0x9000,
        path: "C:\\app\\main.exe",
        timestamp: 0x5f00_0001,
        checksum: 0x1234,
        version: "1.2.3.4",
        codeId: "5f0000019000",
        debugId: "0403020106050807090A0B0C0D0E0F102",
        debugFile: "C:\\out\\main.pdb",
        identity: "read",
      },
      {
        base: 0x7ff0_0000n,
        size: 0x1000,
        path: "C:\\Windows\\wow64cpu.dll",
        timestamp: 0x378b_c3cd,
        checksum: 0,
        codeId: "378bc3cd1000",
        identity: "absent",
      },
    ]);
    expect(dump.unloadedModules).toEqual([
      { base: 0x6000_0000n, size: 0x2000, path: "gone.dll", timestamp: 7, checksum: 8 },
    ]);
    expect(dump.threads.map(({ id, name, context }) => [id, name, context?.pc])).toEqual([
      [1, "main", 0x1_4000_1000n],
      [2, undefined, 0x7ff0_0010n],
    ]);
    expect(dump.threads[0]?.teb).toBe(0x7ff_fffd_e000n);
    expect(dump.threads[0]?.stack).toEqual({ start: 0x10_f000n, size: 64 });
    expect(dump.exception?.context?.pc).toBe(0x7ff0_0020n);
  });

  it("reads memory of the list and of stacks, and says where it ends", async () => {
    const { dump } = await open(everything().build());
    expect(readExact(dump.memory, va(0x5000_0000n), 4)).toEqual(Uint8Array.from([1, 2, 3, 4]));
    expect(readExact(dump.memory, va(0x10_f000n), 64)?.every((byte) => byte === 3)).toBe(true);
    expect(dump.memory.read(va(0x5000_0002n), 8)).toMatchObject({
      hole: { hole: "not-in-dump", at: 0x5000_0004n },
    });
  });

  it("names every stream with its place, unknown ones in hex", async () => {
    const bytes = everything().build();
    const { dump } = await open(bytes);
    const names = dump.sections.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["SystemInfoStream", "ThreadListStream", "0x4b6b0003"]));
    const system = dump.sections.find(({ name }) => name === "SystemInfoStream");
    expect(new DataView(bytes.buffer, bytes.byteOffset).getUint16(system?.offset ?? 0, true)).toBe(9);
    expect(system?.size).toBe(0x38);
  });

  it("reads lists with 4 bytes between count and entries, as macOS Breakpad writes them", async () => {
    const padded = everything();
    padded.padLists = true;
    const [a, b] = await Promise.all([open(padded.build()), open(everything().build())]);
    expect(a.dump.modules).toEqual(b.dump.modules);
    expect(a.dump.threads).toEqual(b.dump.threads);
    expect(readExact(a.dump.memory, va(0x5000_0000n), 4)).toEqual(Uint8Array.from([1, 2, 3, 4]));
  });

  it("blames the requesting thread when there is no exception, and never the one that wrote the dump", async () => {
    const make = (validity: number, writer: number, requesting: number) => {
      const body = new Uint8Array(Uint32Array.from([validity, writer, requesting]).buffer);
      const dump = new SynthMinidump().system({ cpu: "amd64", os: "linux" });
      return dump.thread({ id: 10 }).thread({ id: 11 }).rawStream(0x4767_0001, body).build();
    };
    const both = (await open(make(3, 10, 11))).dump;
    expect([both.crashingThread, both.dumpThreadId]).toEqual([1, 10]);
    const same = (await open(make(3, 11, 11))).dump;
    expect([same.crashingThread, same.dumpThreadId]).toEqual([undefined, 11]);
    const none = (await open(make(0, 10, 11))).dump;
    expect([none.crashingThread, none.dumpThreadId]).toEqual([undefined, undefined]);
  });

  it("takes code ids by the writer's system", async () => {
    const records = {
      rsds: { kind: "rsds", guid: GUID, age: 0, pdb: "libfoo" },
      elf: { kind: "elf", buildId: GUID },
      raw: { kind: "raw", bytes: new TextEncoder().encode("MTOC12345") },
    } as const;
    const identity = async (os: "windows" | "macos" | "linux", record?: keyof typeof records) => {
      const codeView = record && records[record];
      const dump = new SynthMinidump()
        .system({ cpu: "amd64", os })
        .module({ base: 0x1000, size: 0x10, name: "/usr/lib/libfoo", timestamp: 5, ...(codeView && { codeView }) });
      return (await open(dump.build())).dump.modules[0];
    };
    expect((await identity("windows"))?.codeId).toBe("0000000510");
    expect((await identity("linux"))?.codeId).toBeUndefined();
    expect((await identity("windows", "raw"))?.codeId).toBeUndefined();
    expect((await identity("macos", "rsds"))?.codeId).toBe("0403020106050807090a0b0c0d0e0f10");
    expect(await identity("linux", "elf")).toMatchObject({
      codeId: "0102030405060708090a0b0c0d0e0f10",
      debugId: "0403020106050807090A0B0C0D0E0F100",
      debugFile: "/usr/lib/libfoo",
    });
  });

  it("drops images without size or beyond the address space, with a note", async () => {
    const { dump, notes } = await open(
      new SynthMinidump()
        .system({ cpu: "amd64", os: "windows" })
        .module({ base: 0x1000, size: 0, name: "empty.dll" })
        .module({ base: 0xffff_ffff_ffff_f000n, size: 0x2000, name: "wraps.dll" })
        .module({ base: 0x1000, size: 0x1000, name: "good.dll" })
        .build(),
    );
    expect(dump.modules.map(({ path }) => path)).toEqual(["good.dll"]);
    expect(notes.map(({ code, where }) => `${code} ${where}`)).toContain("minidump.bad-module ModuleListStream");
  });

  it("keeps the first of two streams of a type, with a note", async () => {
    const dump = new SynthMinidump().system({ cpu: "amd64", os: "linux" }).system({ cpu: "x86", os: "windows" });
    const { dump: read, notes } = await open(dump.build());
    expect(read.cpu).toBe("amd64");
    expect(notes).toContainEqual({
      code: "minidump.duplicate-stream",
      where: "SystemInfoStream",
      detail: "the first one is read",
    });
  });

  it("reads what Linux writers copy from /etc and /proc", async () => {
    const { dump } = await open(
      new SynthMinidump()
        .system({ cpu: "amd64", os: "linux", version: "0.0.0", csd: "Linux 5.10.1-x #7 SMP x86_64 Linux/GNU" })
        .textStream(0x4767_0003, "processor : 0\nmicrocode\t: 0x0A000119\n")
        .textStream(0x4767_0004, "Name:\tapp\nPid:\t77\n")
        .textStream(0x4767_0005, 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_DESCRIPTION="Ubuntu 14"\n')
        .textStream(0x4767_0009, "1000-2000 r-xp 00000000 fc:00 1 /bin/app\nnothing\n2000-3000 rw-p 0 00:00 0\n")
        .textStream(0x4d7a_0003, "Limit  Soft  Hard  Units\nMax cpu time    unlimited    10    seconds\n")
        .textStream(0x4d7a_0004, '[{"a":1}]')
        .build(),
    );
    expect(dump.system).toMatchObject({ os: "Linux", osVersion: "5.10.1-x #7 SMP", cpuMicrocode: "0xa000119" });
    expect(dump.process.pid).toBe(77);
    expect(dump.extras).toEqual({
      lsb_release: { id: "Ubuntu", release: "14.04", codename: "", description: "Ubuntu 14" },
      linux_memory_map_count: 2,
      proc_limits: { limits: [{ name: "Max cpu time", soft: "unlimited", hard: 10, unit: "seconds" }] },
      soft_errors: [{ a: 1 }],
    });
  });

  it("takes soft errors that are no JSON for the dump's fault", async () => {
    const { notes } = await open(
      new SynthMinidump().system({ cpu: "amd64", os: "linux" }).textStream(0x4d7a_0004, "{").build(),
    );
    expect(notes).toContainEqual({ code: "format.bad-value", where: "MozSoftErrors", detail: "the text is no JSON" });
  });

  it.each([
    ["", "dump.empty"],
    ["MDM", "dump.not-a-dump"],
    ["MDMP1234", "dump.truncated-header"],
    [`PMDM${"\0".repeat(40)}`, "dump.big-endian"],
    [`MDMP${"\x01".repeat(40)}`, "dump.corrupt-header"],
    [`MDMP\x93\xa7\0\0${"\0".repeat(40)}`, "dump.corrupt-header"],
    ["PAGEDU64", "dump.not-a-dump"],
  ])("refuses %j as %s", async (text, code) => {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    await expect(open(bytes)).rejects.toMatchObject({ name: "DumpError", code });
  });
});

describe("reading little", () => {
  it("keeps no more than 4 Mi characters of names, however often a file points to one text", async () => {
    const name = "x".repeat(30_000);
    const dump = new SynthMinidump().system({ cpu: "amd64", os: "windows" });
    for (let index = 0; index < 200; index++) dump.module({ base: 0x1000 * (index + 1), size: 0x1000, name });
    const { dump: read, notes } = await open(dump.build());
    const kept = read.modules.reduce((sum, { path }) => sum + path.length, 0);
    expect(kept).toBeLessThanOrEqual(4 << 20);
    expect(read.modules).toHaveLength(200);
    expect(notes.map(({ code }) => code)).toContain("limit.text");
  });

  it("fetches names that are longer than a plan expects together, not one by one", async () => {
    const dump = new SynthMinidump().system({ cpu: "amd64", os: "windows" });
    for (let index = 0; index < 40; index++) {
      dump.module({ base: 0x1000 * (index + 1), size: 0x1000, name: "y".repeat(20_000) });
    }
    const bytes = new Uint8Array(6 << 20);
    bytes.set(dump.build());
    const { dump: read, counts } = await open(bytes);
    expect(read.modules.every(({ path }) => path.length === 20_000)).toBe(true);
    expect(counts.rounds).toBeLessThanOrEqual(3);
  });

  it("asks once for a small dump", async () => {
    const { counts } = await open(everything().build());
    expect(counts).toMatchObject({ rounds: 1, requests: 1 });
  });

  it("reads no memory of a dump beyond 4 GiB until it is asked for, and then the right bytes", async () => {
    const GiB = 1024 ** 3;
    const source = sparseMemory64(everything().rawStream(0, new Uint8Array(0)).build(), [
      { address: 0x1000_0000n, size: 3 * GiB },
      { address: 0x7000_0000_0000n, size: 5 * GiB },
    ]);
    const { dump, counts, notes, runner } = await open(source);
    expect(notes).toEqual([]);
    expect(source.size).toBeGreaterThan(8 * GiB);
    expect(counts.bytes).toBeLessThanOrEqual(64 * 1024);
    expect(counts.rounds).toBe(1);
    const far = va(0x7000_0000_0000n + BigInt(4 * GiB) + 77n);
    const bytes = await runner.run(() => readExact(dump.memory, far, 16));
    expect(bytes).toEqual(Uint8Array.from({ length: 16 }, (_, i) => addressByte(far + BigInt(i))));
  });
});
