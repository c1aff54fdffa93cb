import type { VirtualAddress } from "../dump/address.ts";
import { CONTEXT_ARM, readArmContext } from "../dump/context/arm.ts";
import { readExact } from "../dump/memory.ts";
import { readArmUnwind } from "../image/unwind-arm.ts";
import { type ArmStep, armCodesAt, POPS_LR } from "../image/unwind-arm-codes.ts";
import type { Caller, FrameTrust, StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import type { Registers } from "./registers.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Registers that a call keeps. */
const KEPT = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "fp"];
/** Registers by number, as far as one of them is followed. */
const NUMBERED = [undefined, undefined, undefined, undefined, ...KEPT];
const LR = 14;

/** A caller with its registers, `pc` and `sp` among them. */
export function callerArm(trust: FrameTrust, pc: bigint, sp: bigint, registers: Registers): Caller {
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

/** Registers of a caller that are still known after a call was undone. */
export function keptArm(frame: StackFrame): Registers {
  return Object.fromEntries(KEPT.map((name) => [name, frame.registers[name]]));
}

/** Undoes a frame by the unwind data of its image. */
export function unwindArm(scene: WalkScene, module: WalkedModule, frame: StackFrame): Unwound {
  const lookupRva = Number(frame.lookupIp - module.base);
  // Starts of Thumb functions have their lowest bit set.
  const entry = module.packedFunction(lookupRva | 1);
  if (entry === undefined || entry === "hole") return undefined;
  const unwind = entry === "none" ? undefined : readArmUnwind(module.image, entry);
  if (typeof unwind === "string") return undefined;
  const registers: Registers = { ...keptArm(frame), lr: frame.registers["lr"] };
  if (!unwind || lookupRva >= unwind.begin + unwind.length) {
    // Without a record a function leaves the link register as it was called with.
    return frame.interrupted ? returned(frame.sp, registers) : undefined;
  }
  const offset = Number(frame.ip - module.base) - unwind.begin;
  // Of a caller, a call from its last instruction returns behind it: that is its body all the same.
  return undoSteps(scene, frame.interrupted ? armCodesAt(unwind, offset) : unwind.codes, frame.sp, registers);
}

function undoSteps(scene: WalkScene, steps: readonly ArmStep[], from: bigint, registers: Registers): Unwound {
  let sp = from;
  for (const { pop = 0, add = 0, loadsLr, spFrom, interruption } of steps) {
    if (interruption) return interrupted(scene, interruption, sp, registers);
    if (spFrom !== undefined) {
      const name = NUMBERED[spFrom];
      const kept = name === undefined ? undefined : registers[name];
      if (kept === undefined) return undefined;
      sp = kept;
    }
    for (let register = 0; register <= LR; register++) {
      if ((pop & (1 << register)) === 0) continue;
      const name = 1 << register === POPS_LR ? "lr" : NUMBERED[register];
      if (name !== undefined) registers[name] = scene.stack.pointer(sp);
      sp += 4n;
    }
    if (loadsLr) registers["lr"] = scene.stack.pointer(sp);
    sp += BigInt(add);
  }
  return returned(sp, registers);
}

/** What was pushed when code was interrupted: it goes on where it was. */
function interrupted(
  { stack }: WalkScene,
  kind: NonNullable<ArmStep["interruption"]>,
  at: bigint,
  { lr: _, ...kept }: Registers,
): Unwound {
  if (kind === "machine-frame") {
    const [sp, pc] = [stack.pointer(at), stack.pointer(at + 4n)];
    return sp === undefined || pc === undefined ? undefined : { ...callerArm("cfi", pc, sp, kept), interrupted: true };
  }
  const bytes = readExact(stack.memory, at as VirtualAddress, CONTEXT_ARM.size);
  const context = bytes && readArmContext(bytes);
  return context && { ...callerArm("cfi", context.pc, context.sp, context.registers), interrupted: true };
}

function returned(sp: bigint, { lr, ...kept }: Registers): Unwound {
  return lr === undefined ? undefined : callerArm("cfi", lr, sp, kept);
}
