import { KUSER_SHARED_DATA, readSharedData } from "../../../../../shared/dump/kernel-dump/live/shared-data.ts";
import { openBytes } from "../../../../support/open-kernel.ts";
import { fileTime, type SynthKernelHeader } from "../../../../support/synth/kernel-header.ts";
import { synthKernelWorld } from "../../../../support/synth/kernel-world.ts";
import { synthBitmapDump } from "../../../../support/synth/synth-kernel-memory.ts";

const BASE = 0xffff_f802_1e80_0000n;
const SHARED_DATA = 0xffff_f780_0000_0000n;

const TIME = fileTime("2022-10-26T21:30:47Z");

interface Fields {
  readonly build?: number;
  readonly major?: number;
  readonly product?: number;
  readonly processors?: number;
  readonly time?: bigint;
  readonly debuggerEnabled?: number;
  readonly safeBoot?: number;
}

/** The page by hand-written places. */
function page(fields: Fields = {}): Uint8Array {
  const bytes = new Uint8Array(KUSER_SHARED_DATA.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0x08, 72_000_000_000n, true);
  view.setBigUint64(0x14, fields.time ?? TIME, true);
  for (const [index, letter] of [..."C:\\Windows"].entries())
    view.setUint16(0x30 + index * 2, letter.charCodeAt(0), true);
  view.setUint32(0x260, 0xf000_0000 + (fields.build ?? 19041), true);
  view.setUint32(0x264, fields.product ?? 1, true);
  view.setUint32(0x26c, fields.major ?? 10, true);
  view.setUint32(0x2c4, 43, true);
  view.setUint32(0x2d0, 0x110, true);
  view.setUint8(0x2d4, fields.debuggerEnabled ?? 0);
  view.setUint32(0x2e8, 0x400_000, true);
  view.setUint8(0x2ec, fields.safeBoot ?? 0);
  view.setUint32(0x3c0, fields.processors ?? 8, true);
  return bytes;
}

describe("KUSER_SHARED_DATA", () => {
  it("tells version, clock, memory, boot and state", () => {
    expect(readSharedData(page({ debuggerEnabled: 3, safeBoot: 1 }), 19041)).toEqual({
      majorVersion: 10,
      minorVersion: 0,
      buildNumber: 19041,
      productType: 1,
      suiteMask: 0x110,
      systemTime: Date.UTC(2022, 9, 26, 21, 30, 47),
      uptimeSeconds: 7200,
      physicalPages: 0x400_000,
      activeProcessors: 8,
      bootId: 43,
      debuggerEnabled: true,
      safeBoot: true,
      systemRoot: "C:\\Windows",
    });
  });

  it("has fewer fields in older systems", () => {
    const old = readSharedData(page({ major: 6 }), 6002);
    expect(old).toMatchObject({ majorVersion: 6, physicalPages: 0x400_000 });
    for (const field of ["buildNumber", "bootId", "activeProcessors"]) expect(old).not.toHaveProperty(field);
  });

  it("is absent where no version of Windows stands in it, and leaves out what is not plausible", () => {
    expect(readSharedData(new Uint8Array(KUSER_SHARED_DATA.size), 19041)).toBeUndefined();
    expect(readSharedData(new Uint8Array(KUSER_SHARED_DATA.size).fill(0xff), 19041)).toBeUndefined();
    const odd = readSharedData(page({ product: 7, processors: 100_000, time: 1n }), 19041);
    for (const field of ["productType", "activeProcessors", "systemTime"]) expect(odd).not.toHaveProperty(field);
  });
});

describe("a dump with the page", () => {
  const open = (fields: Fields | undefined, header: Partial<SynthKernelHeader> = {}): ReturnType<typeof openBytes> => {
    const world = synthKernelWorld({ mode: "x64", base: BASE });
    if (fields) {
      world.tables.map(SHARED_DATA, world.tables.addPage());
      world.tables.write(SHARED_DATA, page(fields));
    }
    const { pages } = world.tables;
    return openBytes(synthBitmapDump({ ...world.header, ...header }, "SDMP", pages, Math.max(...pages.keys()) + 1));
  };

  it("has its facts, in the rounds of the rest", async () => {
    const { dump, counts } = await open({}, { build: 19041 });
    expect(dump.sharedData).toMatchObject({ buildNumber: 19041, physicalPages: 0x400_000, systemRoot: "C:\\Windows" });
    expect(counts.rounds).toBe((await open(undefined, { build: 19041 })).counts.rounds);
  });

  it("has a note where header and page differ, and none where the page is missing", async () => {
    const header = { build: 19041, productType: 3, processors: 4 };
    const time = fileTime("2022-10-27T21:30:47Z");
    const fields = { build: 22000, processors: 16, time };
    const { notes } = await open(fields, { ...header, systemTime: "2022-10-26T21:30:47Z" });
    const found = notes.filter(({ code }) => code === "kernel.contradiction");
    expect(found).toEqual([
      {
        code: "kernel.contradiction",
        where: "kernel/shared-data",
        detail: "header and shared data differ: build number, product type, number of processors, time",
      },
    ]);
    const without = await open(undefined, header);
    expect(without.dump).not.toHaveProperty("sharedData");
    expect(without.notes.filter(({ where }) => where === "kernel/shared-data")).toEqual([]);
  });
});
