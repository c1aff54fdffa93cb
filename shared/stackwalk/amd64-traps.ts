import { KEXCEPTION_FRAME_AMD64 } from "../dump/kernel-dump/trap-frame/amd64.ts";
import type { TrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import type { StackFrame } from "./frame.ts";
import type { WalkScene } from "./walk-scene.ts";

/**
 * Handlers of traps and system calls that raise a bug check call a dispatcher, whose frame is a KEXCEPTION_FRAME
 * and the return address. It leaves RBP alone, which handlers keep at a fixed distance of their trap frame: that
 * proves what lies above the handler where no unwind data are to be had. What a system call has left between
 * the two is no frame any more.
 */

const EXCEPTION_FRAME = BigInt(KEXCEPTION_FRAME_AMD64.size);
/** RBP within a handler, from its trap frame. */
const HANDLER_RBP = 0x80n;
/** Handlers take no more than this below their trap frame. */
const MAX_HANDLER = 0x400n;

/** The trap frame of the handler that a frame belongs to; undefined where nothing proves it to be one. */
export function trapOfHandler(scene: WalkScene, frame: StackFrame, callee?: StackFrame): TrapFrame | undefined {
  const rbp = frame.registers["rbp"];
  if (!scene.kernel || rbp === undefined || callee?.sp !== frame.sp - EXCEPTION_FRAME) return undefined;
  const at = rbp - HANDLER_RBP;
  if (at < frame.sp || at - frame.sp > MAX_HANDLER) return undefined;
  return scene.trapFrames().find(({ address }) => address === at);
}

/**
 * Whether the stop code was raised while that very page fault was handled: its arguments are the address and the
 * instruction. The kernel does that by itself, so no other image stands between the two.
 */
export function isStopsFault(scene: WalkScene, { fromUser, faultAddress, context }: TrapFrame): boolean {
  const [address, ...others] = scene.stopArguments ?? [];
  return !fromUser && address !== undefined && address === faultAddress && others.includes(context.pc);
}
