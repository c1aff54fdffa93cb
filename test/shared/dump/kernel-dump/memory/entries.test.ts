import { BlockCache } from "../../../../../shared/bytes/block-cache.ts";
import type { ByteRange } from "../../../../../shared/bytes/range.ts";
import { PageReader } from "../../../../../shared/dump/kernel-dump/memory/page-reader.ts";
import { holeReason, pageTables } from "../../../../../shared/dump/kernel-dump/memory/page-tables.ts";
import type { PhysicalMemory } from "../../../../../shared/dump/kernel-dump/memory/physical-memory.ts";
import { type SynthPaging, SynthTables } from "../../../../support/synth/page-tables.ts";

/** Single entries whose meaning is a matter of rules: large pages, swizzled numbers, flags of the root, circles. */

/** Pages by number in a file of their own order. */
function readerOf(tables: SynthTables, pageLimit?: number): PageReader {
  const numbers = [...tables.pages.keys()];
  const file = new Uint8Array(numbers.length * 4096);
  numbers.forEach((number, i) => {
    file.set(tables.pages.get(number) ?? [], i * 4096);
  });
  const cache = new BlockCache(file.length);
  cache.add({ start: 0, end: file.length }, file);
  const physical: PhysicalMemory = {
    pageLimit: pageLimit ?? Math.max(...numbers) + 1,
    storedPages: numbers.length,
    firstPage: 0,
    end: file.length,
    locate: (page) => {
      const index = numbers.indexOf(page);
      return index < 0 ? { hole: "not-in-dump" } : { offset: index * 4096 };
    },
  };
  return new PageReader(cache, physical);
}

function walk(tables: SynthTables, address: bigint, root = tables.directoryTableBase, pageLimit?: number) {
  const missing: ByteRange[] = [];
  const result = pageTables(readerOf(tables, pageLimit), tables.mode, root).walk(Number(address >> 12n), missing);
  expect(missing).toEqual([]);
  return result < 0 ? holeReason(result) : result;
}

const KERNEL = 0xffff_f802_1234_5000n;

describe("large pages", () => {
  it.each<[SynthPaging, number, bigint, number]>([
    ["x64", 1, 0x8000_00e3n, 0x8_0000 + 0x145],
    ["x64", 2, 0x1_4000_00e3n, 0x14_0000 + 0x1_2345],
    ["arm64", 1, 0x8000_0001n, 0x8_0000 + 0x145],
    ["arm64", 2, 0x1_4000_0001n, 0x14_0000 + 0x1_2345],
    ["x64-la57", 2, 0x1_4000_00e3n, 0x14_0000 + 0x1_2345],
  ])("%s, level %d", (mode, level, entry, page) => {
    const tables = new SynthTables(mode);
    tables.setEntry(KERNEL, level, entry);
    expect(walk(tables, KERNEL)).toBe(page);
  });

  it("ignores the attribute bit 12 of a large page", () => {
    const tables = new SynthTables("x64");
    tables.setEntry(KERNEL, 1, 0x8000_10e3n);
    expect(walk(tables, KERNEL)).toBe(0x8_0000 + 0x145);
  });

  it("knows 2 MiB of PAE and 4 MiB without it, above 4 GiB too", () => {
    const pae = new SynthTables("x86-pae");
    pae.setEntry(0x8012_3000n, 1, 0x3_0000_00e3n);
    expect(walk(pae, 0x8012_3000n)).toBe(0x30_0000 + 0x123);
    const plain = new SynthTables("x86");
    plain.setEntry(0x8012_3000n, 1, 0x0040_20e3n);
    expect(walk(plain, 0x8012_3000n)).toBe(0x400 + 0x123 + 2 ** 20);
  });

  it.each<[SynthPaging, number, bigint]>([
    ["x64", 3, 0xe3n],
    ["x64-la57", 4, 0xe3n],
    ["arm64", 3, 0x1n],
    ["arm64", 0, 0x5001n],
  ])("refuses them where none can be: %s, level %d", (mode, level, entry) => {
    const tables = new SynthTables(mode);
    tables.setEntry(KERNEL, level, entry);
    expect(walk(tables, KERNEL)).toBe("bad-page-table");
  });
});

describe("entries that are not valid", () => {
  it("takes the known guard bits off a page in transition, unless it says that it is plain", () => {
    for (const mask of [0x2000_0000_0000n, 0x40_0000_0000n, 0x8000_0000_0000n]) {
      const tables = new SynthTables("x64");
      const page = tables.addPage();
      tables.setEntry(KERNEL, 0, ((BigInt(page) << 12n) | 0x860n) ^ mask);
      expect(walk(tables, KERNEL)).toBe(page);
      tables.setEntry(KERNEL, 0, ((BigInt(page) << 12n) | 0x870n) ^ mask);
      expect(walk(tables, KERNEL)).not.toBe(page);
    }
  });

  it("leaves a plain page number alone that is merely not in the dump", () => {
    const tables = new SynthTables("x64");
    const page = tables.addPage();
    tables.setEntry(KERNEL, 0, (BigInt(page + 0x100000) << 12n) | 0x860n);
    expect(walk(tables, KERNEL)).toBe(page + 0x100000);
  });

  it("follows a swizzled prototype entry where the plain one leads nowhere", () => {
    const tables = new SynthTables("x64");
    const pool = 0xffff_e000_2100_0000n;
    const page = tables.addPage();
    tables.map(pool, tables.addPage());
    tables.write(pool + 8n, new Uint8Array(new BigUint64Array([(BigInt(page) << 12n) | 0x63n]).buffer));
    tables.setEntry(KERNEL, 0, ((BigInt.asUintN(48, pool + 8n) << 16n) | 0x400n) ^ 0x2000_0000_0000n);
    expect(walk(tables, KERNEL)).toBe(page);
  });

  it("calls a swizzled entry without a place in the page file demand-zero", () => {
    const tables = new SynthTables("x64");
    tables.setEntry(KERNEL, 0, 0x2000_0000_0080n);
    expect(walk(tables, KERNEL)).toBe("demand-zero");
  });

  it("goes through a table that is in transition and names one that is paged out", () => {
    const tables = new SynthTables("x64");
    tables.map(KERNEL, 0x77);
    const table = [...tables.pages.keys()].at(-1) as number;
    tables.setEntry(KERNEL, 1, (BigInt(table) << 12n) | 0x860n);
    expect(walk(tables, KERNEL)).toBe(0x77);
    tables.setEntry(KERNEL, 1, 0x1_0000_0080n);
    expect(walk(tables, KERNEL)).toBe("paged-out");
    tables.setEntry(KERNEL, 1, 0n);
    expect(walk(tables, KERNEL)).toBe("not-mapped");
  });

  it("follows prototype entries once: one that leads to itself is a hole", () => {
    const tables = new SynthTables("x64");
    tables.setEntry(KERNEL, 0, (BigInt.asUintN(48, KERNEL) << 16n) | 0x400n);
    expect(walk(tables, KERNEL)).toBe("prototype");
  });
});

describe("roots", () => {
  it("masks the flags of a directory table base", () => {
    const x64 = new SynthTables("x64");
    x64.map(KERNEL, 0x77);
    expect(walk(x64, KERNEL, x64.directoryTableBase | 0x8000_0000_0000_0002n)).toBe(0x77);
    const arm = new SynthTables("arm64");
    arm.map(KERNEL, 0x77);
    expect(walk(arm, KERNEL, arm.directoryTableBase | 0x0042_0000_0000_0001n)).toBe(0x77);
    const pae = new SynthTables("x86-pae");
    pae.map(0x8012_3000n, 0x77);
    expect(walk(pae, 0x8012_3000n, pae.directoryTableBase | 0x1fn)).toBe(0x77);
  });

  it("is a hole where it is not in the dump", () => {
    expect(walk(new SynthTables("x64"), KERNEL, 0x7fff_ffff_f000n)).toBe("not-in-dump");
  });

  it("walks tables that point at each other, as the self-map does, and ends", () => {
    const tables = new SynthTables("x64");
    const selfMap = 0xffff_8000_0000_0000n;
    tables.setEntry(selfMap, 3, tables.directoryTableBase | 0x63n);
    const root = Number(tables.directoryTableBase >> 12n);
    // Index 256 at every level leads to the root again.
    expect(walk(tables, selfMap | (256n << 30n) | (256n << 21n) | (256n << 12n))).toBe(root);
  });
});
