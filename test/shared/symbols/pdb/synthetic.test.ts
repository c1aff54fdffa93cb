import { MissingRanges } from "../../../../shared/bytes/block-cache.ts";
import { countingSource, memorySource } from "../../../../shared/bytes/byte-source.ts";
import { FormatError } from "../../../../shared/bytes/errors.ts";
import { StepRunner } from "../../../../shared/bytes/step-runner.ts";
import { openPdb } from "../../../../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../../../../shared/symbols/pdb/pdb-symbols.ts";
import { PdbTypes } from "../../../../shared/symbols/pdb/pdb-types.ts";
import { KEEP_NAMES } from "../../../../shared/symbols/symbol-file.ts";
import { fetched, openPdbSymbols } from "../../../support/symbol-files.ts";
import { ByteWriter, buildMsf, buildPdb, record, type SynthPdb } from "../../../support/synth/synth-pdb.ts";

const GUID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const PLAIN: SynthPdb = {
  guid: GUID,
  age: 10,
  machine: 0x14c,
  sections: [
    [0x1000, 0x2000],
    [0x4000, 0x1000],
  ],
  publics: [
    ["_second@8", 1, 0x100],
    ["_first", 1, 0x10],
    ["@fast@12", 2, 0],
  ],
  names: ["$T0 $ebp = $eip $T0 4 + ^ ="],
  fpo: new ByteWriter().u32(0x1100, 0x20, 3).u16(2, 0x1305).done(),
  frameData: new ByteWriter().u32(0x1010, 0x40, 8, 4, 2, 1).u16(3, 12).u32(4).done(),
};

describe("a PDB of public symbols", () => {
  const symbols = openPdbSymbols(buildPdb(PLAIN));

  it("is named by its GUID and the age of stream 3, not by that of the head", () => {
    expect(symbols.debugId).toBe("0403020106050807090A0B0C0D0E0F10A");
  });

  it("names addresses of its sections without C decoration", () => {
    expect(symbols.lookup(0x1020)).toEqual({
      name: "first",
      rawName: "_first",
      rva: 0x1010,
      parameterSize: 4,
      inlines: [],
    });
    expect(symbols.lookup(0x1fff)).toMatchObject({ name: "second", rva: 0x1100, parameterSize: 8 });
    expect(symbols.lookup(0x4001)).toMatchObject({ name: "fast", parameterSize: 4 });
    expect([0x100f, 0x3800, 0x9000].map((rva) => symbols.lookup(rva))).toEqual([undefined, undefined, undefined]);
    expect([0x1020, 0x3800].map((rva) => symbols.covers(rva))).toEqual([undefined, false]);
  });

  it("gives frame data and FPO", () => {
    expect(symbols.frameData(0x104f)).toEqual({
      type: "frame-data",
      rva: 0x1010,
      codeSize: 0x40,
      prologSize: 3,
      paramSize: 4,
      savedRegSize: 12,
      localSize: 8,
      maxStack: 2,
      program: "$T0 $ebp = $eip $T0 4 + ^ =",
      usesBp: false,
    });
    expect(symbols.frameData(0x1100)).toEqual({
      type: "fpo",
      rva: 0x1100,
      codeSize: 0x20,
      prologSize: 5,
      paramSize: 8,
      savedRegSize: 12,
      localSize: 12,
      maxStack: 0,
      usesBp: true,
    });
    expect(symbols.frameData(0x1050)).toBeUndefined();
  });

  it("asks for nothing but what it needs of a large file", async () => {
    const bytes = buildPdb(PLAIN);
    const large = new Uint8Array(64 * 1024 * 1024);
    large.set(bytes);
    const runner = new StepRunner(memorySource(new Uint8Array(1)));
    const file = runner.attach(memorySource(large));
    expect(() => openPdb(file)).toThrow(MissingRanges);
    const name = await runner.run(() => new PdbSymbols(openPdb(file), KEEP_NAMES).lookup(0x1020)?.name);
    expect(name).toBe("first");
  });
});

describe("a large PDB", () => {
  it("names an address within the budget: 10 rounds, 4 MiB", async () => {
    // 40,000 names in no order of their addresses: 2.9 MiB of records, scattered over blocks of 512 bytes.
    const count = 40_000;
    const bytes = buildPdb({
      ...PLAIN,
      sections: [[0x1000, count * 16]],
      publics: Array.from({ length: count }, (_, index) => {
        const slot = (index * 7919) % count;
        return [`_a_function_with_quite_a_long_name_number_${slot}`, 1, slot * 16] as const;
      }),
      addressMap: true,
    });
    const io = { bytes: 0, requests: 0, rounds: 0 };
    for (const slot of [0, 1, 12_345, count - 1]) {
      const runner = new StepRunner(memorySource(new Uint8Array(1)));
      Object.assign(io, { bytes: 0, requests: 0, rounds: 0 });
      const file = runner.attach(countingSource(memorySource(bytes), io));
      const name = await runner.run(
        () => new PdbSymbols(openPdb(file), KEEP_NAMES).lookup(0x1000 + slot * 16 + 5)?.name,
      );
      expect(name).toBe(`a_function_with_quite_a_long_name_number_${slot}`);
      expect(io.rounds).toBeLessThanOrEqual(10);
      expect(io.bytes).toBeLessThan(4 * 1024 * 1024);
    }
    expect(bytes.length).toBeGreaterThan(2 * 1024 * 1024);
  });
});

describe("a PDB of an image that was reordered after linking", () => {
  // As linked: first at 1010, second at 1100. In the image: second's code at 2000, first's at 3000, and 2500 new.
  const symbols = openPdbSymbols(
    buildPdb({
      ...PLAIN,
      omap: {
        toSource: [0x1000, 0, 0x2000, 0x1100, 0x2500, 0, 0x3000, 0x1010, 0x30f0, 0],
        fromSource: [0x1000, 0, 0x1010, 0x3000, 0x1100, 0x2000, 0x1600, 0],
      },
    }),
  );

  it("names addresses by where they were linked, and starts by where they are", () => {
    expect(symbols.lookup(0x2010)).toMatchObject({ rawName: "_second@8", rva: 0x2000 });
    expect(symbols.lookup(0x3004)).toMatchObject({ rawName: "_first", rva: 0x3000 });
  });

  it("knows nothing of code that was made afterwards", () => {
    expect([0x500, 0x1010, 0x2501, 0x3100].map((rva) => symbols.lookup(rva))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("moves frame data too", () => {
    expect(symbols.frameData(0x3004)).toMatchObject({ type: "frame-data", rva: 0x3000 });
    expect(symbols.frameData(0x2004)).toMatchObject({ type: "fpo", rva: 0x2000 });
  });
});

describe("type records", () => {
  const member = (writer: ByteWriter, offset: number, name: string): void => {
    writer.u16(0x150d, 3).u32(0x75).u16(offset).text(name);
  };
  const types = [
    record(0x1505, (w) => w.u16(0, 0x80).u32(0, 0, 0).u16(0).text("_EPROCESS")),
    record(0x1203, (w) => member(w, 0x440, "UniqueProcessId")),
    record(0x1203, (w) => {
      w.u16(0x1400, 3).u32(0x1000).u16(0);
      member(w, 0x10, "Pcb");
      w.u8(0xf2, 0xf1);
      w.u16(0x1511, 0x10).u32(0x1000, 8).text("method");
      w.u16(0x150d, 3).u32(0x75).u16(0x8004).u32(0x12_3456).text("Far");
      for (let left = (4 - (w.length % 4)) % 4; left > 0; left--) w.u8(0xf0 + left);
      w.u16(0x1404, 0).u32(0x1001);
    }),
    record(0x1505, (w) => w.u16(3, 0x200).u32(0x1002, 0, 0).u16(0x8002, 0x9c0).text("_EPROCESS").text("unique")),
    record(0x1506, (w) => w.u16(1, 0).u32(0x1001).u16(8).text("_UNION")),
  ];
  const layout = new PdbTypes(openPdb(fetched(buildPdb({ ...PLAIN, types }))));

  it("tell sizes and offsets, through continued lists and past declarations", () => {
    expect(layout.sizeOf("_EPROCESS")).toBe(0x9c0);
    expect(["Pcb", "Far", "UniqueProcessId", "none"].map((field) => layout.offsetOf("_EPROCESS", field))).toEqual([
      0x10,
      0x12_3456,
      0x440,
      undefined,
    ]);
    expect([layout.sizeOf("_UNION"), layout.offsetOf("_UNION", "UniqueProcessId"), layout.sizeOf("_NONE")]).toEqual([
      8,
      0x440,
      undefined,
    ]);
  });
});

describe("what is no PDB 7.0", () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value.padEnd(100, "\0"));

  it.each([
    ["format.bad-signature", new Uint8Array(0)],
    ["format.bad-signature", text("MZ")],
    ["format.unsupported", text("Microsoft C/C++ program database 2.00\r\n\x1aJG")],
    ["format.unsupported", text("BSJB")],
    ["format.bad-value", buildMsf([new Uint8Array(0)])],
  ])("is refused as %s", (code, bytes) => {
    expect(() => openPdb(fetched(bytes))).toThrow(expect.objectContaining({ code }) as FormatError);
  });

  it("is refused when its streams claim more blocks than the file has", () => {
    const bytes = buildPdb(PLAIN);
    // Half of the directory's sizes become huge; every block is listed once at most.
    const broken = bytes.slice();
    const view = new DataView(broken.buffer);
    const directory = view.getUint32(3 * 512, true) * 512;
    for (let index = 1; index < 8; index++) view.setUint32(directory + 4 + index * 4, 0x7fff_ffff, true);
    expect(() => openPdb(fetched(broken))).toThrow(FormatError);
  });
});
