import { type ByteSource, memorySource } from "../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { virtualAddress } from "../../shared/dump/address.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { Notes } from "../../shared/notes.ts";
import { synthContext } from "../support/synth/contexts.ts";
import type { SynthKernelHeader } from "../support/synth/kernel-header.ts";
import { addressByte, sparseMemory64 } from "../support/synth/sparse-source.ts";
import { synthTriageDump } from "../support/synth/synth-kernel.ts";
import {
  synthBitmapDump,
  synthFullDump,
  synthHeaderDump,
  synthRangeDump,
  synthSummaryDump,
} from "../support/synth/synth-kernel-memory.ts";
import { SynthMinidump } from "../support/synth/synth-minidump.ts";

/** The builders and the readers know nothing of each other: here they meet. */

async function open(source: ByteSource): Promise<{ dump: Dump; runner: StepRunner; notes: Notes }> {
  const runner = new StepRunner(source);
  const notes = new Notes();
  await runner.prefetch();
  return { dump: await openDump(runner, notes), runner, notes };
}

describe("Memory64List beyond 4 GiB", () => {
  it("is read at the right place of a file that is larger than 32 bits can say", async () => {
    const small = new SynthMinidump()
      .system({ cpu: "amd64", os: "windows" })
      .rawStream(0, new Uint8Array(0))
      .thread({ id: 1, context: synthContext("amd64", { rip: 0x7ff000000800n, rsp: 0x20000 }) })
      .build();
    const source = sparseMemory64(small, [
      { address: 0x10000n, size: 6 * 2 ** 30 },
      { address: 0x7ff000000000n, size: 0x2000 },
    ]);
    const { dump, runner } = await open(source);
    const at = virtualAddress(0x7ff000000ffcn);
    const piece = await runner.run(() => dump.memory.read(at, 8));
    expect([...piece.bytes]).toEqual(Array.from({ length: 8 }, (_, i) => addressByte(at + BigInt(i))));
    const end = await runner.run(() => dump.memory.read(virtualAddress(0x7ff000001ffen), 4));
    expect([end.bytes.length, end.hole?.hole]).toEqual([2, "not-in-dump"]);
  });
});

const HEADER: Omit<SynthKernelHeader, "dumpType"> = {
  bits: 64,
  machine: 0x8664,
  build: 22621,
  psLoadedModuleList: 0xfffff8041f42a2d0n,
  bugcheck: { code: 0x9f, args: [3, 0xffffa40d17fb4080n, 5, 7] },
  context: synthContext("amd64", { rip: 0xfffff8041ebf8f60n, rsp: 0xfffffd827df39d88n, cs: 0x10 }),
  exception: { code: 0x80000003, address: 0xfffff8041ebf8f60n },
  runs: [{ basePage: 1, pageCount: 4 }],
  systemTime: "2024-01-01T00:00:00Z",
  uptimeSeconds: 5,
};
const PAGES = new Map([1, 2, 3, 4].map((n) => [n, new Uint8Array(4096).fill(n)]));

describe("kernel dumps that are no triage dumps", () => {
  it.each([
    ["kernel-full", synthFullDump({ ...HEADER, dumpType: 1 }, PAGES)],
    ["kernel-summary", synthSummaryDump({ ...HEADER, dumpType: 2 }, PAGES, 64)],
    ["kernel-header", synthHeaderDump({ ...HEADER, dumpType: 3 })],
    ["kernel-bitmap-full", synthBitmapDump({ ...HEADER, dumpType: 5 }, "FDMP", PAGES, 64)],
    ["kernel-bitmap-kernel", synthBitmapDump({ ...HEADER, dumpType: 6 }, "SDMP", PAGES, 64)],
    ["kernel-memory", synthRangeDump({ ...HEADER, dumpType: 8 }, [{ basePage: 1, pageCount: 4 }], PAGES)],
    ["kernel-and-user", synthRangeDump({ ...HEADER, dumpType: 9 }, [{ basePage: 1, pageCount: 4 }], PAGES)],
    ["kernel-complete", synthRangeDump({ ...HEADER, dumpType: 0xa }, [{ basePage: 1, pageCount: 4 }], PAGES)],
  ])("give kind %s, stop code and context", async (kind, bytes) => {
    const { dump } = await open(memorySource(bytes));
    expect(dump).toMatchObject({ kind, bugcheck: { code: 0x9f, parameters: [3n, 0xffffa40d17fb4080n, 5n, 7n] } });
    expect(dump.threads[dump.crashingThread ?? 0]?.context?.pc).toBe(0xfffff8041ebf8f60n);
    expect(dump.uptimeSeconds).toBe(5);
  });
});

describe("32-bit triage dumps", () => {
  it.each([12, 16] as const)("give memory from data blocks of %i bytes", async (dataBlockStride) => {
    const block = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    const bytes = synthTriageDump(
      {
        ...HEADER,
        bits: 32,
        machine: 0x14c,
        build: 2600,
        psLoadedModuleList: 0x80543530,
        context: synthContext("x86", { eip: 0x804f4103, esp: 0xf96f0858 }),
        exception: { code: 0x80000003, address: 0x804f4103 },
        dumpType: 4,
        miniDumpFields: 0xcff,
      },
      {
        drivers: [{ name: "ntoskrnl.exe", base: 0x804d4000, size: 0x214000, timestamp: 0x3ea80977 }],
        stack: { address: 0xf96f0858, bytes: new Uint8Array(64).fill(9) },
        dataBlocks: [
          { address: 0x80a00000, bytes: block },
          { address: 0xe1000010, bytes: block.slice(0, 4) },
        ],
        dataBlockStride,
      },
    );
    const { dump, runner } = await open(memorySource(bytes));
    const read = (address: bigint, length: number) =>
      runner.run(() => [...dump.memory.read(virtualAddress(address), length).bytes]);
    expect(await read(0x80a00002n, 8)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(await read(0xe1000010n, 4)).toEqual([1, 2, 3, 4]);
    expect(await read(0xf96f0858n, 2)).toEqual([9, 9]);
    expect(dump.modules.map(({ base, timestamp }) => [base, timestamp])).toEqual([[0x804d4000n, 0x3ea80977]]);
  });
});
