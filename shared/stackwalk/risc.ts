import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import { callerOf, type Registers } from "./registers.ts";
import { scanForCaller } from "./scan.ts";
import type { WalkScene } from "./walk-scene.ts";

/**
 * MIPS, PowerPC and RISC-V: symbol files, chains of frames where the ABI has them, scans. No dump of them is at
 * hand, so none of this is proven on real bytes.
 */

/** What differs between these CPUs. */
interface Risc {
  readonly ip: string;
  readonly sp: string;
  /** Register that a call leaves the return address in. */
  readonly link: string;
  readonly bits: 32 | 64;
  /** From a return address back into its call. */
  readonly callBytes: bigint;
  /** Registers that a call keeps. */
  readonly kept: readonly string[];
  readonly chain?: (scene: WalkScene, frame: StackFrame) => Chained | undefined;
}

/** A caller as a chain of frames tells it. */
interface Chained {
  readonly ip: bigint;
  readonly sp: bigint;
  readonly registers: Registers;
}

const MAX_FRAME = 0x10_0000n;

const numbered = (prefix: string, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${prefix}${first + index}`);

/** PowerPC: the stack pointer points to the caller's, above which the callee has saved its return address. */
function backChain(scene: WalkScene, { sp }: StackFrame): Chained | undefined {
  const above = scene.stack.pointer(sp);
  if (above === undefined || above <= sp || above - sp > MAX_FRAME) return undefined;
  // Two words up by the ABIs of Darwin and of 64 bits, one by that of 32-bit System V.
  const words = scene.pointerSize === 8 || scene.os === "Mac OS X" ? 2n : 1n;
  const ip = scene.stack.pointer(above + words * BigInt(scene.pointerSize));
  return ip === undefined ? undefined : { ip, sp: above, registers: {} };
}

/** RISC-V: below where S0 points lie the return address and the caller's S0. */
function frameRecord(scene: WalkScene, { sp, registers }: StackFrame): Chained | undefined {
  const { s0 } = registers;
  if (s0 === undefined || s0 <= sp || s0 - sp > MAX_FRAME) return undefined;
  const ip = scene.stack.pointer(s0 - 8n);
  const saved = scene.stack.pointer(s0 - 16n);
  return ip === undefined ? undefined : { ip, sp: s0, registers: { s0: saved } };
}

function walkerOf(cpu: Risc): CpuWalker {
  const pointers = { ip: cpu.ip, sp: cpu.sp, bits: cpu.bits };
  const kept = ({ registers }: StackFrame): Registers =>
    Object.fromEntries(cpu.kept.map((name) => [name, registers[name]]));
  const { chain } = cpu;
  return {
    ip: cpu.ip,
    sp: cpu.sp,
    callBytes: cpu.callBytes,
    isAddress: () => true,
    bySymbols: (scene, module, frame) =>
      byCfi(scene, module, frame, kept(frame), (ip, sp, registers) =>
        callerOf(pointers, "cfi", ip, sp, registers, false),
      ),
    undoCall: (_, frame) => {
      const link = frame.registers[cpu.link];
      return link === undefined ? undefined : callerOf(pointers, "cfi", link, frame.sp, kept(frame), false);
    },
    byFramePointer: (scene, frame): Unwound => {
      const found = chain?.(scene, frame);
      if (!found) return undefined;
      if (found.ip === 0n) return "end";
      if (!scene.modules.find(found.ip - cpu.callBytes)) return undefined;
      return callerOf(pointers, "frame_pointer", found.ip, found.sp, found.registers, false);
    },
    byScan: (scene, frame) =>
      scanForCaller(scene, frame, (ip, slot) =>
        callerOf(pointers, "scan", ip, slot + BigInt(scene.pointerSize), {}, false),
      ),
  };
}

const MIPS = {
  ip: "pc",
  sp: "sp",
  link: "ra",
  // JAL and the instruction in its delay slot.
  callBytes: 8n,
  kept: [...numbered("s", 0, 7), "gp", "fp"],
} as const;
const PPC = { ip: "srr0", sp: "r1", link: "lr", callBytes: 4n, kept: numbered("r", 13, 31), chain: backChain } as const;

/** 32-bit MIPS. */
export const MIPS32 = walkerOf({ ...MIPS, bits: 32 });
/** 64-bit MIPS. */
export const MIPS64 = walkerOf({ ...MIPS, bits: 64 });
/** 32-bit PowerPC. */
export const PPC32 = walkerOf({ ...PPC, bits: 32 });
/** 64-bit PowerPC. */
export const PPC64 = walkerOf({ ...PPC, bits: 64 });
/** 64-bit RISC-V; its calls have 4 bytes, or 2 compressed. */
export const RISCV64 = walkerOf({
  ip: "pc",
  sp: "sp",
  link: "ra",
  bits: 64,
  callBytes: 2n,
  kept: numbered("s", 0, 11),
  chain: frameRecord,
});
