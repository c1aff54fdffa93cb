import { callerArm, keptArm, unwindArm } from "./arm-unwind.ts";
import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import { scanForCaller } from "./scan.ts";
import type { WalkScene } from "./walk-scene.ts";

/** iOS keeps its frame pointer in R7, with the return address behind what it saves; others in R11. */
function framePointer(scene: WalkScene, frame: StackFrame): Unwound {
  const name = scene.os === "iOS" ? "r7" : "fp";
  const pointer = frame.registers[name];
  if (pointer === undefined || pointer < frame.sp) return undefined;
  const saved = scene.stack.pointer(pointer);
  const ip = scene.stack.pointer(pointer + 4n);
  if (saved === undefined || ip === undefined) return undefined;
  if (ip === 0n) return "end";
  if (!scene.modules.find((ip & ~1n) - 2n) || (saved !== 0n && saved <= pointer)) return undefined;
  return callerArm("frame_pointer", ip, pointer + 8n, { [name]: saved });
}

/** 32-bit ARM: unwind data of Windows, symbol files, frame pointers, scans. */
export const ARM: CpuWalker = {
  ip: "pc",
  sp: "sp",
  callBytes: 2n,
  isAddress: () => true,
  byUnwindData: unwindArm,
  bySymbols: (scene, module, frame) =>
    byCfi(scene, module, frame, keptArm(frame), (ip, sp, registers) => callerArm("cfi", ip, sp, registers)),
  undoCall: (_scene, frame) => {
    const { lr } = frame.registers;
    return lr === undefined ? undefined : callerArm("cfi", lr, frame.sp, keptArm(frame));
  },
  byFramePointer: framePointer,
  byScan: (scene, frame) => scanForCaller(scene, frame, (ip, slot) => callerArm("scan", ip, slot + 4n, {})),
};
