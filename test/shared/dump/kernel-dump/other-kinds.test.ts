import { DumpError } from "../../../../shared/dump/errors.ts";
import { openBytes } from "../../../support/open-kernel.ts";
import { synthContext } from "../../../support/synth/contexts.ts";
import { kernelHeader, type SynthKernelHeader } from "../../../support/synth/kernel-header.ts";
import { synthKernelWorld } from "../../../support/synth/kernel-world.ts";
import { synthBitmapDump } from "../../../support/synth/synth-kernel-memory.ts";

/** Kernel dumps of physical memory, cut behind their headers: what the headers say is read. */

const HEADER: SynthKernelHeader = {
  bits: 64,
  machine: 0x8664,
  build: 19041,
  psLoadedModuleList: 0xfffff80512c00000n,
  bugcheck: { code: 0xd1, args: [1n, 2n, 3n, 4n] },
  dumpType: 1,
  comment: "a tool wrote this",
  context: synthContext("amd64", { rip: 0xfffff80512345678n, rsp: 0xffff8a0000001000n }),
  exception: { code: 0x80000003, address: 0xfffff80512345678n },
};

const kindOf = async (dumpType: number, code = 0xd1) => {
  const header = kernelHeader({ ...HEADER, dumpType, bugcheck: { code, args: [] } });
  return (await openBytes(header)).dump.kind;
};

describe("kernel dumps of other types", () => {
  it("names the kind by the dump type", async () => {
    expect(await Promise.all([1, 2, 3, 5, 6, 7, 8, 9, 10, 0, 99].map((type) => kindOf(type)))).toEqual([
      "kernel-full",
      "kernel-summary",
      "kernel-header",
      "kernel-bitmap-full",
      "kernel-bitmap-kernel",
      "kernel-bitmap-kernel",
      "kernel-memory",
      "kernel-and-user",
      "kernel-complete",
      "kernel-unknown",
      "kernel-unknown",
    ]);
    expect(await kindOf(6, 0x161)).toBe("kernel-live");
  });

  it("reads the pages of a type that nobody knows, where a known table stands behind the header", async () => {
    const world = synthKernelWorld({ mode: "x64", base: 0xffff_f802_1e80_0000n });
    const { pages } = world.tables;
    const bytes = synthBitmapDump({ ...world.header, dumpType: 77 }, "SDMP", pages, Math.max(...pages.keys()) + 1);
    const { dump, notes } = await openBytes(bytes);
    expect(dump).toMatchObject({ kind: "kernel-unknown", dumpType: 77, kernel: { base: 0xffff_f802_1e80_0000n } });
    expect(dump.modules.map(({ base }) => base)).toEqual([0xffff_f802_1e80_0000n]);
    expect(notes.map(({ code }) => code)).toContain("kernel.unknown-type");
  });

  it("reads header, bug check, registers and exception and says what it does not read", async () => {
    const { dump, notes } = await openBytes(kernelHeader(HEADER));
    expect(dump).toMatchObject({
      bugcheck: { code: 0xd1, parameters: [1n, 2n, 3n, 4n] },
      exception: { code: 0x80000003, address: 0xfffff80512345678n },
      kernel: { comment: "a tool wrote this", loadedModuleList: 0xfffff80512c00000n },
      crashingThread: 0,
      modules: [],
      process: {},
    });
    expect(dump.threads[0]?.context?.pc).toBe(0xfffff80512345678n);
    expect(notes.map(({ code, where }) => [code, where])).toEqual([["format.bad-value", "pages"]]);
  });

  it("knows from its headers when pages are missing", async () => {
    const runs = [
      { basePage: 1, pageCount: 2 },
      { basePage: 16, pageCount: 1 },
    ];
    const whole = new Uint8Array(0x2000 + 3 * 0x1000);
    whole.set(kernelHeader({ ...HEADER, runs }));
    expect((await openBytes(whole)).dump.truncated).toBe(false);
    expect((await openBytes(whole.subarray(0, whole.length - 1))).dump.truncated).toBe(true);
  });

  it("knows it of bitmap dumps too", async () => {
    const whole = new Uint8Array(0x4000 + 2 * 0x1000);
    whole.set(kernelHeader({ ...HEADER, dumpType: 6 }));
    whole.set(new TextEncoder().encode("SDMPDUMP"), 0x2000);
    const view = new DataView(whole.buffer);
    view.setBigUint64(0x2020, 0x4000n, true);
    view.setBigUint64(0x2028, 2n, true);
    view.setBigUint64(0x2030, 0x1000n, true);
    const { dump } = await openBytes(whole);
    expect(dump.truncated).toBe(false);
    expect(dump.sections.slice(3)).toEqual([
      { name: "BITMAP_DUMP", offset: 0x2000, size: 0x2000 },
      { name: "pages", offset: 0x4000, size: 0x2000 },
    ]);
    expect((await openBytes(whole.subarray(0, 0x5000))).dump.truncated).toBe(true);
  });

  it.each([8, 9, 10])("knows it of RDMP dumps too: type %d", async (dumpType) => {
    const whole = new Uint8Array(0x3000 + 5 * 0x1000);
    whole.set(kernelHeader({ ...HEADER, dumpType }));
    whole.set(new TextEncoder().encode("RDMPDUMP"), 0x2004);
    const view = new DataView(whole.buffer);
    view.setBigUint64(0x2018, 0x3000n, true);
    if (dumpType === 10) {
      view.setUint32(0x2020, 2, true);
      view.setBigUint64(0x2028, 5n, true);
    }
    for (const [at, value] of [1n, 3n, 0x20n, 2n].entries()) view.setBigUint64(0x2030 + at * 8, value, true);
    const { dump } = await openBytes(whole);
    expect(dump.truncated).toBe(false);
    expect(dump.sections.at(-1)).toEqual({ name: "pages", offset: 0x3000, size: 0x5000 });
    expect((await openBytes(whole.subarray(0, whole.length - 1))).dump.truncated).toBe(true);
  });

  it("knows the machines of kernels", async () => {
    const cpus = [0x8664, 0xaa64, 0x200, 0x1234].map(async (machine) => {
      const { dump } = await openBytes(kernelHeader({ ...HEADER, machine }));
      return [dump.cpu, dump.threads[0]?.context === undefined];
    });
    expect(await Promise.all(cpus)).toEqual([
      ["amd64", false],
      ["arm64", true],
      ["ia64", true],
      ["unknown", true],
    ]);
  });
});

describe("headers that end the analysis", () => {
  const rejection = (bytes: Uint8Array) => openBytes(bytes).catch((error: unknown) => error);

  it("refuses an encrypted dump and says why", async () => {
    const error = await rejection(kernelHeader({ ...HEADER, attributes: 0x100 }));
    expect(error).toBeInstanceOf(DumpError);
    expect(error).toMatchObject({ code: "dump.encrypted", offset: 0x1050 });
  });

  it.each([0x200, 0x300])("reads a dump that was decrypted: attributes %d", async (attributes) => {
    const { dump } = await openBytes(kernelHeader({ ...HEADER, attributes }));
    expect(dump.kernel?.attributes).toBe(attributes);
  });

  it.each([
    [64, 0x2000],
    [32, 0x1000],
  ] as const)("refuses a cut header of %d bits", async (bits, size) => {
    const header = kernelHeader({
      ...HEADER,
      bits,
      machine: bits === 64 ? 0x8664 : 0x14c,
      psLoadedModuleList: 0x8055ab20,
    });
    const error = await rejection(header.subarray(0, size - 1));
    expect(error).toMatchObject({ code: "dump.truncated-header", expected: size, actual: size - 1 });
  });

  it("tells the stop code of a triage dump that ends behind its header", async () => {
    const { dump, notes } = await openBytes(kernelHeader({ ...HEADER, dumpType: 4 }));
    expect(dump).toMatchObject({ kind: "kernel-triage", truncated: true, bugcheck: { code: 0xd1 } });
    expect(notes).toMatchObject([{ code: "format.truncated", where: "triage" }]);
  });
});
