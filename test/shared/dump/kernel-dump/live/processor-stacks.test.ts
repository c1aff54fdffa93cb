import type { CpuArch, VirtualAddress } from "../../../../../shared/dump/address.ts";
import { processorStack } from "../../../../../shared/dump/kernel-dump/live/processor-stacks.ts";
import { debuggerData, LiveWorld } from "./live-world.ts";

const PRCB = 0xfffff801_00010180n;
const TSS = 0xfffff801_00030000n;
const DPC_TOP = 0xfffff801_10006000n;
const ISR_TOP = 0xfffff801_20006000n;
const IST_TOP = 0xfffff801_30003000n;

const KDBG = debuggerData([
  [0x2e6, 0x180, 2],
  [0x354, 0x3110, 2],
  [0x356, 0x85d8, 2],
]);

/** A processor whose state segment has a stack for double faults, and right above it one for NMIs. */
function world(): LiveWorld {
  const made = new LiveWorld().put(PRCB + 0x3110n, DPC_TOP - 0x50n).put(PRCB + 0x85d8n, ISR_TOP);
  made.put(PRCB - 0x180n + 8n, TSS);
  return made
    .put(TSS + 0x24n, IST_TOP)
    .put(TSS + 0x34n, IST_TOP + 0x2000n)
    .put(TSS + 0x54n, 0n);
}

interface Case {
  readonly made?: LiveWorld;
  readonly cpu?: CpuArch;
  readonly kdbg?: typeof KDBG;
}

async function find(address: bigint, { made = world(), cpu = "amd64", kdbg = KDBG }: Case = {}) {
  const opened = made.open({ cpu, kdbg });
  const stack = await opened.runner.run(() => processorStack(opened.context, PRCB as VirtualAddress, address));
  return { stack, rounds: opened.counts.rounds };
}

/** As real dumps have it: the pointer for deferred calls lies 0x50 bytes below the stack's end. */
describe("stacks of a processor's own", () => {
  it.each([
    ["deferred calls", DPC_TOP - 8n, { start: DPC_TOP - 0x6000n, size: 0x6000 }],
    ["deferred calls, to its lowest word", DPC_TOP - 0x6000n, { start: DPC_TOP - 0x6000n, size: 0x6000 }],
    ["interrupts", ISR_TOP - 0x123n, { start: ISR_TOP - 0x6000n, size: 0x6000 }],
  ])("is found for %s in one round", async (_, address, stack) => {
    expect(await find(address)).toEqual({ stack, rounds: 1 });
  });

  it.each([
    ["its end", DPC_TOP],
    ["below its size", DPC_TOP - 0x6001n],
    ["user mode", 0x7ff6_0000_1000n],
  ])("is none at %s", async (_, address) => {
    expect((await find(address)).stack).toBeUndefined();
  });

  it("is one of the state segment where no other holds the address", async () => {
    const { stack, rounds } = await find(IST_TOP - 0x18n);
    expect(stack).toEqual({ start: IST_TOP - 0x6000n, size: 0x6000 });
    expect(rounds).toBe(2);
  });

  it("starts where the one below it ends", async () => {
    expect((await find(IST_TOP + 0x10n)).stack).toEqual({ start: IST_TOP, size: 0x2000 });
  });

  it("is found without the others, and without what is not in the dump", async () => {
    const made = world().lose(PRCB + 0x3110n);
    expect((await find(ISR_TOP - 8n, { made })).stack?.size).toBe(0x6000);
    expect((await find(DPC_TOP - 8n, { made })).stack).toBeUndefined();
    expect((await find(IST_TOP - 8n, { made: world().lose(TSS) })).stack).toBeUndefined();
    expect((await find(IST_TOP - 8n, { made: world().put(PRCB - 0x180n + 8n, 0x1234n) })).stack).toBeUndefined();
    expect((await find(DPC_TOP - 8n, { kdbg: debuggerData([]) })).stack).toBeUndefined();
  });

  it("is none of a state segment on other processors than x64", async () => {
    expect((await find(IST_TOP - 8n, { cpu: "arm64" })).stack).toBeUndefined();
  });
});
