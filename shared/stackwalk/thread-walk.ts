import { addOffset, type VirtualAddress } from "../dump/address.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { DumpStack } from "../dump/dump.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { Caller, FrameRegisters, FrameTrust, StackEnd, StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import { bySignalFrame } from "./signal-frames.ts";
import { findUserImage } from "./user-images.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Code below this is none: the first page is never mapped. */
const FIRST_CODE = 0x1000n;
/** User mode lies below, on x64 and ARM64. */
const USER_END = 0x8000_0000_0000n;
const USER_END_32 = 0x8000_0000n;
/** Searches for images of user mode that one walk makes. */
const MAX_SEARCHES = 16;
/** A walk may leave one stack for another (trap frames, double faults, fibers) so often. */
const MAX_STACK_SWITCHES = 16;

/**
 * The walk of one thread. It keeps the frames that it has found, so that a step that has to wait for bytes
 * goes on where it was: `run` throws MissingRanges as often as it takes.
 */
export class ThreadWalk {
  readonly frames: StackFrame[] = [];
  readonly #scene: WalkScene;
  readonly #cpu: CpuWalker;
  readonly #start: () => CpuContext | undefined;
  readonly #limit: number;
  /** Stack pointers that stacks were entered with: none is entered twice. */
  readonly #entered = new Set<bigint>();
  /** Searches for images of user mode so far. */
  #searched = 0;
  #end: StackEnd = "unfinished";

  constructor(scene: WalkScene, cpu: CpuWalker, start: () => CpuContext | undefined, limit: number) {
    this.#scene = scene;
    this.#cpu = cpu;
    this.#start = start;
    this.#limit = limit;
  }

  get end(): StackEnd {
    return this.#end;
  }

  /**
   * Walks to the end.
   * @throws MissingRanges, MissingResource: to be called again when they are there
   */
  run(): void {
    if (this.#end !== "unfinished") return;
    if (this.frames.length === 0) {
      const start = this.#start();
      if (!start) {
        this.#end = "no-context";
        return;
      }
      const { pc, sp, registers } = start;
      this.#entered.add(sp);
      this.#push("context", pc, sp, registers, true);
    }
    for (;;) {
      if (this.frames.length >= this.#limit) {
        this.#end = "limit";
        return;
      }
      const frame = this.frames.at(-1) as StackFrame;
      const caller = this.#callerOf(frame);
      if (caller === undefined || caller === "end") {
        this.#end = caller === "end" ? "bottom" : "lost";
        return;
      }
      this.#push(caller.trust, caller.ip, caller.sp, caller.registers, caller.interrupted === true);
    }
  }

  #push(trust: FrameTrust, ip: bigint, sp: bigint, registers: FrameRegisters, interrupted: boolean): void {
    const lookupIp = (interrupted ? ip : ip - this.#cpu.callBytes) as VirtualAddress;
    const module = this.#scene.modules.find(lookupIp) ?? this.#userImage(lookupIp, sp);
    // Written down behind the last read: a step that waits for bytes comes here again.
    const below = this.frames.at(-1)?.sp;
    if (below !== undefined && (sp <= below || this.#pastEnd(below, sp))) this.#entered.add(sp);
    this.frames.push({
      trust,
      ip: ip as VirtualAddress,
      sp: sp as VirtualAddress,
      lookupIp,
      interrupted,
      registers,
      ...(this.#scene.narrow ? { pointerSize: 4 as const } : {}),
      ...(module
        ? { module: module.module, rva: Number(ip - module.base), lookupRva: Number(lookupIp - module.base) }
        : {}),
    });
  }

  /** A frame of user mode in a kernel dump: worth a search where its stack is there to go on. */
  #userImage(ip: bigint, sp: bigint): WalkedModule | undefined {
    const { kernel, modules, pointerSize, processName, stack } = this.#scene;
    const end = pointerSize === 8 ? USER_END : USER_END_32;
    if (!kernel || ip < FIRST_CODE || ip >= end || sp >= end) return undefined;
    if (this.#searched >= MAX_SEARCHES || stack.pointer(sp) === undefined) return undefined;
    const module = findUserImage(stack.memory, ip, processName);
    this.#searched += 1;
    if (module) modules.add(module);
    return modules.find(ip);
  }

  #callerOf(frame: StackFrame): Caller | "end" | undefined {
    const scene = this.#scene;
    const module = scene.modules.find(frame.lookupIp);
    const ways: (() => Unwound)[] = [];
    if (scene.os !== "Windows NT") ways.push(() => bySignalFrame(scene, frame));
    if (module) {
      ways.push(() => this.#cpu.byUnwindData?.(scene, module, frame));
      ways.push(() => this.#cpu.bySymbols?.(scene, module, frame, this.frames.at(-2)));
    } else if (frame.interrupted) ways.push(() => this.#undoneCall(frame));
    ways.push(() => this.#cpu.byFramePointer?.(scene, frame, this.frames.at(-2)));
    ways.push(() => this.#cpu.byScan(scene, frame, this.frames.at(-2)));
    for (const way of ways) {
      const caller = this.#checked(frame, way());
      if (caller !== undefined) return caller;
    }
    return undefined;
  }

  /** A jump to where no code is can only be a call that went wrong, or a return through a broken stack. */
  #undoneCall(frame: StackFrame): Unwound {
    const caller = this.#cpu.undoCall(this.#scene, frame);
    if (caller === undefined || caller === "end") return undefined;
    return this.#scene.modules.find(caller.ip - this.#cpu.callBytes) ? caller : undefined;
  }

  /** The rules that every caller must keep, whoever found it. */
  #checked(frame: StackFrame, caller: Unwound): Unwound {
    if (caller === undefined || caller === "end") return caller;
    if (caller.interrupted !== true) {
      if (caller.ip < FIRST_CODE) return "end";
      if (!this.#cpu.isAddress(caller.ip)) return undefined;
    }
    // A leaf of ARM has nothing on its stack: only what was interrupted can be one.
    const leaf = caller.sp === frame.sp && frame.interrupted && caller.ip !== frame.ip;
    const moved = caller.sp > frame.sp || leaf;
    if (moved && this.#staysOn(frame.sp, caller)) return caller;
    // Another stack: only unwind data and interruptions lead there, and to each place once.
    const leads = caller.trust === "cfi" || caller.interrupted === true;
    if (!leads || this.#entered.has(caller.sp)) return undefined;
    const isPast = moved && caller.interrupted !== true && this.#pastEnd(frame.sp, caller.sp);
    if (isPast && !this.#returnsHome(frame.sp, caller)) return "end";
    if (!moved && caller.interrupted !== true && !this.#leavesFor(frame.sp, caller)) return undefined;
    return this.#entered.size > MAX_STACK_SWITCHES ? undefined : caller;
  }

  /** Code that switched stacks by itself keeps the old one in its frame register: another stack that is there, with code to return to. */
  #leavesFor(from: bigint, { ip, sp }: Caller): boolean {
    const { modules, stack } = this.#scene;
    // Kernels run deferred work on stacks of their own and come back: either way the border is crossed.
    if (!this.#scene.bounds || this.#stackOf(from) === this.#stackOf(sp)) return false;
    return modules.find(ip - this.#cpu.callBytes) !== undefined && stack.pointer(sp) !== undefined;
  }

  /** A processor's own stack that lies below the thread's is left for that upwards. */
  #returnsHome(from: bigint, caller: Caller): boolean {
    const home = this.#stackOf(caller.sp);
    return home !== undefined && home === this.#scene.bounds && this.#leavesFor(from, caller);
  }

  /** The known stack that holds an address. */
  #stackOf(address: bigint): DumpStack | undefined {
    const { bounds, processorStack } = this.#scene;
    if (bounds && address >= bounds.start && address - bounds.start < bounds.size) return bounds;
    return processorStack?.(address);
  }

  /** Whether a step up leaves the memory of the thread's stack. */
  #staysOn(from: bigint, caller: Caller): boolean {
    return !this.#pastEnd(from, caller.sp);
  }

  #pastEnd(from: bigint, to: bigint): boolean {
    const stack = this.#stackOf(from);
    return stack !== undefined && to > addOffset(stack.start, stack.size);
  }
}
