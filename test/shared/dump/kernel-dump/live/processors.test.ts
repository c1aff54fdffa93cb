import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import type { DebuggerData } from "../../../../../shared/dump/kernel-dump/debugger-data.ts";
import { CrashedThread } from "../../../../../shared/dump/kernel-dump/live/crashed-thread.ts";
import { ProcessorList } from "../../../../../shared/dump/kernel-dump/live/processor-list.ts";
import { UnloadedList } from "../../../../../shared/dump/kernel-dump/live/unloaded-list.ts";
import { debuggerData, LiveWorld } from "./live-world.ts";

const BLOCK = 0xfffff800_00401000n;
const prcb = (index: number): bigint => 0xffffe3a0_00000180n + BigInt(index) * 0x40000n;
const thread = (index: number): bigint => 0xffffa000_00010080n + BigInt(index) * 0x10000n;
const idle = (index: number): bigint => 0xffffa000_00110080n + BigInt(index) * 0x10000n;
const process = 0xffffa000_00810080n;
const context = (index: number): bigint => 0xffffe3a0_01000000n + BigInt(index) * 0x10000n;
const stack = (index: number): bigint => 0xffffc000_00000000n + BigInt(index) * 0x10000n;

const KDBG: DebuggerData = debuggerData([
  [0x218, BLOCK, 8],
  [0x2a0, 0xb8, 2],
  [0x2b4, 8, 2],
  [0x2b6, 0x44, 2],
  [0x2ba, 0x8590, 2],
  [0x2be, 0x24, 2],
  [0x2c0, 0x898, 2],
  [0x2a8, 0xa40, 2],
  [0x338, 0x85c0, 2],
  [0x2f2, 0x100, 2],
  [0x340, 0x30, 4],
  [0x344, 0x38, 4],
]);

/** Three processors: the second idles, the others run a thread each of one process. */
function world(): LiveWorld {
  const made = new LiveWorld();
  for (const index of [0, 1, 2]) {
    const running = index === 1 ? idle(index) : thread(index);
    made.put(BLOCK + BigInt(index) * 8n, prcb(index));
    made.put(prcb(index) + 8n, running).put(prcb(index) + 0x18n, idle(index));
    made.put(prcb(index) + 0x24n, index, 4).put(prcb(index) + 0x44n, 2900, 4);
    made.put(prcb(index) + 0x8590n, "GenuineIntel\0").put(prcb(index) + 0x85c0n, context(index));
    // Cr0 and Cr8 of the special registers; the last processor's were never saved.
    made.put(prcb(index) + 0x100n, index === 2 ? 0 : 0x8005_0031).put(prcb(index) + 0x1a0n, 2 * index);
    made.put(context(index) + 0x30n, 0x10000f, 4).put(context(index) + 0x98n, stack(index) + 0x5000n);
    made.put(context(index) + 0x4c8n, 0);
    made
      .put(running + 0x30n, stack(index))
      .put(running + 0x38n, stack(index) + 0x6000n)
      .put(running + 0xb8n, process);
    made.put(running + 0x890n, 0);
  }
  // KPROCESS.ThreadListHead, KTHREAD.ThreadListEntry, CLIENT_ID.
  const [first, second] = [thread(0) + 0x2f8n, thread(2) + 0x2f8n];
  made.put(process + 0x30n, first).put(process + 0x38n, second);
  made.put(first, second).put(first + 8n, process + 0x30n);
  made.put(second, process + 0x30n).put(second + 8n, first);
  made.put(thread(0) + 0x478n, 8).put(thread(0) + 0x480n, 100);
  made.put(thread(2) + 0x478n, 8).put(thread(2) + 0x480n, 104);
  return made.put(process + 0xa38n, 0);
}

async function read(made: LiveWorld, sp: bigint, count = 3): Promise<{ list: ProcessorList; crashed: CrashedThread }> {
  const opened = made.open({ kdbg: KDBG });
  const crashed = new CrashedThread(opened.context, sp as VirtualAddress);
  const list: ProcessorList = new ProcessorList(opened.context, count, (processor) =>
    crashed.running(processor, () => list.whenThreadsAreKnown()),
  );
  await opened.run(list.start());
  await opened.run(crashed.rest(crashed.crashedIndex(list.processors())));
  expect(opened.notes.list().filter(({ code }) => code.startsWith("internal"))).toEqual([]);
  return { list, crashed };
}

describe("processors and the thread that stopped the system", () => {
  it("reads every processor with its threads and registers", async () => {
    const { list } = await read(world(), stack(2) + 0x5000n);
    const all = list.processors();
    expect(all.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(all[1]).toMatchObject({ vendor: "GenuineIntel", mhz: 2900, currentThread: idle(1), idleThread: idle(1) });
    expect(all[2]?.context?.sp).toBe(stack(2) + 0x5000n);
    expect(list.from).toBe("debugger-data");
  });

  it("tells the IRQL by the task priority register that the kernel saved", async () => {
    const { list } = await read(world(), stack(2) + 0x5000n);
    expect(list.processors().map(({ irql }) => irql)).toEqual([0, 2, undefined]);
  });

  it("knows the crashed processor by the stack pointer that it saved, and its process' other threads", async () => {
    const { list, crashed } = await read(world(), stack(2) + 0x5000n);
    const index = crashed.crashedIndex(list.processors());
    expect(index).toBe(2);
    expect(crashed.thread(index)?.address).toBe(thread(2));
    expect(crashed.process(index)?.address).toBe(process);
    expect(crashed.others(index, 8)).toEqual([
      { id: 100, address: thread(0), stack: { start: stack(0), size: 0x6000 } },
    ]);
  });

  it("knows it by the thread's stack where the header holds an exception's registers", async () => {
    const { list, crashed } = await read(world(), stack(2) + 0x4321n);
    expect(crashed.crashedIndex(list.processors())).toBe(2);
  });

  it("takes the first that ran a thread where the stack pointer is damaged", async () => {
    const { list, crashed } = await read(world(), 0x1234n);
    const index = crashed.crashedIndex(list.processors());
    expect(index).toBe(0);
    expect(crashed.process(index)?.address).toBe(process);
  });

  it("asks for the process with the last thread where the header's stack is nobody's", async () => {
    const opened = world().open({ kdbg: KDBG });
    const crashed = new CrashedThread(opened.context, 0x1234n as VirtualAddress);
    const list: ProcessorList = new ProcessorList(opened.context, 3, (processor) =>
      crashed.running(processor, () => list.whenThreadsAreKnown()),
    );
    await opened.run(list.start());
    expect(crashed.process(crashed.crashedIndex(list.processors()))?.address).toBe(process);
    expect(opened.counts.rounds).toBe(4);
  });

  it("reads at most 64 of as many as a hostile header states", async () => {
    const { list } = await read(world(), 0n, 0x7fff_ffff);
    expect(list.processors().length).toBeLessThanOrEqual(64);
  });

  it("goes without what is not in the dump", async () => {
    const { list, crashed } = await read(world().lose(prcb(0)).lose(context(2)).lose(process), stack(2) + 0x5000n);
    const index = crashed.crashedIndex(list.processors());
    expect(index).toBe(2);
    expect(crashed.process(index)?.bytes).toHaveLength(0);
    expect(crashed.others(index, 8)).toEqual([]);
  });
});

describe("unloaded drivers", () => {
  const kdbg = debuggerData([
    [0x220, 0xfffff800_00402000n, 8],
    [0x228, 0xfffff800_00402008n, 8],
  ]);
  const ARRAY = 0xffffa000_00990000n;

  it("come newest first from a ring, without its empty slots", async () => {
    const made = new LiveWorld().put(0xfffff800_00402000n, ARRAY).put(0xfffff800_00402008n, 2, 4);
    // Slot 49 is older than slot 0: the ring has turned.
    for (const [slot, name] of [
      [0n, "b.sys"],
      [1n, "c.sys"],
      [49n, "a.sys"],
    ] as const) {
      const at = ARRAY + slot * 0x28n;
      made.text(at, name, ARRAY + 0x800n + slot * 0x20n);
      made
        .put(at + 0x10n, 0xfffff801_00000000n + slot * 0x10000n)
        .put(at + 0x18n, 0xfffff801_00008000n + slot * 0x10000n);
    }
    const opened = made.open({ kdbg });
    const list = new UnloadedList(opened.context);
    await opened.run(list.start());
    expect(list.unloaded().map(({ path, size }) => [path, size])).toEqual([
      ["c.sys", 0x8000],
      ["b.sys", 0x8000],
      ["a.sys", 0x8000],
    ]);
    expect(opened.notes.list()).toEqual([]);
  });

  it("are none with a note where the ring is not there", async () => {
    const opened = new LiveWorld().put(0xfffff800_00402000n, ARRAY).put(0xfffff800_00402008n, 2, 4).open({ kdbg });
    const list = new UnloadedList(opened.context);
    await opened.run(list.start());
    expect(list.unloaded()).toEqual([]);
    expect(opened.notes.list().map(({ code }) => code)).toEqual(["kernel.list-broken"]);
  });
});
