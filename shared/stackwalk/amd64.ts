import type { VirtualAddress } from "../dump/address.ts";
import type { TrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import { callsInto } from "./amd64-calls.ts";
import { callerAmd64 } from "./amd64-registers.ts";
import { isStopsFault, trapOfHandler } from "./amd64-traps.ts";
import { keptAmd64, returnAmd64, undoLeaf, unwindAmd64 } from "./amd64-unwind.ts";
import { byCfi } from "./by-cfi.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import type { Caller, StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import { isLeaf, isReturnAddress, scanForCaller } from "./scan.ts";
import { followsCall, type WalkScene } from "./walk-scene.ts";

/** Addresses between the halves that the CPU can form. */
const LOW_END = 0x8000_0000_0000n;
const HIGH_START = 0xffff_8000_0000_0000n;
/** Frames behind a scanned one that must be in order for it to be believed. */
const CHECKED_FRAMES = 3;
/** A frame on another stack, in user mode, has nothing to do with trap frames this far above. */
const MAX_STACK = 0x1_0000n;
/** Frames of code made at run time that are followed to the next image. */
const MAX_MADE_FRAMES = 64;
/** Words of the outermost function's frame that are searched for its return address. */
const OUTERMOST_SLOTS = 40;
/** Largest frame that a chain of frame pointers is believed to jump over. */
const MAX_FRAME = 0x10_0000n;

function framePointer(scene: WalkScene, frame: StackFrame): Unwound {
  const rbp = frame.registers["rbp"];
  // Windows compilers use RBP as they like; code that was made at run time mostly keeps a chain.
  const isMade = frame.module === undefined && !scene.kernel;
  if (rbp === undefined || (scene.os === "Windows NT" && !isMade)) return undefined;
  if (rbp === 0n && frame.trust === "frame_pointer") return aboveChain(scene, frame) ?? "end";
  if (rbp === 0n && frame.trust === "scan") return "end";
  if (rbp < frame.sp || rbp - frame.sp > MAX_FRAME || (rbp & 7n) !== 0n) return undefined;
  const saved = scene.stack.pointer(rbp);
  const ip = scene.stack.pointer(rbp + 8n);
  if (saved === undefined || ip === undefined) return undefined;
  if (ip === 0n) return "end";
  if (saved !== 0n && saved <= rbp) return undefined;
  const module = scene.modules.find(ip - 1n);
  const believed = module ? followsCall(scene, module, ip) !== false : !scene.kernel && leadsToImage(scene, saved);
  return believed ? callerAmd64("frame_pointer", ip, rbp + 16n, { rbp: saved }) : undefined;
}

/** Whether a chain of frames of code that no image holds comes to a return address of one. */
function leadsToImage(scene: WalkScene, start: bigint): boolean {
  let rbp = start;
  for (let link = 0; link < MAX_MADE_FRAMES; link++) {
    const saved = scene.stack.pointer(rbp);
    const ip = scene.stack.pointer(rbp + 8n);
    if (saved === undefined || ip === undefined || (rbp & 7n) !== 0n) return false;
    const module = scene.modules.find(ip - 1n);
    if (module) return followsCall(scene, module, ip) !== false;
    if (saved <= rbp || saved - rbp > MAX_FRAME) return false;
    rbp = saved;
  }
  return false;
}

function unwindByRules(scene: WalkScene, module: WalkedModule, frame: StackFrame): Unwound {
  const rva = Number(frame.lookupIp - module.base);
  if (!module.pdata && isLeaf(module, rva)) return undoLeaf(scene, frame, keptAmd64(scene, frame.registers));
  return byCfi(scene, module, frame, keptAmd64(scene, frame.registers), (ip, sp, registers) =>
    callerAmd64("cfi", ip, sp, registers),
  );
}

/** Whether all functions of an image that call others have something that tells about their frames. */
function describesFrames(module: WalkedModule): boolean {
  return module.pdata !== undefined || module.symbols?.describesFrames === true;
}

/**
 * The caller of the frame that a chain of frame pointers ends with. Code that starts a process or a thread clears
 * RBP and calls one function of the C library, which leaves it as it is. What that call has pushed lies above all
 * else of that function's frame; only the kernel's or the thread's own records are further up.
 */
function aboveChain(scene: WalkScene, frame: StackFrame): Unwound {
  if (scene.os !== "Linux" && scene.os !== "Android") return undefined;
  let found: Unwound;
  for (let slot: bigint = frame.sp, count = 0; count < OUTERMOST_SLOTS; count++, slot += 8n) {
    const ip = scene.stack.pointer(slot);
    if (ip === undefined) break;
    // Functions start at such places, program headers too: those are pointers that somebody was given.
    if ((ip & 15n) === 0n || !isReturnAddress(scene, ip)) continue;
    found = callerAmd64("scan", ip, slot + 8n, { rbp: 0n });
  }
  return found;
}

/** x64, of Windows and of others. */
export const AMD64: CpuWalker = {
  ip: "rip",
  sp: "rsp",
  callBytes: 1n,
  isAddress: (value) => value < LOW_END || value >= HIGH_START,
  byUnwindData: unwindAmd64,
  bySymbols: unwindByRules,
  /** A call to nowhere: its return address is on top of the stack. */
  undoCall: (scene, frame) => returnAmd64(scene, frame.sp, keptAmd64(scene, frame.registers)),
  byFramePointer: framePointer,
  byScan: (scene, frame, callee) => {
    const trap = scene.trapFrames().find(({ address }) => address >= frame.sp && address - frame.sp < MAX_STACK);
    const handled = trapOfHandler(scene, frame, callee);
    if (handled) return interruptedBy(handled);
    const module = frame.module && scene.modules.find(frame.lookupIp);
    const ownHandling = module !== undefined && trap !== undefined && isStopsFault(scene, trap);
    const make = (ip: bigint, slot: bigint, far: boolean): Unwound => {
      // Records of exceptions name the place where they happened.
      if ([frame, callee].some((one) => one?.interrupted && one.ip === ip)) return undefined;
      const owner = scene.modules.find(ip - 1n);
      if (ownHandling && owner !== module) return undefined;
      if (far && !(owner && describesFrames(owner))) return undefined;
      if (owner !== module && !callsInto(scene, ip, module, frame.lookupRva ?? 0)) return undefined;
      // The frame pointer is a guess: what the walk goes on with must lead on.
      const callers = [pushedFrame(scene, frame, slot), {}].map((kept) => callerAmd64("scan", ip, slot + 8n, kept));
      const lead = callers.map((caller) => leadsOn(scene, caller, CHECKED_FRAMES));
      return callers[lead.includes(true) || far ? lead.indexOf(true) : lead.indexOf(undefined)];
    };
    const found = scanForCaller(scene, frame, make, trap?.address);
    if (found || !trap) return found;
    // Nothing returns from below a trap: what it interrupted is next.
    return interruptedBy(trap);
  },
};

function interruptedBy({ context }: TrapFrame): Caller {
  return callerAmd64("cfi_scan", context.pc, context.sp, context.registers, true);
}

/**
 * Whether a caller that a scan found is believable: where its image has unwind data, what they lead to must be
 * a return address again. A stale address mostly leads to nowhere.
 * @returns undefined where they cannot tell
 */
function leadsOn(scene: WalkScene, caller: Caller, depth: number): boolean | undefined {
  const lookupIp = caller.ip - 1n;
  const module = scene.modules.find(lookupIp);
  if (!module || !describesFrames(module) || depth === 0) return true;
  const undo = module.pdata ? unwindAmd64 : unwindByRules;
  const next = undo(scene, module, {
    trust: "scan",
    ip: caller.ip as VirtualAddress,
    sp: caller.sp as VirtualAddress,
    lookupIp: lookupIp as VirtualAddress,
    interrupted: false,
    registers: caller.registers,
  });
  if (next === undefined) return undefined;
  if (next === "end" || next.interrupted === true || next.ip === 0n) return true;
  if (next.sp <= caller.sp || !isReturnAddress(scene, next.ip)) return false;
  return callsInto(scene, next.ip, module, Number(lookupIp - module.base)) && leadsOn(scene, next, depth - 1);
}

/** RBP behind a scan: what stands below the return address where that looks like a saved frame pointer. */
function pushedFrame(scene: WalkScene, frame: StackFrame, slot: bigint): Record<string, bigint | undefined> {
  const rbp = frame.registers["rbp"];
  if (rbp === undefined) return {};
  const saved = rbp === slot - 8n ? scene.stack.pointer(slot - 8n) : undefined;
  if (saved !== undefined && saved > slot && saved - slot <= 0x2_0000n) return { rbp: saved };
  return rbp >= slot + 8n ? { rbp } : {};
}
