import type { VirtualAddress } from "../dump/address.ts";
import { KTRAP_FRAME_AMD64 } from "../dump/kernel-dump/trap-frame/amd64.ts";
import { readTrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import { type RuntimeFunction, UNWIND_OP, type UnwindCode, type UnwindInfo } from "../image/unwind-amd64.ts";
import { undoEpilog } from "./amd64-epilog.ts";
import { AMD64_REGISTERS, callerAmd64 } from "./amd64-registers.ts";
import type { FrameRegisters, StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import type { Registers } from "./registers.ts";
import { isReturnAddress } from "./scan.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Registers that a call keeps. Windows also keeps RSI and RDI, other systems do not. */
const KEPT_WINDOWS = ["rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15"];
const KEPT_SYSTEM_V = ["rbx", "rbp", "r12", "r13", "r14", "r15"];

/** A function that is a part of another one: linkers make short chains, broken files may make endless ones. */
const MAX_CHAIN = 32;

/** No code lies below: what is smaller is a number. */
const MAX_NUMBER = 0xffffn;

/** Registers of the caller that are still known after a call was undone. */
export function keptAmd64(scene: WalkScene, registers: FrameRegisters): Registers {
  const kept: Registers = {};
  for (const name of scene.os === "Windows NT" ? KEPT_WINDOWS : KEPT_SYSTEM_V) kept[name] = registers[name];
  return kept;
}

/** The caller whose return address lies at `sp`. */
export function returnAmd64(scene: WalkScene, sp: bigint, registers: Registers): Unwound {
  const ip = scene.stack.pointer(sp);
  if (ip === undefined) return undefined;
  return callerAmd64("cfi", ip, sp + 8n, registers);
}

/**
 * Undoes a frame by the unwind data of its image.
 * @returns undefined where the image has none that can be read or that are not understood
 */
export function unwindAmd64(scene: WalkScene, module: WalkedModule, frame: StackFrame): Unwound {
  const rva = Number(frame.ip - module.base);
  const lookupRva = Number(frame.lookupIp - module.base);
  const entry = module.runtimeFunction(lookupRva);
  if (entry === undefined || entry === "hole") return undefined;
  const registers = keptAmd64(scene, frame.registers);
  if (entry === "none") return undoLeaf(scene, frame, registers);
  const info = module.unwindInfo(entry.unwind);
  if (typeof info === "string") return undefined;
  if (frame.interrupted && rva - entry.begin >= info.prologSize) {
    const undone = undoEpilog(scene, module, entry, info, frame);
    if (undone?.machineFrame)
      return machineFrame(scene, undone.sp, { ...frame.registers, ...undone.restored }, registers);
    if (undone) return returnAmd64(scene, undone.sp, { ...registers, ...undone.restored });
  }
  return undoPrologs(scene, module, entry, info, rva, frame, registers);
}

/**
 * Without a record a function neither moves the stack pointer nor saves anything. One that has called another
 * is none of those, whatever its image says: only what it finds can make that believed.
 */
export function undoLeaf(scene: WalkScene, frame: StackFrame, registers: Registers): Unwound {
  const caller = returnAmd64(scene, frame.sp, registers);
  if (caller === undefined || caller === "end" || caller.ip === 0n) return caller;
  if (!frame.interrupted) return isReturnAddress(scene, caller.ip) ? caller : undefined;
  const owner = scene.modules.find(caller.ip - 1n);
  const isCode = owner ? owner.isExecutable(Number(caller.ip - owner.base) - 1) !== false : caller.ip > MAX_NUMBER;
  return isCode ? caller : undefined;
}

function undoPrologs(
  scene: WalkScene,
  module: WalkedModule,
  entry: RuntimeFunction,
  first: UnwindInfo,
  rva: number,
  frame: StackFrame,
  registers: Registers,
): Unwound {
  const all: Registers = { ...frame.registers, ...registers };
  const offset = rva - entry.begin;
  let sp: bigint = frame.sp;
  let info = first;
  for (let link = 0; link < MAX_CHAIN; link++) {
    // Parents have run their whole prologue before a part of them runs.
    const done = link > 0 || offset >= info.prologSize ? Number.POSITIVE_INFINITY : offset;
    const undone = undoCodes(scene, info, done, sp, all);
    if (!undone) return undefined;
    if (undone.machineFrame !== undefined) return machineFrame(scene, undone.machineFrame, all, registers);
    sp = undone.sp;
    if (!info.chained) {
      for (const name in registers) registers[name] = all[name];
      return returnAmd64(scene, sp, registers);
    }
    const parent = module.unwindInfo(info.chained.unwind);
    if (typeof parent === "string") return undefined;
    info = parent;
  }
  return undefined;
}

/** Applies the codes of one record; undefined where a saved register lies in a hole or a code makes no sense. */
function undoCodes(
  scene: WalkScene,
  info: UnwindInfo,
  done: number,
  start: bigint,
  registers: Registers,
): { sp: bigint; machineFrame?: bigint } | undefined {
  const frameBase = baseOf(info, done, start, registers);
  let sp = start;
  for (const code of info.codes) {
    if (code.offset > done) continue;
    const name = AMD64_REGISTERS[code.info] as string;
    switch (code.op) {
      case UNWIND_OP.pushNonvolatile: {
        const value = scene.stack.pointer(sp);
        if (value === undefined) return undefined;
        registers[name] = value;
        sp += 8n;
        break;
      }
      case UNWIND_OP.allocLarge:
      case UNWIND_OP.allocSmall:
        sp += BigInt(code.value);
        break;
      case UNWIND_OP.setFrameRegister:
        sp = frameBase;
        break;
      case UNWIND_OP.saveNonvolatile:
      case UNWIND_OP.saveNonvolatileFar:
        registers[name] = scene.stack.pointer(frameBase + BigInt(code.value));
        break;
      case UNWIND_OP.pushMachineFrame:
        return { sp, machineFrame: sp + (code.info === 0 ? 0n : 8n) };
      default:
        break;
    }
  }
  return { sp };
}

/** Where saved registers are counted from: the frame register where it has been set already. */
function baseOf(info: UnwindInfo, done: number, sp: bigint, registers: Registers): bigint {
  if (info.frameRegister === 0) return sp;
  const setAt = info.codes.find(({ op }: UnwindCode) => op === UNWIND_OP.setFrameRegister)?.offset;
  // A part of a function has no code for it but uses its parent's.
  if (setAt !== undefined && setAt > done) return sp;
  const value = registers[AMD64_REGISTERS[info.frameRegister] as string];
  // Behind a scan it may not be known; most functions take no more memory behind their prologue.
  return value === undefined ? sp : BigInt.asUintN(64, value - BigInt(info.frameOffset));
}

/** What the CPU pushed when it interrupted code: RIP, CS, EFLAGS, RSP, SS. */
function machineFrame(scene: WalkScene, at: bigint, all: Registers, kept: Registers): Unwound {
  const ip = scene.stack.pointer(at);
  const sp = scene.stack.pointer(at + 24n);
  if (ip === undefined || sp === undefined) return undefined;
  const registers: Registers = {};
  for (const name in kept) registers[name] = all[name];
  return callerAmd64("cfi", ip, sp, { ...registers, ...trapRegisters(scene, at) }, true);
}

/** Registers that a kernel's trap frame around a machine frame saved, the volatile ones among them. */
function trapRegisters(scene: WalkScene, machineFrame: bigint): Registers {
  if (!scene.kernel) return {};
  const at = (machineFrame - BigInt(KTRAP_FRAME_AMD64.offsetOf("Rip"))) as VirtualAddress;
  return { ...readTrapFrame(scene.stack.memory, "amd64", at, 0)?.context.registers };
}
