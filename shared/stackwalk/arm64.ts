import { callerArm64, keptArm64, unwindArm64 } from "./arm64-unwind.ts";
import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import { scanForCaller } from "./scan.ts";
import { followsCall, type WalkScene } from "./walk-scene.ts";

/** Largest frame that a chain of frame pointers is believed to jump over. */
const MAX_FRAME = 0x10_0000n;

/** AAPCS64: the frame record of frame pointer and link register lies where the frame pointer points. */
function framePointer(scene: WalkScene, frame: StackFrame): Unwound {
  const { fp } = frame.registers;
  if (fp === undefined) return undefined;
  if (fp === 0n && frame.trust !== "context") return "end";
  if (fp < frame.sp || fp - frame.sp > MAX_FRAME || (fp & 7n) !== 0n) return undefined;
  const saved = scene.stack.pointer(fp);
  const ip = scene.stack.pointer(fp + 8n);
  if (saved === undefined || ip === undefined) return undefined;
  if (ip === 0n) return "end";
  const returns = scene.strip(ip);
  const module = scene.modules.find(returns - 4n);
  if (!module || followsCall(scene, module, returns) === false) return undefined;
  if (saved !== 0n && saved <= fp) return undefined;
  return callerArm64(scene, "frame_pointer", ip, fp + 16n, { fp: saved, lr: ip });
}

/** ARM64 of all systems. */
export const ARM64: CpuWalker = {
  ip: "pc",
  sp: "sp",
  callBytes: 4n,
  isAddress: (value) => value < 1n << 56n || value >= 0xffff_0000_0000_0000n,
  byUnwindData: unwindArm64,
  bySymbols: (scene, module, frame) =>
    byCfi(scene, module, frame, keptArm64(frame.registers), (ip, sp, registers) =>
      callerArm64(scene, "cfi", ip, sp, registers),
    ),
  undoCall: (scene, frame) => {
    const { lr } = frame.registers;
    return lr === undefined ? undefined : callerArm64(scene, "cfi", lr, frame.sp, keptArm64(frame.registers));
  },
  byFramePointer: framePointer,
  byScan: (scene, frame) =>
    scanForCaller(scene, frame, (ip, slot) => callerArm64(scene, "scan", ip, slot + 8n, scannedFp(scene, frame, slot))),
};

/** A frame record ends with the return address: what stands before it may be the caller's frame pointer. */
function scannedFp(scene: WalkScene, frame: StackFrame, slot: bigint): Record<string, bigint | undefined> {
  const saved = scene.stack.pointer(slot - 8n);
  if (saved !== undefined && saved > slot && saved - slot <= 0x2_0000n && (saved & 7n) === 0n) return { fp: saved };
  const { fp } = frame.registers;
  return fp !== undefined && fp > slot ? { fp } : {};
}
