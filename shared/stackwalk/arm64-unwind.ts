import type { VirtualAddress } from "../dump/address.ts";
import { CONTEXT_ARM64, readArm64Context } from "../dump/context/arm64.ts";
import { readTrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import { readExact } from "../dump/memory.ts";
import { readArm64Unwind } from "../image/unwind-arm64.ts";
import type { Arm64Code, Arm64Unwind } from "../image/unwind-arm64-codes.ts";
import type { Caller, FrameRegisters, FrameTrust, StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import type { Registers } from "./registers.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Registers that a call keeps, and the link register, which tells the caller. */
const KEPT = [...Array.from({ length: 10 }, (_, index) => `x${19 + index}`), "fp", "lr"];

/** Name of a register by its number. */
export function arm64Register(number: number): string {
  if (number === 29) return "fp";
  return number === 30 ? "lr" : `x${number}`;
}

/** Registers of a caller that are still known after a call was undone. */
export function keptArm64(registers: FrameRegisters): Registers {
  const kept: Registers = {};
  for (const name of KEPT) kept[name] = registers[name];
  return kept;
}

/** A caller with its registers, `pc` and `sp` among them. */
export function callerArm64(
  scene: WalkScene,
  trust: FrameTrust,
  pc: bigint,
  sp: bigint,
  registers: Registers,
  interrupted = false,
): Caller {
  const ip = scene.strip(pc);
  const known: Record<string, bigint> = {};
  for (const name in registers) {
    const value = registers[name];
    if (value !== undefined) known[name] = value;
  }
  const top = BigInt.asUintN(64, sp);
  known["sp"] = top;
  known["pc"] = ip;
  return { trust, ip, sp: top, registers: known, interrupted };
}

/** Undoes a frame by the unwind data of its image. */
export function unwindArm64(scene: WalkScene, module: WalkedModule, frame: StackFrame): Unwound {
  const lookupRva = Number(frame.lookupIp - module.base);
  const entry = module.packedFunction(lookupRva);
  if (entry === undefined || entry === "hole") return undefined;
  const unwind = entry === "none" ? undefined : readArm64Unwind(module.image, entry);
  if (typeof unwind === "string") return undefined;
  const registers = keptArm64(frame.registers);
  if (!unwind || lookupRva >= unwind.begin + unwind.length) {
    const { lr } = registers;
    // Without a record a function leaves the link register as it was called with.
    return lr === undefined || !frame.interrupted ? undefined : callerArm64(scene, "cfi", lr, frame.sp, registers);
  }
  const offset = Number(frame.ip - module.base) - unwind.begin;
  return undoCodes(scene, codesAt(unwind, offset), frame, registers);
}

/** The steps that are left to undo at a place: each instruction of a prologue or epilogue is one step. */
function codesAt({ codes, epilogs, hasProlog }: Arm64Unwind, offset: number): readonly Arm64Code[] {
  const done = offset >> 2;
  if (hasProlog && done < codes.length) return codes.slice(codes.length - done);
  for (const epilog of epilogs) {
    const past = (offset - epilog.start) >> 2;
    if (past >= 0 && past <= epilog.codes.length) return epilog.codes.slice(past);
  }
  return codes;
}

function undoCodes(scene: WalkScene, codes: readonly Arm64Code[], frame: StackFrame, registers: Registers): Unwound {
  let sp: bigint = frame.sp;
  let interrupted = false;
  for (const code of codes) {
    switch (code.special) {
      case "trap-frame":
      case "context":
      case "machine-frame":
        return interruption(scene, code.special, sp, registers);
      case "set-fp": {
        const { fp } = registers;
        if (fp === undefined) return undefined;
        sp = fp - BigInt(code.below ?? 0);
        break;
      }
      case "strip":
        if (registers["lr"] !== undefined) registers["lr"] = scene.strip(registers["lr"]);
        break;
      case "interrupted":
        interrupted = true;
        break;
      default:
        break;
    }
    for (const [register, offset] of code.restore ?? [])
      registers[arm64Register(register)] = scene.stack.pointer(sp + BigInt(offset));
    sp += BigInt(code.add ?? 0);
  }
  const { lr } = registers;
  return lr === undefined ? undefined : callerArm64(scene, "cfi", lr, sp, registers, interrupted);
}

/** What was pushed when code was interrupted. */
function interruption(
  scene: WalkScene,
  kind: "trap-frame" | "context" | "machine-frame",
  at: bigint,
  registers: Registers,
): Unwound {
  const { memory } = scene.stack;
  if (kind === "machine-frame") {
    const sp = scene.stack.pointer(at);
    const pc = scene.stack.pointer(at + 8n);
    return sp === undefined || pc === undefined ? undefined : callerArm64(scene, "cfi", pc, sp, registers, true);
  }
  const address = at as VirtualAddress;
  if (kind === "trap-frame") {
    const trap = readTrapFrame(memory, "arm64", address, 0)?.context;
    return trap && callerArm64(scene, "cfi", trap.pc, trap.sp, { ...registers, ...trap.registers }, true);
  }
  const bytes = readExact(memory, address, CONTEXT_ARM64.size);
  const context = bytes && readArm64Context(bytes);
  return context && callerArm64(scene, "cfi", context.pc, context.sp, context.registers, true);
}
