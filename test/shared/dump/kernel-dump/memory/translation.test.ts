import fc from "fast-check";
import { countingSource, memorySource } from "../../../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../../../shared/bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../../../../shared/dump/address.ts";
import { readKernelHeader } from "../../../../../shared/dump/kernel-dump/header.ts";
import { PageReader } from "../../../../../shared/dump/kernel-dump/memory/page-reader.ts";
import { pageTables } from "../../../../../shared/dump/kernel-dump/memory/page-tables.ts";
import { readPhysicalMemory } from "../../../../../shared/dump/kernel-dump/memory/physical-memory.ts";
import { pagedMemory } from "../../../../../shared/dump/kernel-dump/memory/virtual-memory.ts";
import type { Memory } from "../../../../../shared/dump/memory.ts";
import { Notes } from "../../../../../shared/notes.ts";
import type { SynthKernelHeader } from "../../../../support/synth/kernel-header.ts";
import { type SynthPaging, SynthTables } from "../../../../support/synth/page-tables.ts";
import { synthBitmapDump } from "../../../../support/synth/synth-kernel-memory.ts";

/** Page tables of every kind against a slow reading of the same tables. */

const MODES: readonly SynthPaging[] = ["x64", "x64-la57", "x86-pae", "x86", "arm64"];

const headerOf = (tables: SynthTables): SynthKernelHeader => ({
  bits: tables.mode.startsWith("x86") ? 32 : 64,
  machine: tables.mode === "arm64" ? 0xaa64 : tables.mode.startsWith("x86") ? 0x14c : 0x8664,
  build: 19041,
  directoryTableBase: tables.directoryTableBase,
  psLoadedModuleList: 0,
  bugcheck: { code: 0xd1, args: [] },
  dumpType: 6,
});

interface Opened {
  readonly memory: Memory;
  readonly runner: StepRunner;
  readonly rounds: () => number;
}

async function open(tables: SynthTables, cut = 0): Promise<Opened> {
  const limit = Math.max(...tables.pages.keys()) + 1;
  const dump = synthBitmapDump(headerOf(tables), "SDMP", tables.pages, limit);
  const source = countingSource(memorySource(dump.subarray(0, dump.length - cut)));
  const runner = new StepRunner(source, { maxRoundsPerStep: 100 });
  const reader = await runner.run((bytes) => {
    const physical = readPhysicalMemory(bytes, readKernelHeader(bytes), new Notes());
    if (!physical) throw new Error("no physical memory");
    return new PageReader(bytes, physical);
  });
  const memory = pagedMemory(reader, pageTables(reader, tables.mode, tables.directoryTableBase));
  return { memory, runner, rounds: () => source.counts.rounds };
}

/** Address of the n-th page of a window that crosses tables of every level. */
const windowAddress = (mode: SynthPaging, page: number): bigint => {
  if (mode.startsWith("x86")) return 0xbfff_c000n + BigInt(page) * 4096n;
  const middle = mode === "x64-la57" ? 0xff0f_ffff_ffff_c000n : 0xffff_f07f_ffff_c000n;
  return middle + BigInt(page) * 4096n;
};

const POOL = (mode: SynthPaging): bigint => (mode.startsWith("x86") ? 0xe100_0000n : 0xffff_e000_0100_0000n);

type Kind =
  | "page"
  | "transition"
  | "zero"
  | "paged"
  | "demand"
  | "vad"
  | "proto-valid"
  | "proto-transition"
  | "proto-zero"
  | "proto-paged"
  | "proto-nowhere"
  | "not-stored"
  | "junk";
const KINDS: readonly Kind[] = [
  "page",
  "page",
  "page",
  "transition",
  "zero",
  "paged",
  "demand",
  "vad",
  "proto-valid",
  "proto-transition",
  "proto-zero",
  "proto-paged",
  "proto-nowhere",
  "not-stored",
  "junk",
];

function fillPage(seed: number): Uint8Array {
  return Uint8Array.from({ length: 4096 }, (_, i) => (seed * 31 + i * 7 + (i >> 8)) & 0xff);
}

function plant(tables: SynthTables, address: bigint, kind: Kind, slot: number, junk: bigint): void {
  tables.setEntry(address, 0, entryOf(tables, kind, slot, junk));
}

function entryOf(tables: SynthTables, kind: Kind, slot: number, junk: bigint): bigint {
  const pool = POOL(tables.mode);
  const valid = tables.mode === "arm64" ? 0x3n : 0x63n;
  const content = (): bigint => BigInt(tables.addPage(fillPage(slot + 1))) << 12n;
  const proto = (to: bigint): bigint =>
    tables.mode === "x86-pae" ? (to << 32n) | 0x400n : (BigInt.asUintN(48, to) << 16n) | 0x400n;
  const inPool = (entry: bigint): bigint => {
    const at = pool + BigInt(slot) * 8n;
    const found = tables.translate(at);
    if ("physical" in found) tables.poke(found.physical, entry);
    return proto(at);
  };
  const entries: Readonly<Record<Kind, () => bigint>> = {
    page: () => content() | valid,
    transition: () => content() | 0x860n,
    zero: () => 0n,
    paged: () => (tables.mode === "x86" ? 0x0123_4080n : 0x1234_0000_0080n << 8n),
    demand: () => 0x80n,
    vad: () => 0xffff_ffff_0000_0400n,
    "proto-valid": () => inPool(content() | valid),
    "proto-transition": () => inPool(content() | 0x860n),
    "proto-zero": () => inPool(0n),
    "proto-paged": () => inPool(0x55_0000_0080n),
    "proto-nowhere": () => proto(pool + 0x20_0000n),
    "not-stored": () => (0x3n << 12n) | valid,
    // SwizzleBit says that the number is plain: what its absence means is tested by itself.
    junk: () => junk | 0x10n,
  };
  return entries[kind]();
}

const worlds = (mode: SynthPaging) =>
  fc.array(
    fc.record({ kind: fc.constantFrom(...KINDS), junk: fc.bigInt(0n, 2n ** (mode === "x86" ? 32n : 64n) - 1n) }),
    {
      minLength: 8,
      maxLength: 8,
    },
  );

type Slots = ReadonlyArray<{ readonly kind: Kind; readonly junk: bigint }>;

function build(mode: SynthPaging, slots: Slots): SynthTables {
  const tables = new SynthTables(mode);
  tables.map(POOL(mode), tables.addPage());
  slots.forEach(({ kind, junk }, i) => {
    plant(tables, windowAddress(mode, i), kind, i, junk);
  });
  return tables;
}

/** The bytes that the slow walk finds, up to its first hole. */
function slowRead(tables: SynthTables, address: bigint, length: number): { bytes: number[]; hole?: string } {
  const bytes: number[] = [];
  for (let i = 0; i < length; i++) {
    const at = BigInt.asUintN(64, address + BigInt(i));
    const found = tables.translate(at);
    if ("hole" in found) return { bytes, hole: found.hole };
    bytes.push(tables.pages.get(Number(found.physical / 4096n))?.[Number(found.physical % 4096n)] ?? -1);
  }
  return { bytes };
}

describe.each(MODES)("page tables: %s", (mode) => {
  it("translates as a slow walk does, and a read equals reads of one byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        worlds(mode),
        fc.array(fc.tuple(fc.integer({ min: -4096, max: 8 * 4096 }), fc.integer({ min: 0, max: 9000 })), {
          minLength: 1,
          maxLength: 3,
        }),
        async (slots, reads) => {
          const tables = build(mode, slots);
          const { memory, runner } = await open(tables);
          for (const [start, length] of reads) {
            const address = (windowAddress(mode, 0) + BigInt(start)) as VirtualAddress;
            const slow = slowRead(tables, address, length);
            const piece = await runner.run(() => memory.read(address, length));
            expect([piece.bytes.length, piece.hole?.hole]).toEqual([slow.bytes.length, slow.hole]);
            expect(Buffer.compare(piece.bytes, Buffer.from(slow.bytes))).toBe(0);
            if (piece.hole) expect(piece.hole.at).toBe(addOffset(address, piece.bytes.length));
          }
          const address = windowAddress(mode, 0) as VirtualAddress;
          const long = await runner.run(() => memory.read(address, 4096 * 8));
          for (const distance of [0, 1, 4095, 4096, 4097, long.bytes.length - 1, long.bytes.length]) {
            if (distance < 0 || distance > long.bytes.length || distance >= 4096 * 8) continue;
            const one = await runner.run(() => memory.read(addOffset(address, distance), 1));
            expect(one.bytes[0]).toBe(long.bytes[distance]);
            if (distance === long.bytes.length) expect(one.hole?.hole).toBe(long.hole?.hole);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("reads a page in as many rounds as there are tables, and many pages in no more", async () => {
    const tables = new SynthTables(mode);
    const wanted = [0, 3, 5, 700, 5000].map((page) => windowAddress(mode, page) as VirtualAddress);
    for (const address of wanted) tables.map(address, tables.addPage(fillPage(1)));
    const { memory, runner, rounds } = await open(tables);
    const before = rounds();
    await runner.run(() => {
      memory.plan(wanted.map((address) => ({ address, length: 4096 })));
      return wanted.map((address) => memory.read(address, 4096));
    });
    const levels = { x64: 4, "x64-la57": 5, "x86-pae": 3, x86: 2, arm64: 4 }[mode];
    expect(rounds() - before).toBeLessThanOrEqual(levels + 1);
  });

  it("ends at the end of a cut file", async () => {
    const tables = new SynthTables(mode);
    const address = windowAddress(mode, 0) as VirtualAddress;
    tables.map(address, tables.addPage(fillPage(1)));
    tables.map(windowAddress(mode, 1), tables.addPage(fillPage(2)));
    const { memory, runner } = await open(tables, 4096 + 100);
    const piece = await runner.run(() => memory.read(address, 8192));
    expect([...piece.bytes]).toEqual([...fillPage(1).subarray(0, 4096 - 100)].slice(0, piece.bytes.length));
    expect(piece.hole?.hole).toBe("truncated");
  });
});
