import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { StackFrame } from "./frame.ts";
import { scanForCaller } from "./scan.ts";
import type { WalkScene } from "./walk-scene.ts";
import { byFrameData } from "./x86-frame-data.ts";
import { byFramePointerX86 } from "./x86-frame-pointer.ts";
import { callerX86, keptX86 } from "./x86-registers.ts";

/** Largest distance of a pushed EBP to the one it saves when a scan believes it. */
const MAX_EBP_GAP = 0x2_0000n;

/** 32-bit x86: no unwind data in images; symbol files, the chain of EBP, scans. */
export const X86: CpuWalker = {
  ip: "eip",
  sp: "esp",
  callBytes: 1n,
  isAddress: () => true,
  bySymbols: (scene, module, frame, callee) =>
    byFrameData(scene, module, frame, callee) ??
    byCfi(scene, module, frame, keptX86(frame.registers), (ip, sp, registers) => callerX86("cfi", ip, sp, registers)),
  undoCall: (scene, frame) => {
    const ip = scene.stack.pointer(frame.sp);
    return ip === undefined ? undefined : callerX86("cfi", ip, frame.sp + 4n, keptX86(frame.registers));
  },
  byFramePointer: byFramePointerX86,
  byScan: (scene, frame) =>
    scanForCaller(scene, frame, (ip, slot) => callerX86("scan", ip, slot + 4n, scannedEbp(scene, frame, slot))),
};

/** EBP behind a scan: what stands below the return address where EBP points there, else EBP where it is still above. */
function scannedEbp(scene: WalkScene, frame: StackFrame, slot: bigint): Record<string, bigint | undefined> {
  const { ebp } = frame.registers;
  if (ebp === undefined) return {};
  const saved = ebp === slot - 4n ? scene.stack.pointer(slot - 4n) : undefined;
  if (saved !== undefined && saved > slot && saved - slot <= MAX_EBP_GAP) return { ebp: saved };
  return ebp >= slot + 4n ? { ebp } : {};
}
