import type { Task } from "../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../dump/address.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpStack, DumpThread } from "../dump/dump.ts";
import { findTrapFrames, type TrapFrameSearch } from "../dump/kernel-dump/trap-frame/find-trap-frames.ts";
import { readSwitchFrame } from "../dump/kernel-dump/trap-frame/switch-frame.ts";
import type { TrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import { cpuWalkerOf } from "./cpus.ts";
import type { StackEnd, StackFrame } from "./frame.ts";
import { lookAhead, lookAheadUser } from "./look-ahead.ts";
import { ModuleMap } from "./module-map.ts";
import { StackReader } from "./stack-reader.ts";
import type { SymbolProvider } from "./symbol-provider.ts";
import { ThreadWalk } from "./thread-walk.ts";
import { listUserModules } from "./user-modules.ts";
import type { WalkScene } from "./walk-scene.ts";
import { isWow64 } from "./wow64.ts";
import { NarrowWalk } from "./wow64-walk.ts";

/** Deep recursion fills a stack of 1 MB with some 20,000 frames; more than these nobody reads. */
export const DEFAULT_MAX_FRAMES = 4096;
/** Most frames of all threads together: bounds what a hostile dump of many threads costs. */
const MAX_FRAMES_IN_ALL = 200_000;
/** Bytes of a kernel stack that are searched for trap frames. */
const MAX_KERNEL_STACK = 0x1_0000;
/** Bytes of a stack that are asked for at once. */
const PLANNED_BYTES = 0x1_0000;

/** Limits and choices of a walk. */
export interface WalkOptions {
  /** Frames of one thread. */
  readonly maxFrames?: number;
  /** Registers to start with instead of the thread's own: those of the exception for the crashing thread. */
  readonly contexts?: ReadonlyMap<number, CpuContext>;
  /** Walks threads of kernel dumps that waited too: each costs some pages of its own. */
  readonly waiting?: boolean;
  /** Indices of the threads to walk; all when absent. */
  readonly threads?: readonly number[];
}

/** The stack of one thread. */
export interface ThreadStack {
  /** Index in `dump.threads`. */
  readonly thread: number;
  /** Innermost first; grows while the tasks run. In a WOW64 process the 32-bit half follows the 64-bit one. */
  readonly frames: readonly StackFrame[];
  readonly end: StackEnd;
}

/** Stacks in the making: `tasks` go to a step runner, `stacks` hold what they have found, also when they are cut short. */
export interface StackWalk {
  readonly tasks: readonly Task[];
  readonly stacks: readonly ThreadStack[];
}

/**
 * The registers a thread is walked from: those at the exception for the crashing one, given ones first.
 * The thread that wrote a Breakpad dump stood in the dump writer, which is nobody's crash.
 */
function startOf(dump: Dump, thread: DumpThread, index: number, options: WalkOptions): CpuContext | undefined {
  const given = options.contexts?.get(index);
  if (given) return given;
  if (index === dump.crashingThread) return dump.exception?.context ?? thread.context;
  return dump.dumpThreadId !== undefined && thread.id === dump.dumpThreadId ? undefined : thread.context;
}

/**
 * Prepares the walks of a dump's threads, one task each. Reads nothing yet.
 * @param provider symbols and images; without any, frames come from frame pointers and scans
 */
export function walkThreads(dump: Dump, provider: SymbolProvider, options: WalkOptions = {}): StackWalk {
  const cpu = cpuWalkerOf(dump.cpu);
  const modules = new ModuleMap(dump.modules, dump.memory, provider);
  const wow64 = isWow64(dump);
  const indices = options.threads ?? [...dump.threads.keys()];
  const limit = Math.min(options.maxFrames ?? DEFAULT_MAX_FRAMES, Math.ceil(MAX_FRAMES_IN_ALL / (indices.length || 1)));
  const tasks: Task[] = [];
  const stacks = indices.map((index): ThreadStack => {
    const thread = dump.threads[index];
    const start = thread && startOf(dump, thread, index, options);
    const waits = options.waiting === true && !start ? thread?.kernelStack : undefined;
    if (!thread || !cpu || (!start && waits === undefined)) return { thread: index, frames: [], end: "no-context" };
    const scene = sceneOf(dump, thread, modules, start?.sp ?? waits);
    const first = (): CpuContext | undefined => start ?? (waits && readSwitchFrame(dump.memory, dump.cpu, waits));
    const walk = new ThreadWalk(scene, cpu, first, limit);
    const narrow = wow64 && start ? new NarrowWalk(scene, thread, start, limit) : undefined;
    if (start && thread.stack && hasPageTables(dump)) {
      tasks.push(...lookAhead(scene, start.sp, thread.stack));
      if (index === dump.crashingThread) tasks.push(...listUserModules(dump, modules, () => lookAheadUser(scene)));
    }
    tasks.push(() => {
      const sp = start?.sp ?? waits;
      if (walk.frames.length === 0 && sp !== undefined) planStack(dump, thread, sp);
      if (!narrow?.isAll()) walk.run();
      return [];
    });
    if (narrow) tasks.push(() => narrow.run());
    return {
      thread: index,
      get frames() {
        return narrow?.frames.length ? [...walk.frames, ...narrow.frames] : walk.frames;
      },
      get end() {
        return narrow?.frames.length ? narrow.end : walk.end;
      },
    };
  });
  return { tasks, stacks };
}

/** Kernel dumps whose memory is scattered over the file: what is read of it is worth to be fetched together. */
function hasPageTables({ kernel, kind, pointerSize }: Dump): boolean {
  return kernel !== undefined && kind !== "kernel-triage" && pointerSize === 8;
}

function sceneOf(dump: Dump, thread: DumpThread, modules: ModuleMap, sp: VirtualAddress | undefined): WalkScene {
  const build = dump.kernel?.minorVersion ?? 0;
  const processorStack = processorStacks(dump, thread);
  let trapFrames: readonly TrapFrame[] | undefined;
  return {
    cpu: dump.cpu,
    pointerSize: dump.pointerSize,
    os: dump.system.os,
    kernel: dump.kernel !== undefined,
    build,
    modules,
    processName: dump.process.name ?? "",
    stack: new StackReader(dump.memory, dump.pointerSize),
    ...(dump.bugcheck ? { stopArguments: dump.bugcheck.parameters } : {}),
    ...(thread.stack ? { bounds: thread.stack } : {}),
    ...(processorStack ? { processorStack } : {}),
    trapFrames: () => {
      if (trapFrames) return trapFrames;
      const search = { cpu: dump.cpu, build, isCode: (address: bigint) => mayBeCode(dump, modules, address) };
      const other = sp === undefined ? undefined : processorStack?.(sp);
      // Its own stack comes last: what called the kernel stands at its end.
      trapFrames = [
        ...(other
          ? trapFramesOf(dump, other, sp, { ...search, ...(thread.stack ? { interrupted: thread.stack } : {}) })
          : []),
        ...(dump.kernel && thread.stack ? trapFramesOf(dump, thread.stack, sp, search) : []),
      ];
      return trapFrames;
    },
    strip: dump.cpu === "arm64" ? stripper(modules) : (address) => address,
  };
}

/** A trap is also taken where an image was before it was unloaded, and wherever else the stop code says. */
function mayBeCode({ unloadedModules, bugcheck }: Dump, modules: ModuleMap, address: bigint): boolean {
  if (modules.find(address) !== undefined) return true;
  if (unloadedModules.some(({ base, size }) => address >= base && address - base < BigInt(size))) return true;
  return bugcheck?.parameters.includes(address) === true;
}

/**
 * Stacks of the processor that ran a thread, by address outside of the thread's own: each is asked for once. Where the
 * thread's own is not known nothing says that another is meant, and looking would cost pages for nothing.
 */
function processorStacks(dump: Dump, thread: DumpThread): WalkScene["processorStack"] {
  const { stack, processor: number } = thread;
  const isCrashed = thread === dump.threads[dump.crashingThread ?? -1];
  const processor = isCrashed ? dump.processor : dump.processors?.find((one) => one.number === number);
  if (!dump.processorStack || !processor || !stack) return undefined;
  const found: DumpStack[] = [];
  const pagesWithout = new Set<bigint>();
  return (address) => {
    if (holds(stack, address)) return undefined;
    const known = found.find((one) => holds(one, address));
    if (known || pagesWithout.has(address >> 12n)) return known;
    const other = dump.processorStack?.(processor, address);
    if (other) found.push(other);
    else pagesWithout.add(address >> 12n);
    return other;
  };
}

function holds({ start, size }: DumpStack, address: bigint): boolean {
  return address >= start && address - start < BigInt(size);
}

/** The pages of a stack from its stack pointer on: what lies below is over, and often no page at all. */
function usedPart(stack: DumpStack, sp: VirtualAddress | undefined): DumpStack {
  const { start, size } = stack;
  if (sp === undefined || sp < start || sp - start >= BigInt(size)) return stack;
  const below = Number(sp - start) & ~0xfff;
  return { start: addOffset(start, below), size: size - below };
}

function trapFramesOf(
  dump: Dump,
  stack: DumpStack,
  sp: VirtualAddress | undefined,
  search: TrapFrameSearch,
): TrapFrame[] {
  const { start, size } = usedPart(stack, sp);
  const { bytes } = dump.memory.read(start, Math.min(size, MAX_KERNEL_STACK));
  return findTrapFrames({ start, bytes }, search);
}

/**
 * Removes pointer authentication codes: bits above the highest that an address of a module has, except that
 * bit 55 stays what it is and says which half of the addresses a pointer belongs to.
 */
function stripper(modules: ModuleMap): (address: bigint) => bigint {
  const user = modules.end < 1n << 47n ? modules.end : 0n;
  const mask = (1n << BigInt(user > 0n ? Math.max(24, user.toString(2).length) : 47)) - 1n;
  const kernel = ~((1n << 48n) - 1n);
  return (address) => ((address >> 55n) & 1n ? BigInt.asUintN(64, address | kernel) : address & mask);
}

/** The stack above the stack pointer in one round; the rest comes as it is needed. */
function planStack(dump: Dump, thread: DumpThread, sp: VirtualAddress): void {
  const { stack } = thread;
  if (!stack || sp < stack.start) return;
  const left = Number(addOffset(stack.start, stack.size) - sp);
  if (left > 0) dump.memory.plan([{ address: sp, length: Math.min(left, PLANNED_BYTES) }]);
}
