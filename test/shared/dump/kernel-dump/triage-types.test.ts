import { memorySource } from "../../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../../shared/bytes/step-runner.ts";
import type { Dump, DumpModule } from "../../../../shared/dump/dump.ts";
import { beginDump } from "../../../../shared/dump/open-dump.ts";
import type { TypeLayout } from "../../../../shared/dump/type-layout.ts";
import { type Note, Notes } from "../../../../shared/notes.ts";
import { synthContext } from "../../../support/synth/contexts.ts";
import { synthDebuggerData, synthStruct, synthTriageDump } from "../../../support/synth/synth-kernel.ts";

/** A triage dump of a build that no table knows, with its fields at places of our own. */

const KERNEL = 0xfffff805_1e800000n;
const OFFSETS: Readonly<Record<string, number>> = {
  "_EPROCESS.ActiveProcessLinks": 0x1d8,
  "_EPROCESS.ImageFileName": 0x338,
  "_EPROCESS.CreateTime": 0x1f0,
  "_ETHREAD.Cid": 0x508,
};
const SIZES: Readonly<Record<string, number>> = { _EPROCESS: 0xb00, _ETHREAD: 0x900 };
const LAYOUT: TypeLayout = { offsetOf: (type, field) => OFFSETS[`${type}.${field}`], sizeOf: (type) => SIZES[type] };

const DUMP = synthTriageDump(
  {
    bits: 64,
    machine: 0x8664,
    build: 60000,
    psLoadedModuleList: KERNEL + 0x1000n,
    kdDebuggerDataBlock: KERNEL + 0x2000n,
    bugcheck: { code: 0x50, args: [] },
    dumpType: 4,
    context: synthContext("amd64", { rip: KERNEL + 0x3000n, rsp: 0xffffa000_00001000n }),
  },
  {
    style: "kernel",
    drivers: [{ base: KERNEL, size: 0x1000000, name: "ntoskrnl.exe", timestamp: 0x12345678 }],
    unloaded: [],
    stack: { address: 0xffffa000_00001000n, bytes: new Uint8Array(0x100) },
    process: synthStruct(0xb00, [
      [0x1d0, 1236n, 8],
      [0x1d8, 0xffffa000_00500000n, 8],
      [0x1e0, 0xffffa000_00500000n, 8],
      [0x338, "own.exe\0"],
    ]),
    thread: synthStruct(0x900, [
      [0x508, 1236n, 8],
      [0x510, 5680n, 8],
    ]),
    debuggerData: synthDebuggerData(0x380, [[0x18, KERNEL, 8]]),
  },
);

async function open(
  types: TypeLayout | undefined,
): Promise<{ dump: Dump; notes: readonly Note[]; asked: DumpModule[] }> {
  const notes = new Notes();
  const asked: DumpModule[] = [];
  const opened = await beginDump(new StepRunner(memorySource(DUMP)), notes, (kernel) => {
    asked.push(kernel);
    return types;
  });
  return { dump: opened.dump, notes: notes.list(), asked };
}

describe("a triage dump whose kernel has symbols", () => {
  it("is read by their types, asked for by the kernel's own identity", async () => {
    const { dump, notes, asked } = await open(LAYOUT);
    expect(dump.process).toMatchObject({ pid: 1236, name: "own.exe" });
    expect(dump.threads[0]?.id).toBe(5680);
    expect(dump.kernel?.offsetsFrom).toMatchObject({ process: "symbols", thread: "symbols" });
    expect(asked).toMatchObject([{ base: KERNEL, codeId: "123456781000000" }]);
    expect(notes.filter(({ code }) => code === "kernel.offsets")).toEqual([]);
  });

  it("is read as without them where the symbols know nothing of use", async () => {
    for (const types of [undefined, { offsetOf: () => undefined, sizeOf: () => undefined }]) {
      const { dump, notes } = await open(types);
      expect(dump.kernel?.offsetsFrom?.process).not.toBe("symbols");
      expect(new Set(notes.map((note) => JSON.stringify(note))).size).toBe(notes.length);
    }
  });
});
