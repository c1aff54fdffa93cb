import fc from "fast-check";
import { countingSource, memorySource } from "../../../../../shared/bytes/byte-source.ts";
import { StopcodeError } from "../../../../../shared/bytes/errors.ts";
import { StepRunner } from "../../../../../shared/bytes/step-runner.ts";
import { readKernelHeader } from "../../../../../shared/dump/kernel-dump/header.ts";
import {
  type PhysicalMemory,
  readPhysicalMemory,
} from "../../../../../shared/dump/kernel-dump/memory/physical-memory.ts";
import { Notes } from "../../../../../shared/notes.ts";
import { kernelHeader, type SynthKernelHeader } from "../../../../support/synth/kernel-header.ts";
import { sparseSource } from "../../../../support/synth/sparse-source.ts";
import {
  synthBitmapDump,
  synthFullDump,
  synthRangeDump,
  synthSummaryDump,
} from "../../../../support/synth/synth-kernel-memory.ts";

/** Where pages lie in dumps of every type: each page is filled with its own number. */

const header = (dumpType: number, bits: 32 | 64 = 64): SynthKernelHeader => ({
  bits,
  machine: bits === 64 ? 0x8664 : 0x14c,
  build: 19041,
  psLoadedModuleList: 0,
  bugcheck: { code: 0xd1, args: [] },
  dumpType,
});

const numbered = (numbers: Iterable<number>): Map<number, Uint8Array> =>
  new Map([...numbers].map((n) => [n, new Uint8Array(new Uint32Array(1024).fill(n).buffer)]));

async function open(bytes: Uint8Array) {
  const notes = new Notes();
  const runner = new StepRunner(memorySource(bytes));
  const physical = await runner.run((fetched) => readPhysicalMemory(fetched, readKernelHeader(fetched), notes));
  if (!physical) throw new Error("no physical memory");
  return { physical, codes: notes.list().map(({ code }) => code) };
}

function contentOf(dump: Uint8Array, physical: PhysicalMemory, page: number): number | string {
  const place = physical.locate(page);
  if ("hole" in place) return place.hole;
  return new DataView(dump.buffer, dump.byteOffset).getUint32(place.offset, true);
}

const pageSets = fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })), {
  minLength: 1,
  maxLength: 60,
});

/** Neighbouring numbers as runs. */
function runsOf(numbers: readonly number[]) {
  const runs: { basePage: number; pageCount: number }[] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.basePage + last.pageCount === n) last.pageCount += 1;
    else runs.push({ basePage: n, pageCount: 1 });
  }
  return runs;
}

describe("a page's place", () => {
  it.each<[string, (numbers: number[]) => Uint8Array]>([
    ["wide bitmap", (n) => synthBitmapDump(header(6), "SDMP", numbered(n), Math.max(...n) + 1)],
    ["full bitmap with 32-bit header", (n) => synthBitmapDump(header(5, 32), "FDMP", numbered(n), Math.max(...n) + 9)],
    ["narrow bitmap", (n) => synthSummaryDump(header(2), numbered(n), Math.max(...n) + 5)],
    ["narrow bitmap of 32 bits", (n) => synthSummaryDump(header(2, 32), numbered(n), Math.max(...n) + 1)],
    ["ranges of type 8", (n) => synthRangeDump(header(8), runsOf(n), numbered(n))],
    ["ranges of type 10", (n) => synthRangeDump(header(10), runsOf(n), numbered(n))],
    ["runs", (n) => synthFullDump({ ...header(1), runs: runsOf(n).slice(0, 40) }, numbered(n))],
    ["runs of 32 bits", (n) => synthFullDump({ ...header(1, 32), runs: runsOf(n).slice(0, 80) }, numbered(n))],
  ])("is counted: %s", async (name, make) => {
    await fc.assert(
      fc.asyncProperty(pageSets, async (numbers) => {
        const dump = make(numbers);
        const { physical, codes } = await open(dump);
        const kept = name.startsWith("runs") ? runsOf(numbers).slice(0, name.endsWith("32 bits") ? 80 : 40) : undefined;
        const there = new Set(
          kept ? kept.flatMap((r) => Array.from({ length: r.pageCount }, (_, i) => r.basePage + i)) : numbers,
        );
        expect(codes).toEqual([]);
        expect(physical.storedPages).toBe(there.size);
        expect(physical.end).toBe(dump.length);
        for (let page = 0; page < 3010; page += page < 64 ? 1 : 13) {
          expect(contentOf(dump, physical, page)).toBe(there.has(page) ? page : "not-in-dump");
        }
        for (const page of there) expect(contentOf(dump, physical, page)).toBe(page);
        for (const page of [-1, 2 ** 31, 2 ** 40, 2 ** 52]) expect(contentOf(dump, physical, page)).toBe("not-in-dump");
      }),
      { numRuns: 25 },
    );
  });

  it("does not count the bits behind the last one", async () => {
    const dump = synthBitmapDump(header(6), "SDMP", numbered([1, 2, 5]), 6);
    dump[0x2038] = (dump[0x2038] ?? 0) | 0xc0;
    const { physical, codes } = await open(dump);
    expect([physical.storedPages, codes]).toEqual([3, []]);
    expect(physical.locate(6)).toEqual({ hole: "not-in-dump" });
  });

  it("believes the bits where their count is a lie, and says so", async () => {
    const dump = synthBitmapDump(header(6), "SDMP", numbered([1, 2, 5]), 600);
    new DataView(dump.buffer).setBigUint64(0x2028, 77n, true);
    const { physical, codes } = await open(dump);
    expect(contentOf(dump, physical, 5)).toBe(5);
    expect(codes).toEqual(["format.bad-value"]);
  });

  it("says truncated where the file ends before a page", async () => {
    const dump = synthFullDump({ ...header(1), runs: [{ basePage: 1, pageCount: 4 }] }, numbered([1, 2, 3, 4]), 2);
    const { physical } = await open(dump);
    expect([1, 2, 3, 4, 5].map((page) => contentOf(dump, physical, page))).toEqual([
      1,
      2,
      "truncated",
      "truncated",
      "not-in-dump",
    ]);
  });
});

describe("the form of the table", () => {
  it.each<[string, number, (type: number) => Uint8Array]>([
    ["a bitmap", 1, (type) => synthBitmapDump(header(type), "SDMP", numbered([1, 2, 9]), 300)],
    ["a bitmap", 8, (type) => synthBitmapDump(header(type), "FDMP", numbered([1, 2, 9]), 300)],
    ["ranges", 6, (type) => synthRangeDump(header(type), [{ basePage: 9, pageCount: 1 }], numbered([9]))],
  ])("is what stands behind the header: %s under type %d", async (_, type, make) => {
    const dump = make(type);
    const { physical, codes } = await open(dump);
    expect([contentOf(dump, physical, 9), codes]).toEqual([9, ["format.bad-value"]]);
  });

  it("is wide where the bytes between its fields hold anything", async () => {
    const dump = synthBitmapDump(header(6), "SDMP", numbered([1, 2, 9]), 300);
    for (const junk of [0x45474150, 0xffffffff, 0x3001, 0x12345678]) {
      for (let at = 0x200c; at < 0x2020; at += 4) new DataView(dump.buffer).setUint32(at, junk, true);
      const { physical, codes } = await open(dump);
      expect([contentOf(dump, physical, 9), codes]).toEqual([9, []]);
    }
  });

  it("is narrow under type 2 wherever its pointer leads", async () => {
    const dump = synthSummaryDump(header(2), numbered([1, 2, 9]), 300);
    for (const pointer of [0n, 0x3000n, 0x1_0000_0000n]) {
      new DataView(dump.buffer).setBigUint64(0x2020, pointer, true);
      const { physical } = await open(dump);
      expect(contentOf(dump, physical, 9)).toBe(9);
    }
  });
});

describe("tables of pages that lie", () => {
  const patched = (bytes: Uint8Array, ...values: [number, bigint][]): Uint8Array => {
    const out = bytes.slice();
    for (const [at, value] of values) new DataView(out.buffer).setBigUint64(at, value, true);
    return out;
  };
  const full = synthFullDump(
    {
      ...header(1),
      runs: [
        { basePage: 1, pageCount: 2 },
        { basePage: 9, pageCount: 1 },
      ],
    },
    numbered([1, 2, 9]),
  );

  it("leaves out a run that repeats pages when the file has no room for it", async () => {
    const runs = [
      { basePage: 1, pageCount: 4 },
      { basePage: 2, pageCount: 3 },
      { basePage: 9, pageCount: 1 },
    ];
    const stored = numbered([1, 2, 3, 4, 9]);
    const dump = synthFullDump({ ...header(1), runs: [runs[0], runs[2]] as typeof runs }, stored);
    dump.set(kernelHeader({ ...header(1), runs }));
    const { physical, codes } = await open(dump);
    expect([1, 4, 9].map((page) => contentOf(dump, physical, page))).toEqual([1, 4, 9]);
    expect(codes).toContain("format.bad-value");
  });

  it("ends the list of runs at one that cannot exist", async () => {
    for (const [base, count] of [
      [2n ** 60n, 1n],
      [9n, 2n ** 63n],
      [2n ** 52n, 2n ** 52n],
    ] as const) {
      const { physical, codes } = await open(patched(full, [0x88 + 0x20, base], [0x88 + 0x28, count]));
      expect(physical.storedPages).toBe(2);
      expect(codes).toContain("format.bad-value");
    }
  });

  it("reads as many runs as fit the header", async () => {
    const dump = full.slice();
    new DataView(dump.buffer).setUint32(0x88, 0x7fffffff, true);
    const { physical, codes } = await open(dump);
    expect(contentOf(dump, physical, 9)).toBe(9);
    expect(codes).toContain("format.limit-exceeded");
  });

  it("survives any eight bytes of a table being anything", async () => {
    const dumps = [
      full,
      synthBitmapDump(header(6), "SDMP", numbered([1, 2, 9]), 300),
      synthSummaryDump(header(2), numbered([1, 2, 9]), 300),
      synthRangeDump(header(8), [{ basePage: 3, pageCount: 2 }], numbered([3, 4])),
      synthRangeDump(header(10), [{ basePage: 3, pageCount: 2 }], numbered([3, 4])),
    ];
    const anyWord = fc.oneof(
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.constantFrom(0n, 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(dumps.length - 1),
        fc.array(fc.tuple(fc.nat(16), anyWord), { minLength: 1, maxLength: 3 }),
        async (which, words) => {
          const start = which === 0 ? 0x88 : 0x2000;
          const dump = patched(
            dumps[which] as Uint8Array,
            ...words.map(([i, v]) => [start + i * 8, v] as [number, bigint]),
          );
          const result = await open(dump).catch((error: unknown) => error);
          if (result instanceof StopcodeError) return;
          const { physical } = result as Awaited<ReturnType<typeof open>>;
          for (const page of [0, 1, 2, 3, 9, 299, 300, 2 ** 32, 2 ** 40, 2 ** 52]) {
            const place = physical.locate(page);
            if ("offset" in place) {
              expect(Number.isSafeInteger(place.offset) && place.offset < dump.length && place.offset >= 0).toBe(true);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("reads the bitmap of 64 GiB in one round, and finds the last page beyond 64 GiB of file", async () => {
    const bits = 2 ** 24;
    const firstPage = 0x2000 + 0x1000 + bits / 8;
    const head = new Uint8Array(firstPage).fill(0xff, 0x2038, 0x2038 + bits / 8);
    head.set(kernelHeader(header(5)));
    head.set(new TextEncoder().encode("FDMPDUMP"), 0x2000);
    const view = new DataView(head.buffer);
    view.setBigUint64(0x2020, BigInt(firstPage), true);
    view.setBigUint64(0x2028, BigInt(bits), true);
    view.setBigUint64(0x2030, BigInt(bits), true);
    const size = firstPage + bits * 4096;
    const source = countingSource(sparseSource(size, [{ start: 0, size: head.length, bytes: head }]));
    const runner = new StepRunner(source);
    await runner.prefetch();
    const physical = await runner.run((bytes) => readPhysicalMemory(bytes, readKernelHeader(bytes), new Notes()));
    expect(physical?.locate(bits - 1)).toEqual({ offset: size - 4096 });
    expect(source.counts.rounds).toBe(2);
  });
});
