import { ByteWriter, hexBytes, Label } from "../support/synth/byte-writer.ts";
import { synthContext } from "../support/synth/contexts.ts";
import { fileTime, kernelHeader } from "../support/synth/kernel-header.ts";
import { SEED_FRAMES, seedSampleDump } from "../support/synth/seed-sample.ts";
import { addressByte, sparseMemory64 } from "../support/synth/sparse-source.ts";
import { synthTriageDump } from "../support/synth/synth-kernel.ts";
import {
  synthBitmapDump,
  synthFullDump,
  synthRangeDump,
  synthSummaryDump,
} from "../support/synth/synth-kernel-memory.ts";
import { SynthMinidump } from "../support/synth/synth-minidump.ts";

/** The builders are judged by single bytes at offsets that real dumps have them at. */

const at32 = (bytes: Uint8Array, offset: number): number =>
  Buffer.from(bytes.buffer, bytes.byteOffset).readUInt32LE(offset);
const at64 = (bytes: Uint8Array, offset: number): bigint =>
  Buffer.from(bytes.buffer, bytes.byteOffset).readBigUInt64LE(offset);
const text = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes).toString("latin1", start, end);

describe("ByteWriter", () => {
  it("resolves references forwards and backwards", () => {
    const [front, back] = [new Label(), new Label()];
    const bytes = new ByteWriter()
      .mark(front)
      .ref32(back)
      .size32(front, back)
      .ref64(front, 3)
      .align(32)
      .mark(back)
      .finish();
    expect([at32(bytes, 0), at32(bytes, 4), at64(bytes, 8), bytes.length]).toEqual([32, 32, 3n, 32]);
  });

  it("refuses a label that was never marked and a step back", () => {
    expect(() => new ByteWriter().ref32(new Label()).finish()).toThrow(RangeError);
    expect(() => new ByteWriter().u32(0).to(2)).toThrow(RangeError);
  });

  it("grows beyond its first buffer and wraps values", () => {
    const bytes = new ByteWriter().zeros(10_000).u32(-1).u64(-2n).finish();
    expect([at32(bytes, 10_000), at64(bytes, 10_004)]).toEqual([0xffffffff, 2n ** 64n - 2n]);
  });
});

describe("synthContext", () => {
  it.each([
    ["x86", "eip", 0xb8, 0x2cc],
    ["amd64", "rip", 0xf8, 0x4d0],
    ["amd64", "r15", 0xf0, 0x4d0],
    ["arm", "pc", 0x40, 0x170],
    ["arm64", "pc", 0x108, 0x390],
    ["arm64-old", "sp", 0x100, 0x31c],
  ] as const)("puts %s %s at %i", (cpu, register, offset, size) => {
    const bytes = synthContext(cpu, { [register]: 0x12345678 });
    expect([at32(bytes, offset), bytes.length]).toEqual([0x12345678, size]);
    expect(() => synthContext(cpu, { nothing: 1 })).toThrow(RangeError);
  });
});

describe("SynthMinidump", () => {
  const dump = new SynthMinidump()
    .module({ base: 0x400000, size: 0x1000, name: "a.exe", codeView: { kind: "raw", bytes: hexBytes("4e42313000") } })
    .exception({
      threadId: 7,
      code: 0xc0000005,
      address: 0x401000,
      parameters: [1, 2],
      context: synthContext("x86", {}),
    })
    .rawStream(0, new Uint8Array(0))
    .rawStream(0x12345, hexBytes("010203"))
    .memory64(0x1000n, hexBytes("aabb"))
    .build();

  it("writes a directory whose entries point at their streams", () => {
    expect(text(dump, 0, 4)).toBe("MDMP");
    expect([at32(dump, 4), at32(dump, 8), at32(dump, 12)]).toEqual([0xa793, 5, 0x20]);
    const types = [0, 1, 2, 3, 4].map((i) => at32(dump, 0x20 + i * 12));
    expect(types).toEqual([4, 6, 0, 0x12345, 9]);
    expect([at32(dump, 0x24), at32(dump, 0x30)]).toEqual([4 + 108, 0xa8]);
    const memory = at32(dump, 0x20 + 4 * 12 + 8);
    const base = Number(at64(dump, memory + 8));
    expect([...dump.subarray(base)]).toEqual([0xaa, 0xbb]);
  });

  it("makes memory beyond 4 GiB without a file of that size", async () => {
    const small = new SynthMinidump().rawStream(0, new Uint8Array(0)).build();
    const source = sparseMemory64(small, [
      { address: 0x10000n, size: 5 * 2 ** 30 },
      { address: 0x7ff000000000n, size: 4096 },
    ]);
    expect(source.size).toBeGreaterThan(5 * 2 ** 30);
    const [last] = await source.read([{ start: source.size - 1, end: source.size }]);
    expect(last?.[0]).toBe(addressByte(0x7ff000000fffn));
  });
});

const HEADER = {
  bits: 64,
  machine: 0x8664,
  build: 19041,
  psLoadedModuleList: 0xfffff8041f42a2d0n,
  bugcheck: { code: 0x50, args: [1, 2, 3, 4] },
  dumpType: 4,
} as const;

describe("kernel headers", () => {
  it("have 64-bit fields where they belong and fill elsewhere", () => {
    const bytes = kernelHeader({ ...HEADER, systemTime: "2022-10-26T21:30:47Z", uptimeSeconds: 110.99 });
    expect(bytes).toHaveLength(0x2000);
    expect([text(bytes, 0, 8), text(bytes, 0x88, 0x90), text(bytes, 0x1050, 0x1054)]).toEqual([
      "PAGEDU64",
      "PAGEPAGE",
      "PAGE",
    ]);
    expect([at32(bytes, 0x38), at64(bytes, 0x58), at32(bytes, 0xf98)]).toEqual([0x50, 4n, 4]);
    expect([at64(bytes, 0xfa8), at64(bytes, 0x1030)]).toEqual([fileTime("2022-10-26T21:30:47Z"), 1_109_900_000n]);
  });

  it("have 32-bit fields where they belong", () => {
    const bytes = kernelHeader({ ...HEADER, bits: 32, machine: 0x14c, paeEnabled: true });
    expect(bytes).toHaveLength(0x1000);
    expect([text(bytes, 0, 8), at32(bytes, 0x20), at32(bytes, 0x28), at32(bytes, 0xf88)]).toEqual([
      "PAGEDUMP",
      0x14c,
      0x50,
      4,
    ]);
    expect([bytes[0x5c], text(bytes, 0x64, 0x68)]).toEqual([1, "PAGE"]);
  });
});

describe("triage dumps", () => {
  it.each([
    [64, 0x90],
    [32, 0x4c],
  ] as const)("of %i bits have driver entries of that stride, their end mark and both lists", (bits, stride) => {
    const start = bits === 64 ? 0x2000 : 0x1000;
    const names = ["ntoskrnl.exe", "odd.sys"];
    const bytes = synthTriageDump(
      { ...HEADER, bits },
      {
        drivers: names.map((name, i) => ({ name, base: 0x80400000 + i * 0x100000, size: 0x5000, timestamp: 77 + i })),
        blobs: [{ tag: new Uint8Array(16).fill(1), data: hexBytes("0102030405") }],
        slack: new TextEncoder().encode("left over"),
      },
    );
    const [sizeOfDump, valid] = [at32(bytes, start + 4), at32(bytes, start + 8)];
    expect([text(bytes, valid, valid + 4), sizeOfDump]).toEqual(["TRGD", valid + 4]);
    const [list, count, pool] = [at32(bytes, start + 0x30), at32(bytes, start + 0x34), at32(bytes, start + 0x38)];
    expect([count, pool - list]).toEqual([2, 2 * stride]);
    for (const [i, name] of names.entries()) {
      const entry = list + i * stride;
      const place = at32(bytes, entry);
      expect(at32(bytes, place)).toBe(name.length);
      expect(Buffer.from(bytes).toString("utf16le", place + 4, place + 4 + name.length * 2)).toBe(name);
      expect(at32(bytes, entry + (bits === 64 ? 0x88 : 0x48))).toBe(77 + i);
      expect(at32(bytes, entry + (bits === 64 ? 0x38 : 0x1c))).toBe(0x80400000 + i * 0x100000);
    }
    expect(text(bytes, sizeOfDump, sizeOfDump + 8)).toBe("DumpBlob");
    expect(text(bytes, bytes.length - 9, bytes.length)).toBe("left over");
  });
});

describe("dumps with pages", () => {
  const pages = new Map([3, 9].map((number) => [number, new Uint8Array(4096).fill(number)]));

  it("place a page where the runs, the bitmaps and the ranges say", () => {
    const runs = [
      { basePage: 2, pageCount: 2 },
      { basePage: 9, pageCount: 1 },
    ];
    const full = synthFullDump({ ...HEADER, dumpType: 1, runs }, pages);
    expect([full[0x2000 + 0x1000], full[0x2000 + 0x2000]]).toEqual([3, 9]);
    const wide = synthBitmapDump({ ...HEADER, dumpType: 6 }, "SDMP", pages, 16);
    const first = Number(at64(wide, 0x2020));
    expect([wide[first], wide[first + 0x1000], wide[0x2038], wide[0x2039]]).toEqual([3, 9, 8, 2]);
    const narrow = synthSummaryDump({ ...HEADER, bits: 32, dumpType: 2 }, pages, 16);
    expect([narrow[at32(narrow, 0x100c)], narrow[0x1020]]).toEqual([3, 8]);
    const ranges = synthRangeDump({ ...HEADER, dumpType: 0xa }, runs, pages);
    const data = Number(at64(ranges, 0x2018));
    expect(at64(ranges, 0x2010) - 0x20n).toBe(BigInt(data - 0x2040));
    expect([ranges[data + 0x1000], ranges[data + 0x2000]]).toEqual([3, 9]);
  });
});

describe("the Registry_File_Failure sample", () => {
  const bytes = seedSampleDump();

  it("has the facts of the printed analysis", () => {
    expect([bytes.length, text(bytes, 0, 8), at32(bytes, 0x0c)]).toEqual([0x10000, "PAGEDUMP", 2600]);
    expect([at32(bytes, 0x28), at32(bytes, 0x2c), at32(bytes, 0x18)]).toEqual([0xc0000218, 0xe144c418, 0x80543530]);
    expect(at64(bytes, 0xfb8)).toBe(241_870_000n);
    const drivers = at32(bytes, 0x1030);
    expect([at32(bytes, 0x1034), at32(bytes, drivers + 0x1c), at32(bytes, drivers + 0x48)]).toEqual([
      49, 0x804d4000, 0x3ea80977,
    ]);
  });

  it("has a stack whose EBP chain gives its frames", () => {
    const [stack, top] = [at32(bytes, 0x1028), at32(bytes, 0x1048)];
    const frames: number[][] = [];
    for (let ebp = SEED_FRAMES[0]?.[0] ?? 0; ebp !== 0; ebp = at32(bytes, stack + ebp - top)) {
      frames.push([ebp, ...[4, 8, 12, 16].map((delta) => at32(bytes, stack + ebp - top + delta))]);
    }
    expect(frames).toEqual(SEED_FRAMES);
  });
});
