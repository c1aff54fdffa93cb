import { MissingRanges } from "../../../../shared/bytes/block-cache.ts";
import type { Memory } from "../../../../shared/dump/memory.ts";
import { Notes } from "../../../../shared/notes.ts";
import { decodeStop } from "../../../../shared/triage/stop-codes/decode-stop.ts";
import { decodedStopCodes } from "../../../../shared/triage/stop-codes/registry.ts";
import { ALL_WORDS, loadWords, Words } from "../../../../shared/triage/words/words.ts";
import { DRIVER, decode, FakeMemory, fakeDump, POOL, STACK, stoppedAt } from "./fake-dump.ts";

describe("the table of decoders", () => {
  it("has at least forty stop codes, each once, all of them known", async () => {
    const words = await loadWords(ALL_WORDS);
    const codes = decodedStopCodes();
    expect(codes.length).toBeGreaterThanOrEqual(40);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.filter((code) => !words.bugcheck(code) && !words.ntstatus(code))).toEqual([]);
  });
});

describe("a stop code without a decoder", () => {
  it("follows the hints of its row", async () => {
    // 0x1000000F does not exist: the default has nothing to follow and says nothing.
    const facts = await decode(0x1000000f, [1, 2, 3, 4]);
    expect(facts).toMatchObject({ blame: [], analysis: {}, bucketParts: {}, notes: [] });
  });

  it("has nothing to say without a bug check", async () => {
    const { bugcheck: _, ...dump } = fakeDump(0xd1, []);
    expect(decodeStop({ dump, words: new Words({}), notes: new Notes() })).toEqual({
      ...{ blame: [], analysis: {}, bucketParts: {} },
    });
  });
});

describe("hostile arguments", () => {
  const values = [0n, 1n, 3n, 0xffffffffffffffffn, POOL, STACK, 0x7fff00000000n, 0x8000000000000000n, DRIVER];

  it("end in facts, whatever every decoder finds", async () => {
    const words = await loadWords(ALL_WORDS);
    const memories = [new FakeMemory(), filled(0xff), filled(0x03), filled(0x06), filled(0x10)];
    for (const code of decodedStopCodes())
      for (const cpu of ["amd64", "x86", "arm64", "unknown"] as const)
        for (const [index, memory] of memories.entries()) {
          const args = [0, 1, 2, 3].map((at) => values[(code + at * 2 + index) % values.length] as bigint);
          const notes = new Notes();
          decodeStop({ dump: fakeDump(code, args, { memory, cpu, context: stoppedAt(STACK) }), words, notes });
          expect(notes.list().filter((note) => note.code.startsWith("internal."))).toEqual([]);
        }
  });

  it("let missing bytes through to the step runner", async () => {
    const words = await loadWords(ALL_WORDS);
    const memory: Memory = {
      plan: () => {
        throw new MissingRanges([{ start: 0, end: 1 }]);
      },
      read: () => ({ bytes: new Uint8Array(0) }),
    };
    const dump = { ...fakeDump(0x7e, [0, 0, POOL, POOL]), memory };
    expect(() => decodeStop({ dump, words, notes: new Notes() })).toThrow(MissingRanges);
  });

  it("asks for everything that the arguments name in one round", async () => {
    const memory = new FakeMemory();
    await decode(0x7e, [0, DRIVER, POOL, STACK], { memory, context: stoppedAt(STACK) });
    expect(memory.planned.map(({ address }) => address)).toEqual([POOL, STACK, STACK]);
  });
});

/** A page of one byte at every address that the arguments may name. */
function filled(byte: number): FakeMemory {
  const memory = new FakeMemory();
  for (const base of [POOL, STACK, DRIVER]) memory.write(base - 0x200n, new Uint8Array(0x1200).fill(byte));
  return memory;
}
