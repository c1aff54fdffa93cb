import type { StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import type { WalkScene } from "./walk-scene.ts";

/** What differs between CPUs: register names and the ways to find a caller, each of which may be missing. */
export interface CpuWalker {
  /** Names of the instruction and the stack pointer among the registers. */
  readonly ip: string;
  readonly sp: string;
  /** A return address less this lies in the call instruction. */
  readonly callBytes: bigint;
  /** Whether code could lie at such an address at all. */
  isAddress(value: bigint): boolean;
  /** By unwind data of the image. */
  readonly byUnwindData?: (scene: WalkScene, module: WalkedModule, frame: StackFrame) => Unwound;
  /** By what symbol files know of frames. */
  readonly bySymbols?: (scene: WalkScene, module: WalkedModule, frame: StackFrame, callee?: StackFrame) => Unwound;
  /** Undoes a call whose target holds no code. */
  readonly undoCall: (scene: WalkScene, frame: StackFrame) => Unwound;
  readonly byFramePointer?: (scene: WalkScene, frame: StackFrame, callee?: StackFrame) => Unwound;
  readonly byScan: (scene: WalkScene, frame: StackFrame, callee?: StackFrame) => Unwound;
}
