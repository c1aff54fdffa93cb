import { readFileSync } from "node:fs";
import fc from "fast-check";
import { memorySource } from "../../../../shared/bytes/byte-source.ts";
import { StopcodeError } from "../../../../shared/bytes/errors.ts";
import { StepRunner } from "../../../../shared/bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../../../shared/dump/address.ts";
import { type Memory, type MemorySegment, segmentMemory } from "../../../../shared/dump/memory.ts";
import { openMinidump } from "../../../../shared/dump/minidump/minidump.ts";
import { type Note, Notes } from "../../../../shared/notes.ts";
import { corpusPath, describeCorpus } from "../../../support/corpus.ts";

/** Opens bytes; any error that is not one of ours fails the test. */
async function openAnything(bytes: Uint8Array): Promise<readonly Note[]> {
  const notes = new Notes();
  const runner = new StepRunner(memorySource(bytes), { maxRoundsPerStep: 50 });
  try {
    const dump = await openMinidump(runner, notes);
    // What the stack walk will do first.
    for (const thread of dump.threads.slice(0, 20)) {
      const context = thread.context;
      if (context) await runner.run(() => dump.memory.read(context.sp, 64));
    }
  } catch (error) {
    if (!(error instanceof StopcodeError)) throw error;
  }
  return notes.list();
}

const internal = (notes: readonly Note[]): readonly Note[] => notes.filter(({ code }) => code.startsWith("internal"));

describeCorpus("damaged minidumps", () => {
  const FILES = [
    "mdmp/google_breakpad/minidump2.dmp",
    "mdmp/getsentry_symbolic/symbolic-macos-mini.dmp",
    "linux-x64/rs_thread.dmp",
    "mdmp/llvm/fizzbuzz_no_heap.dmp",
  ];
  const originals = FILES.map((file) => Uint8Array.from(readFileSync(corpusPath(...file.split("/")))));
  const anyFile = fc.integer({ min: 0, max: FILES.length - 1 });

  it("end in a dump or a typed error wherever they are cut", async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, fc.double({ min: 0, max: 1, noNaN: true }), async (file, part) => {
        const bytes = originals[file] as Uint8Array;
        expect(internal(await openAnything(bytes.subarray(0, Math.floor(bytes.length * part))))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("end in a dump or a typed error whatever values stand in them", async () => {
    // Most damage matters in the first few KiB, where header, directory and list heads are.
    const place = fc.oneof(fc.nat(0x200), fc.nat(0x4000), fc.nat(0x40000));
    const value = fc.oneof(fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc), fc.nat(0xffffffff));
    const damage = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(anyFile, damage, async (file, edits) => {
        const bytes = Uint8Array.from(originals[file] as Uint8Array);
        const view = new DataView(bytes.buffer);
        for (const [at, word] of edits) if (at + 4 <= bytes.length) view.setUint32(at, word, true);
        expect(internal(await openAnything(bytes))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it("end in a dump or a typed error when directory entries point anywhere", async () => {
    const entry = fc.tuple(fc.nat(30), fc.nat(0xffffffff), fc.nat(0xffffffff));
    await fc.assert(
      fc.asyncProperty(anyFile, fc.array(entry, { minLength: 1, maxLength: 8 }), async (file, edits) => {
        const bytes = Uint8Array.from(originals[file] as Uint8Array);
        const view = new DataView(bytes.buffer);
        const directory = view.getUint32(12, true);
        for (const [index, size, rva] of edits) {
          const at = directory + (index % view.getUint32(8, true)) * 12;
          view.setUint32(at + 4, size % (bytes.length * 2), true);
          view.setUint32(at + 8, rva % (bytes.length * 2), true);
        }
        expect(internal(await openAnything(bytes))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

describe("segment memory", () => {
  const SIZE = 256;
  const bytes = Uint8Array.from({ length: SIZE }, (_, index) => index);
  const segment = fc.record({ address: fc.bigInt(0n, 60n), size: fc.nat(40), offset: fc.nat(SIZE + 20) });
  const segments = fc.array(segment, { maxLength: 8 });

  /** The byte at an address by the rule alone: the first segment in the list that covers it. */
  function expected(list: readonly MemorySegment[], address: bigint): number | "not-in-dump" | "truncated" {
    const owner = list.find((run) => address >= run.address && address - run.address < BigInt(run.size));
    if (!owner) return "not-in-dump";
    return bytes[owner.offset + Number(address - owner.address)] ?? "truncated";
  }

  async function withMemory<T>(list: readonly MemorySegment[], use: (memory: Memory) => T): Promise<T> {
    return new StepRunner(memorySource(bytes)).run((fetched) => use(segmentMemory(fetched, list)));
  }

  it("gives each byte of the first segment that covers it, and a hole elsewhere", async () => {
    await fc.assert(
      fc.asyncProperty(segments, async (raw) => {
        const list = raw as unknown as MemorySegment[];
        await withMemory(list, (memory) => {
          for (let address = 0n; address < 110n; address++) {
            const piece = memory.read(address as VirtualAddress, 1);
            expect(piece.hole?.hole ?? piece.bytes[0]).toBe(expected(list, address));
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it("reads n bytes as n reads of one byte", async () => {
    await fc.assert(
      fc.asyncProperty(segments, fc.bigInt(0n, 100n), fc.nat(80), async (raw, from, length) => {
        await withMemory(raw as unknown as MemorySegment[], (memory) => {
          const start = from as VirtualAddress;
          const whole = memory.read(start, length);
          const single: number[] = [];
          for (let index = 0; index < length; index++) {
            const piece = memory.read(addOffset(start, index), 1);
            if (piece.hole) {
              expect(whole.hole).toEqual(piece.hole);
              break;
            }
            single.push(piece.bytes[0] as number);
          }
          expect([...whole.bytes]).toEqual(single);
        });
      }),
      { numRuns: 300 },
    );
  });
});
