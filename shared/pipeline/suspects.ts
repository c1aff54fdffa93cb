import { dataView } from "../bytes/layout.ts";
import type { Task } from "../bytes/step-runner.ts";
import type { VirtualAddress } from "../dump/address.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import type { StackFrame } from "../stackwalk/frame.ts";
import { MAX_INSTRUCTION_BYTES } from "../triage/instruction/disassembler.ts";
import { moduleAt } from "../triage/module-at.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";

/**
 * Which modules' identities are worth their reads in a kernel dump: those under suspicion. The others lie in pages of
 * their own, and nobody looks at their versions.
 */

/** Bytes of the crashing stack that are searched for return addresses. */
const STACK_BYTES = 0x6000;
/** A module with fewer addresses on a stack is mostly a stale one: what is read for it would be for nothing. */
const OFTEN = 3;
/** Blamed addresses whose code is fetched ahead: one of the first is the verdict's. */
const MAX_BLAMED = 4;
/** Upper words of kernel addresses are at least this. */
const KERNEL_HALF = 0x8000_0000;

/**
 * Work that reads identities of the modules that the stop code or the crashing stack's raw words name, so that they are
 * there when the walk has found its frames. Nobody waits for it.
 */
export function suspectsAhead(dump: Dump): Task[] {
  const { identify, bugcheck, kernel, kind, pointerSize } = dump;
  if (!identify) return [];
  const named = [...(bugcheck?.parameters ?? []), ...(kernel?.brokenDriver === undefined ? [] : [kernel.brokenDriver])];
  const told = named.flatMap((address) => moduleAt(dump, address as VirtualAddress) ?? []);
  const byStack: Task = () => identityTasks(dump, onStack(dump));
  return [...identityTasks(dump, told), ...(pointerSize === 8 && kind !== "kernel-triage" ? [byStack] : [])];
}

/** Work that reads identities of the modules that frames and the stop code's facts led to. */
export function identifySuspects(dump: Dump, frames: Iterable<StackFrame>, stop: StopFacts | undefined): Task[] {
  const blamed = (stop?.blame ?? []).flatMap(({ address }) =>
    address === undefined ? [] : (moduleAt(dump, address) ?? []),
  );
  const walked = [...frames].flatMap(({ module }) => module ?? []);
  return identityTasks(dump, [...blamed, ...walked]);
}

/**
 * Work that fetches the code that reports list: at the fault, and where the stop code's facts lead. Nobody waits for it.
 */
export function codeAhead(dump: Dump, { faultingContext, blame }: StopFacts): Task[] {
  const blamed = blame.slice(0, MAX_BLAMED).map(({ address }) => address);
  const wanted = [faultingContext?.pc, ...blamed].flatMap((address) =>
    address === undefined ? [] : [{ address: address as VirtualAddress, length: MAX_INSTRUCTION_BYTES }],
  );
  return wanted.map(
    (place): Task =>
      () => {
        dump.memory.plan([place]);
        return [];
      },
  );
}

function identityTasks(dump: Dump, modules: readonly DumpModule[]): Task[] {
  return [...new Set(modules)].map(
    (module): Task =>
      () => {
        dump.identify?.(module);
        return [];
      },
  );
}

/** Modules of the kernel with several addresses on the crashing stack, in the order in which they come up. */
function onStack(dump: Dump): DumpModule[] {
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  const sp = thread?.context?.sp;
  const { stack } = thread ?? {};
  if (sp === undefined || !stack || sp < stack.start || sp - stack.start >= BigInt(stack.size)) return [];
  const left = stack.size - Number(sp - stack.start);
  const view = dataView(dump.memory.read(sp, Math.min(left, STACK_BYTES)).bytes);
  const found = new Map<DumpModule, Set<bigint>>();
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    if (view.getUint32(at + 4, true) < KERNEL_HALF) continue;
    const address = view.getBigUint64(at, true) as VirtualAddress;
    const module = moduleAt(dump, address);
    if (module) found.set(module, (found.get(module) ?? new Set()).add(address));
  }
  return [...found].flatMap(([module, { size }]) => (size >= OFTEN ? [module] : []));
}
