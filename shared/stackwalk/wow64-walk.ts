import type { CpuContext } from "../dump/cpu-context.ts";
import type { DumpThread } from "../dump/dump.ts";
import type { StackEnd, StackFrame } from "./frame.ts";
import { ThreadWalk } from "./thread-walk.ts";
import type { WalkScene } from "./walk-scene.ts";
import { narrowContext, narrowScene, savedNarrowContext } from "./wow64.ts";
import { X86 } from "./x86.ts";

const NO_FRAMES: readonly StackFrame[] = [];

/** The walk of a WOW64 thread's 32-bit half. */
export class NarrowWalk {
  readonly #scene: WalkScene;
  readonly #thread: DumpThread;
  readonly #start: CpuContext;
  readonly #limit: number;
  #walk: ThreadWalk | undefined;

  /** @param start the registers that the dump has of the thread, which are those of 64-bit code */
  constructor(scene: WalkScene, thread: DumpThread, start: CpuContext, limit: number) {
    this.#scene = scene;
    this.#thread = thread;
    this.#start = start;
    this.#limit = limit;
  }

  get frames(): readonly StackFrame[] {
    return this.#walk?.frames ?? NO_FRAMES;
  }

  get end(): StackEnd {
    return this.#walk?.end ?? "unfinished";
  }

  /** Whether the thread was stopped in 32-bit code: there is no other half then. May throw MissingRanges. */
  isAll(): boolean {
    return narrowContext(this.#scene.modules, this.#start) !== undefined;
  }

  /**
   * Walks to the end.
   * @throws MissingRanges, MissingResource: to be called again when they are there
   */
  run(): readonly [] {
    this.#walk ??= new ThreadWalk(narrowScene(this.#scene, this.#thread), X86, () => this.#context(), this.#limit);
    this.#walk.run();
    return [];
  }

  #context(): CpuContext | undefined {
    const { modules, stack } = this.#scene;
    const { teb } = this.#thread;
    return (
      narrowContext(modules, this.#start) ?? (teb === undefined ? undefined : savedNarrowContext(stack.memory, teb))
    );
  }
}
