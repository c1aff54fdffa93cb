import type { VirtualAddress } from "../dump/address.ts";
import { readTrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import { isReturnAddress } from "./scan.ts";
import { codeBytes, followsCall, type WalkScene } from "./walk-scene.ts";
import { callerX86, keptX86 } from "./x86-registers.ts";

/** Largest frame that a chain of frame pointers is believed to jump over. */
const MAX_FRAME = 0x10_0000n;
/** KTRAP_FRAME.DbgEip and DbgArgMark: kernels fill them in so that the chain of EBP leads through trap frames. */
const DBG_EIP = 4n;
const DBG_ARG_MARK = 8n;
const ARG_MARK = 0xbadb0d00n;

const PUSH_EBP = 0x55;
const POP_EBP = 0x5d;
const RET = 0xc3;
const RET_N = 0xc2;

/**
 * Finds a caller by the chain of EBP: through trap frames in the kernel, and with regard to code that was
 * interrupted before it had set EBP or after it had restored it.
 */
export function byFramePointerX86(scene: WalkScene, frame: StackFrame, callee?: StackFrame): Unwound {
  if (frame.interrupted) {
    const outside = outsideOfFrame(scene, frame, callee === undefined);
    if (outside) return outside;
  }
  const { ebp } = frame.registers;
  // Threads start with an EBP of zero.
  if (ebp === 0n && frame.trust === "frame_pointer") return "end";
  if (ebp === undefined || ebp < frame.sp || ebp - frame.sp > MAX_FRAME) return undefined;
  const saved = scene.stack.pointer(ebp);
  const ip = scene.stack.pointer(ebp + 4n);
  if (saved === undefined || ip === undefined) return undefined;
  const trap = scene.kernel ? trapFrame(scene, ebp) : undefined;
  if (trap) return trap;
  if (ip === 0n) return "end";
  const module = scene.modules.find(ip - 1n);
  if (!module || followsCall(scene, module, ip) === false) return undefined;
  if (saved !== 0n && saved <= ebp) return undefined;
  return callerX86("frame_pointer", ip, ebp + 8n, { ebp: saved });
}

/** In handlers of traps EBP points to the trap frame. */
function trapFrame(scene: WalkScene, ebp: bigint): Unwound {
  const trap = readTrapFrame(scene.stack.memory, "x86", ebp as VirtualAddress, scene.build);
  if (!trap) return undefined;
  const { pc, sp, registers } = trap.context;
  const marked = scene.stack.pointer(ebp + DBG_EIP) === pc || scene.stack.pointer(ebp + DBG_ARG_MARK) === ARG_MARK;
  return marked ? callerX86("frame_pointer", pc, sp, registers, true) : undefined;
}

/** Code that stands where EBP is still, or again, the caller's: its first and last instructions. */
function outsideOfFrame(scene: WalkScene, frame: StackFrame, isFirst: boolean): Unwound {
  const code = codeBytes(scene, frame.ip, 5);
  const kept = keptX86(frame.registers);
  const returnAt = (slot: bigint, ebp = kept["ebp"]): Unwound => {
    const ip = scene.stack.pointer(slot);
    if (ip === undefined || !isReturnAddress(scene, ip)) return undefined;
    return callerX86("frame_pointer", ip, slot + 4n, { ...kept, ebp });
  };
  if (code.length < 5) {
    // Without code: the registers of a stop stand at the entry of the function that stops the system.
    return scene.kernel && isFirst ? returnAt(frame.sp) : undefined;
  }
  const [a, b, c, d, e] = code;
  const setsEbp = (x?: number, y?: number): boolean => (x === 0x8b && y === 0xec) || (x === 0x89 && y === 0xe5);
  const atEntry = (a === PUSH_EBP && setsEbp(b, c)) || (a === 0x8b && b === 0xff && c === PUSH_EBP && setsEbp(d, e));
  if (atEntry || a === RET || a === RET_N) return returnAt(frame.sp);
  // Calls of the system clean up what they pushed: `add esp, n`.
  if (a === 0x83 && b === 0xc4 && c !== undefined && c < 0x80 && (d === RET || d === RET_N))
    return returnAt(frame.sp + BigInt(c));
  const returns = a === POP_EBP && (b === RET || b === RET_N);
  if (returns || setsEbp(a, b)) return returnAt(frame.sp + 4n, scene.stack.pointer(frame.sp));
  return undefined;
}
