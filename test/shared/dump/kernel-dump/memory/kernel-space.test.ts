import fc from "fast-check";
import { StopcodeError } from "../../../../../shared/bytes/errors.ts";
import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import { type OpenedSpace, openSpace } from "../../../../support/kernel-space.ts";
import { kernelHeader } from "../../../../support/synth/kernel-header.ts";
import { type SynthWorld, type SynthWorldOptions, synthKernelWorld } from "../../../../support/synth/kernel-world.ts";
import type { SynthPaging } from "../../../../support/synth/page-tables.ts";
import { synthBitmapDump } from "../../../../support/synth/synth-kernel-memory.ts";

/** Finding one's way in a kernel's memory: page tables, nt, the debugger data block. */

const BASES: Readonly<Record<SynthPaging, bigint>> = {
  x64: 0xffff_f802_1e80_0000n,
  "x64-la57": 0xff4f_f802_1e80_0000n,
  "x86-pae": 0x8360_0000n,
  x86: 0x8360_0000n,
  arm64: 0xffff_f802_1e80_0000n,
};

const dumpOf = (world: SynthWorld, header: Partial<SynthWorld["header"]> = {}): Uint8Array =>
  synthBitmapDump(
    { ...world.header, ...header },
    "SDMP",
    world.tables.pages,
    Math.max(...world.tables.pages.keys()) + 1,
  );

const open = (options: Partial<SynthWorldOptions> & { mode: SynthPaging }) => {
  const world = synthKernelWorld({ base: BASES[options.mode], ...options });
  return openSpace(dumpOf(world)).then((opened) => ({ world, ...opened }));
};

const codes = ({ notes }: OpenedSpace): string[] => notes.map(({ code }) => code);

describe("the form of page tables", () => {
  it.each<SynthPaging>(["x64", "x64-la57", "x86-pae", "x86", "arm64"])("is found by what closes: %s", async (mode) => {
    const opened = await open({ mode });
    expect(opened.space).toMatchObject({ paging: mode, kernelBase: BASES[mode], kdbgSource: "header" });
    expect(codes(opened)).toEqual([]);
  });

  it("is five levels too where the kernel lies at addresses that four levels have", async () => {
    const opened = await open({ mode: "x64-la57", base: BASES.x64 });
    expect(opened.space?.paging).toBe("x64-la57");
  });

  it.each([
    ["x86-pae", true],
    ["x86", false],
    ["x86-pae", undefined],
    ["x86", undefined],
    ["x86", true],
  ] as const)("is %s where the header says PaeEnabled %s", async (mode, paeEnabled) => {
    const world = synthKernelWorld({ mode, base: BASES[mode] });
    const { space } = await openSpace(dumpOf(world, paeEnabled === undefined ? {} : { paeEnabled }));
    expect(space?.paging).toBe(mode);
  });

  it("is a note where nothing can be translated", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64 });
    const opened = await openSpace(dumpOf(world, { directoryTableBase: 0x7777_7000n }));
    expect(codes(opened)).toEqual(["kernel.bad-page-tables", "kernel.base-not-found"]);
    expect(opened.space?.kdbg).toBeUndefined();
    const read = await opened.runner.run(() => opened.space?.memory.read(BASES.x64 as VirtualAddress, 8));
    expect(read?.hole?.hole).toBe("not-in-dump");
  });

  it("is none for machines whose tables are not read", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64 });
    const opened = await openSpace(dumpOf(world, { machine: 0x200 }));
    expect([opened.space, codes(opened)]).toEqual([undefined, ["kernel.unknown-machine"]]);
  });
});

describe("the debugger data block", () => {
  it("is decoded without symbols, whatever the secrets are", async () => {
    const word = fc.bigInt(0n, 2n ** 64n - 1n);
    await fc.assert(
      fc.asyncProperty(word, word, fc.bigInt(0n, 2n ** 47n), async (never, always, flagAddress) => {
        const { space, world } = await open({ mode: "x64", kdbg: { never, always, flagAddress } });
        expect(space?.kdbgSource === "header" || space?.kdbgSource === "decoded").toBe(true);
        expect(Buffer.compare(space?.kdbgBytes ?? new Uint8Array(0), world.kdbg)).toBe(0);
        expect(space?.kdbg?.value("SizeEProcess")).toBe(0xa40);
      }),
      { numRuns: 60 },
    );
  });

  it.each<SynthPaging>(["x64", "x86-pae", "arm64"])(
    "is found by its tag where the pointer is bad: %s",
    async (mode) => {
      const wild = mode === "x86-pae" ? 0x4141_4141n : 0x4141_4141_4141_4141n;
      for (const kdbgPointer of [wild, 0n, BASES[mode] + 0x3000n]) {
        const opened = await open({ mode, kdbgPointer });
        expect(opened.space).toMatchObject({ kdbgSource: "found", kdbgAddress: opened.world.kdbgAddress });
        expect(codes(opened)).toEqual(["kernel.debugger-data"]);
      }
    },
  );

  it("is not taken where a tag stands alone or belongs to another image", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64, kdbg: "none" });
    world.tables.write(BASES.x64 + 0x3210n, new TextEncoder().encode("KDBG"));
    const other = world.kdbg.slice();
    new DataView(other.buffer).setBigUint64(0x18, 0x1234n, true);
    world.tables.write(BASES.x64 + 0x3800n, other);
    const opened = await openSpace(dumpOf(world));
    expect(opened.space?.kdbg).toBeUndefined();
    expect(opened.space?.kernelBase).toBe(BASES.x64);
    expect(codes(opened)).toEqual(["kernel.debugger-data"]);
  });

  it("is not looked for at every place of a section full of tags", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64, kdbg: "none" });
    const tags = new Uint8Array(new BigUint64Array(512).fill(0x380_4742_444bn).buffer);
    for (const page of [0x3000n, 0x6000n]) world.tables.write(BASES.x64 + page, tags);
    const opened = await openSpace(dumpOf(world));
    expect([opened.space?.kdbg, codes(opened)]).toEqual([undefined, ["kernel.debugger-data"]]);
  });

  it("is missed without it: nt is found by its headers where the list of modules is broken too", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64, kdbg: "none" });
    world.tables.write(world.listHead, new Uint8Array(16));
    const opened = await openSpace(dumpOf(world));
    expect(opened.space?.kernelBase).toBe(BASES.x64);
    expect(codes(opened)).toEqual(["kernel.module-list", "kernel.debugger-data"]);
  });
});

describe("address spaces of processes", () => {
  it("are the same for the same directory table base and share prototype entries with the kernel", async () => {
    const world = synthKernelWorld({ mode: "x64", base: BASES.x64 });
    const { tables } = world;
    const pool = 0xffff_e000_2100_0000n;
    const shared = tables.addPage(new Uint8Array(4096).fill(0x5a));
    tables.map(pool, tables.addPage());
    tables.write(pool, new Uint8Array(new BigUint64Array([(BigInt(shared) << 12n) | 0x63n]).buffer));
    // A root of its own, with nothing of the kernel in it.
    const user = 0x7ff6_0000_0000n;
    tables.setEntry(user, 0, (BigInt.asUintN(48, pool) << 16n) | 0x400n);
    const root = tables.addPage();
    const kernelRoot = tables.pages.get(Number(tables.directoryTableBase >> 12n)) as Uint8Array;
    const index = tables.index(user, 3) * 8;
    tables.pages.get(root)?.set(kernelRoot.subarray(index, index + 8), index);
    kernelRoot.fill(0, index, index + 8);
    const { space, runner } = await openSpace(dumpOf(world));
    const memory = space?.user((BigInt(root) << 12n) | 2n);
    expect(memory).toBe(space?.user((BigInt(root) << 12n) | 2n));
    const piece = await runner.run(() => memory?.read((user + 5n) as VirtualAddress, 3));
    expect([...(piece?.bytes ?? [])]).toEqual([0x5a, 0x5a, 0x5a]);
    const kernel = await runner.run(() => space?.memory.read(user as VirtualAddress, 3));
    expect(kernel?.hole?.hole).toBe("not-mapped");
  });
});

describe("cost", () => {
  it("opens in a round for each level and each pointer that is followed", async () => {
    const { counts, notes } = await open({ mode: "x64" });
    expect(notes).toEqual([]);
    expect(counts.rounds).toBeLessThanOrEqual(11);
    expect(counts.bytes).toBeLessThanOrEqual(16 * 4096);
  });
});

describe("damaged kernels", () => {
  const world = synthKernelWorld({ mode: "x64", base: BASES.x64 });
  const dump = dumpOf(world);

  const survives = async (bytes: Uint8Array): Promise<void> => {
    const opened = await openSpace(bytes).catch((error: unknown) => error);
    if (opened instanceof StopcodeError) return;
    if (opened instanceof Error) throw opened;
    const { space, runner, notes } = opened as OpenedSpace;
    expect(notes.filter(({ code }) => code.startsWith("internal."))).toEqual([]);
    const piece = await runner.run(() => space?.memory.read(BASES.x64 as VirtualAddress, 0x8000));
    expect((piece?.bytes.length ?? 0) <= 0x8000).toBe(true);
  };

  it("survive being cut anywhere", async () => {
    for (let size = 0; size < dump.length; size += size < 0x4000 ? 211 : 997) await survives(dump.subarray(0, size));
  });

  it("survive changed words, in tables and in what is followed", async () => {
    const places = fc.oneof(
      fc.nat(Math.floor(dump.length / 8) - 1).map((i) => i * 8),
      fc.constantFrom(0x10, 0x20, 0x28, 0x80, 0x2020, 0x2028, 0x2030),
    );
    const values = fc.oneof(
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.nat(0x80).map((page) => (BigInt(page) << 12n) | 0x63n),
      fc.constantFrom(0n, world.listHead, world.kdbgAddress, 0x4742444bn << 32n, 2n ** 63n),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(places, values), { minLength: 1, maxLength: 12 }), async (changes) => {
        const bytes = dump.slice();
        for (const [at, value] of changes) new DataView(bytes.buffer).setBigUint64(at, value, true);
        await survives(bytes);
      }),
      { numRuns: 400 },
    );
  });

  it("survive a root that is its own table at every level", async () => {
    const bytes = dump.slice();
    const view = new DataView(bytes.buffer);
    const root = world.tables.directoryTableBase | 0x63n;
    const first = Number(view.getBigUint64(0x2020, true));
    for (let at = first; at < first + 4096; at += 8) view.setBigUint64(at, root, true);
    await survives(bytes);
  });

  it("need a header that says where things are", async () => {
    const header = kernelHeader({ ...world.header, dumpType: 1 });
    const opened = await openSpace(header);
    expect([opened.space, codes(opened)]).toEqual([undefined, ["format.bad-value"]]);
  });
});
