import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { Caller, FrameTrust, StackFrame, Unwound } from "./frame.ts";
import type { Registers } from "./registers.ts";
import { scanForCaller } from "./scan.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Registers that a call keeps. */
const KEPT = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "fp"];

function callerArm(trust: FrameTrust, pc: bigint, sp: bigint, registers: Registers): Caller {
  const known: Record<string, bigint> = {};
  for (const name in registers) {
    const value = registers[name];
    if (value !== undefined) known[name] = value;
  }
  const top = BigInt.asUintN(32, sp);
  // The lowest bit says Thumb, it is no part of the address.
  known["sp"] = top;
  known["pc"] = pc & ~1n;
  return { trust, ip: pc & ~1n, sp: top, registers: known };
}

function kept(frame: StackFrame): Registers {
  return Object.fromEntries(KEPT.map((name) => [name, frame.registers[name]]));
}

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

/** 32-bit ARM: symbol files, frame pointers, scans. */
export const ARM: CpuWalker = {
  ip: "pc",
  sp: "sp",
  callBytes: 2n,
  isAddress: () => true,
  bySymbols: (scene, module, frame) =>
    byCfi(scene, module, frame, kept(frame), (ip, sp, registers) => callerArm("cfi", ip, sp, registers)),
  undoCall: (_scene, frame) => {
    const { lr } = frame.registers;
    return lr === undefined ? undefined : callerArm("cfi", lr, frame.sp, kept(frame));
  },
  byFramePointer: framePointer,
  byScan: (scene, frame) => scanForCaller(scene, frame, (ip, slot) => callerArm("scan", ip, slot + 4n, {})),
};
