import { BlockCache, type FetchedBytes } from "../../../../shared/bytes/block-cache.ts";
import { readMemoryRegions, regionAt } from "../../../../shared/dump/minidump/memory-regions.ts";
import { Notes } from "../../../../shared/notes.ts";

function fetched(bytes: Uint8Array): FetchedBytes {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

function read(name: string, body: Uint8Array, size = body.length) {
  const notes = new Notes();
  const regions = readMemoryRegions(fetched(body), [{ name, offset: 0, size }], notes);
  return { regions, notes: notes.list().map(({ code }) => code) };
}

const info = (body: Uint8Array, size?: number) => read("MemoryInfoListStream", body, size);
const maps = (text: string) => read("LinuxMaps", new TextEncoder().encode(text));

/** Head and entries of MemoryInfoListStream: base, size, state, protection. */
function list(
  entries: ReadonlyArray<readonly [base: bigint, size: bigint, state: number, protect: number]>,
  head: { readonly header?: number; readonly entry?: number; readonly count?: bigint } = {},
): Uint8Array {
  const bytes = new Uint8Array(0x10 + entries.length * 0x30);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.header ?? 0x10, true);
  view.setUint32(4, head.entry ?? 0x30, true);
  view.setBigUint64(8, head.count ?? BigInt(entries.length), true);
  for (const [index, [base, size, state, protect]] of entries.entries()) {
    const at = 0x10 + index * 0x30;
    view.setBigUint64(at, base, true);
    view.setBigUint64(at + 0x18, size, true);
    view.setUint32(at + 0x20, state, true);
    view.setUint32(at + 0x24, protect, true);
  }
  return bytes;
}

const COMMIT = 0x1000;
const ENTRY = [0x1000n, 0x1000n, COMMIT, 4] as const;

describe("regions of Windows", () => {
  it("are those that are committed, in order, with what may be done there", () => {
    const { regions } = info(
      list([
        [0x5000n, 0x1000n, COMMIT, 0x20],
        [0x1000n, 0x2000n, COMMIT, 0x04],
        [0x3000n, 0x1000n, COMMIT, 0x104],
        [0x4000n, 0x1000n, COMMIT, 0x01],
        [0x9000n, 0x1000n, 0x2000, 0],
        [0xa000n, 0x1000n, 0x10000, 0],
      ]),
    );
    const letters = regions.map(({ start, readable, writable, executable, guard }) =>
      [start.toString(16), readable && "r", writable && "w", executable && "x", guard && "g"].filter(Boolean).join(""),
    );
    expect(letters).toEqual(["1000rw", "3000g", "4000", "5000rx"]);
    expect(regionAt(regions, 0x2fffn)?.start).toBe(0x1000n);
    expect(regionAt(regions, 0x3000n)?.start).toBe(0x3000n);
    expect(regionAt(regions, 0x6000n)).toBeUndefined();
    expect(regionAt([], 0n)).toBeUndefined();
  });

  it.each([
    ["a count that does not fit", list([ENTRY], { count: 0xffff_ffff_ffff_ffffn }), 1],
    ["a head of no size", list([ENTRY], { header: 0 }), 0],
    ["a head beyond the stream", list([ENTRY], { header: 0xffff_ffff }), 0],
    ["entries smaller than theirs", list([ENTRY], { entry: 8 }), 0],
    ["entries larger than the stream", list([ENTRY], { entry: 0xffff_ffff }), 0],
    ["a region of no size", list([[0x1000n, 0n, COMMIT, 4]]), 0],
    ["a region around the end of addresses", list([[0xffff_ffff_ffff_f000n, 0xffff_ffff_ffff_ffffn, COMMIT, 4]]), 1],
    ["a stream that is cut", list([ENTRY, ENTRY]).subarray(0, 0x50), 1],
    ["a stream without a head", new Uint8Array(4), 0],
    ["an empty stream", new Uint8Array(0), 0],
  ])("come out of %s", (_, body, count) => {
    expect(info(body).regions).toHaveLength(count);
  });

  it("may lie behind the end of the file", () => {
    expect(info(list([ENTRY]), 0x1_0000_0000).regions).toHaveLength(1);
  });
});

describe("regions of Linux", () => {
  it("are the lines of /proc/self/maps", () => {
    const { regions } = maps(
      "7ffc0000-7ffd0000 rw-p 00000000 00:00 0 [stack]\n00400000-00401000 r-xp 00000000 08:01 12 /bin/a\n00401000-00402000 ---p 0 0 0\n",
    );
    expect(regions.map(({ start, end, executable, readable }) => [start, end, executable, readable])).toEqual([
      [0x400000n, 0x401000n, true, true],
      [0x401000n, 0x402000n, false, false],
      [0x7ffc0000n, 0x7ffd0000n, false, true],
    ]);
  });

  it("come out of garbage", () => {
    expect(maps("no line\n-\n2000-1000 rwxp\nfffffffffffffffff-0 rwxp\n\u0000\n").regions).toEqual([]);
  });
});

it("has none without either stream", () => {
  expect(read("SystemInfoStream", new Uint8Array(64)).regions).toEqual([]);
});
