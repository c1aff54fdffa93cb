import { readFileSync } from "node:fs";
import { DumpError } from "../../../../shared/dump/errors.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { mutate } from "../../../support/mutate.ts";
import { type Opened, openBytes } from "../../../support/open-kernel.ts";
import { synthContext } from "../../../support/synth/contexts.ts";
import { synthTriageDump } from "../../../support/synth/synth-kernel.ts";

/** Damaged dumps end in a dump or in a DumpError, with at most two requests, and note no bug of ours. */
async function survives(bytes: Uint8Array, made: string): Promise<Opened | undefined> {
  const result = await openBytes(bytes).catch((error: unknown) => error);
  if (result instanceof DumpError) return undefined;
  if (result instanceof Error) throw new Error(`${made}: ${result.message}`, { cause: result });
  const opened = result as Opened;
  expect(opened.notes.filter(({ code }) => code.startsWith("internal."))).toEqual([]);
  expect(opened.counts.requests).toBeLessThanOrEqual(2);
  const { dump } = opened;
  for (const module of dump.modules) dump.memory.read(module.base, 64);
  const stack = dump.threads[0]?.stack;
  if (stack) dump.memory.read(stack.start, Math.min(stack.size, 0x10000));
  return opened;
}

const SMALL = synthTriageDump(
  {
    bits: 32,
    machine: 0x14c,
    build: 7601,
    psLoadedModuleList: 0x8055ab20,
    bugcheck: { code: 0x8e, args: [0xc0000005, 0xf7a01234, 0xb2f0ab10, 0] },
    dumpType: 4,
    context: synthContext("x86", { eip: 0x80537832, esp: 0xb2f0aa00 }),
  },
  {
    drivers: [
      { base: 0x804d7000, size: 0x1f8580, name: "ntoskrnl.exe", timestamp: 0x3ea80977 },
      { base: 0xf7a00000, size: 0x8000, name: "some.sys", timestamp: 0x41107b0f },
    ],
    unloaded: [{ name: "imapi.sys", start: 0xf7c00000, end: 0xf7c0b000 }],
    stack: { address: 0xb2f0aa00, bytes: new Uint8Array(0x100) },
    process: new Uint8Array(0x2c0),
    thread: new Uint8Array(0x2b8),
    dataBlocks: [{ address: 0x80550000, bytes: new Uint8Array(64) }],
    dataBlockStride: 12,
  },
);

describe("a small triage dump", () => {
  it("survives every truncation", async () => {
    for (let size = 0; size < SMALL.length; size += size < 0x1000 ? 61 : 7) {
      await survives(SMALL.subarray(0, size), `cut at ${size}`);
    }
  });

  it("survives every count and offset being a lie", async () => {
    const lies = [1, 7, 0xfff, 0x1001, SMALL.length - 1, SMALL.length, 0x7fffffff, 0xfffffffc, 0xffffffff];
    for (let field = 0x1000; field < 0x1068; field += 4) {
      for (const lie of lies) {
        const bytes = SMALL.slice();
        new DataView(bytes.buffer).setUint32(field, lie, true);
        await survives(bytes, `0x${field.toString(16)} = ${lie}`);
      }
    }
  });
});

describeCorpus("real triage dumps, damaged", () => {
  const RUNS = 150;

  it.each(corpusFiles("kernel", ".dmp"))("%s", async (file) => {
    const original = new Uint8Array(readFileSync(corpusPath(file)));
    for (let seed = 0; seed < RUNS; seed++) {
      const { bytes, made } = mutate(original, seed);
      await survives(bytes, `seed ${seed}: ${made}`);
    }
    for (const part of [0.01, 0.05, 0.1, 0.2, 0.5, 0.9, 0.999]) {
      const opened = await survives(original.subarray(0, Math.floor(original.length * part)), `cut to ${part}`);
      if (opened && part < 0.9) expect(opened.dump.truncated).toBe(true);
    }
  });

  it.each(corpusFiles("hostile", ".dmp"))("%s", async (file) => {
    await survives(new Uint8Array(readFileSync(corpusPath(file))), file);
  });
});
