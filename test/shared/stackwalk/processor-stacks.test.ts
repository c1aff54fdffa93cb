import type { VirtualAddress } from "../../../shared/dump/address.ts";
import type { Dump } from "../../../shared/dump/dump.ts";
import { NO_SYMBOLS } from "../../../shared/stackwalk/symbol-provider.ts";
import { type ThreadStack, walkThreads } from "../../../shared/stackwalk/walk-threads.ts";
import { BASE, dumpOf, imageBytes, MODULE, peImage, STACK, shown, stackOf } from "./fake-machine.ts";

/** Walks that start on a processor's own stack: deferred calls, interrupts, double faults. */

const SIZE = 0x1000;
const BELOW = STACK - 0x8000n;
const ABOVE = STACK + 0x8000n;

interface Machine {
  /** Where the processor's stack lies, and what is on it. */
  readonly own: bigint;
  readonly slots: Readonly<Record<number, bigint>>;
  readonly thread?: Readonly<Record<number, bigint>>;
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly image?: Uint8Array;
  /** Where the processor's stack ends, as its records say; nothing is known of it when absent. */
  readonly known?: number;
  readonly behind?: Readonly<Record<number, bigint>>;
}

function run({ own, slots, thread = {}, registers = {}, image, known, behind = {} }: Machine) {
  const asked: bigint[] = [];
  const plain = dumpOf({
    cpu: "amd64",
    kernel: true,
    pc: BASE + 0x1080n,
    sp: own + 0x100n,
    registers,
    stack: stackOf(thread),
    memory: [[own, stackOf({ ...slots, ...behind }, 8, 2 * SIZE)]],
  });
  const dump: Dump = {
    ...plain,
    processor: { number: 0 },
    processorStack: (_, address) => {
      asked.push(address);
      const isInside = known !== undefined && address >= own && address < own + BigInt(known);
      return isInside ? { start: own as VirtualAddress, size: known } : undefined;
    },
  };
  const provider = image
    ? { ...NO_SYMBOLS, image: (module: object) => (module === MODULE ? imageBytes(image) : undefined) }
    : NO_SYMBOLS;
  const { tasks, stacks } = walkThreads(dump, provider);
  for (const task of tasks) task(undefined as never);
  return { frames: shown((stacks[0] as ThreadStack).frames), asked };
}

/** UWOP_SET_FPREG of RBP, then UWOP_PUSH_NONVOL of it: what calls on another stack comes back to by RBP. */
const SWITCHES = { begin: 0x2000, end: 0x2100, info: [1, 8, 2, 0x05, 8, 0x03, 1, 0x50] };
const LEAFLESS = { begin: 0x1000, end: 0x1100, info: [1, 4, 1, 0, 4, 0x02] };
const HOME = { begin: 0x3000, end: 0x3100, info: [1, 4, 1, 0, 4, 0x02] };

describe("stacks of a processor's own", () => {
  it("end a scan where they end, not where the memory does", () => {
    const slots = { 392: BASE + 0x3000n };
    const behind = { [SIZE + 0x28]: BASE + 0x4000n };
    expect(run({ own: BELOW, slots, behind }).frames).toEqual(["+1080 context", "+3000 scan", "+4000 scan"]);
    expect(run({ own: BELOW, slots, behind, known: SIZE }).frames).toEqual(["+1080 context", "+3000 scan"]);
  });

  it.each([
    ["below", BELOW],
    ["above", ABOVE],
  ])("are left for the thread's by unwind data: a stack %s it", (_, own) => {
    const rbp = STACK + 0x200n;
    const machine = {
      own,
      image: peImage(0x8664, [LEAFLESS, SWITCHES, HOME]),
      slots: { 264: BASE + 0x2040n },
      registers: { rbp },
      // The saved RBP, then where the thread goes on.
      thread: { 512: 0n, 520: BASE + 0x3040n, 536: 0n },
      known: SIZE,
    };
    expect(run(machine).frames).toEqual(["+1080 context", "+2040 cfi", "+3040 cfi"]);
  });

  it("hold the trap frame that a handler on them was entered with", () => {
    const trap = 0x200;
    const slots = {
      [trap + 0x158]: 0x2222n,
      [trap + 0x168]: BASE + 0x5040n,
      [trap + 0x170]: 0x10n,
      [trap + 0x178]: 0x246n,
      [trap + 0x180]: STACK + 0x800n,
      [trap + 0x188]: 0x18n,
    };
    const { frames } = run({ own: BELOW, slots, known: SIZE });
    expect(frames.slice(0, 2)).toEqual(["+1080 context", "+5040 cfi_scan"]);
    // Without bounds the frame is not looked for, and its instruction pointer is taken for a return address.
    expect(run({ own: BELOW, slots }).frames[1]).toBe("+5040 scan");
  });

  it("are not asked for by a thread on its own stack", () => {
    const { asked, frames } = run({ own: STACK - 0x100n + 0x40n, slots: {}, thread: { 392: BASE + 0x3000n } });
    expect(frames).toContain("+3000 scan");
    expect(asked).toEqual([]);
  });
});
