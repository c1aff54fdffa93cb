import type { StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import { followsCall, type WalkScene } from "./walk-scene.ts";

/** Slots that are looked at for a caller; more above a frame whose registers are sure. */
const SLOTS = 40;
const SLOTS_BEHIND_SURE = 160;
/** Beyond those only what unwind data confirm is taken. */
const FAR_SLOTS = 1024;
/** A whole kernel stack of 24 KiB. */
const KERNEL_SLOTS = 3072;

/**
 * Looks up the stack for something that a call can have pushed.
 * @param make builds the caller from the return address and the slot that it was found in, which may lie further up
 *   than frames mostly reach; undefined: go on
 * @param limit address that the search ends below
 */
export function scanForCaller(
  scene: WalkScene,
  frame: StackFrame,
  make: (ip: bigint, slot: bigint, far: boolean) => Unwound,
  limit?: bigint,
): Unwound {
  const sure = frame.trust === "context" || frame.trust === "cfi";
  const step = BigInt(scene.pointerSize);
  let slot: bigint = (frame.sp + step - 1n) & ~(step - 1n);
  // Kernel stacks are short, and whatever stands between two frames of them is a part of it.
  const near = scene.kernel ? KERNEL_SLOTS : sure ? SLOTS_BEHIND_SURE : SLOTS;
  if (slot + BigInt(near) * step > scene.stack.lookedAhead) planScan(scene, frame, slot);
  const slots = scene.cpu === "amd64" && scene.os === "Windows NT" ? Math.max(near, FAR_SLOTS) : near;
  const aligned = scene.cpu === "amd64" && scene.os === "Windows NT";
  for (let count = 0; count < slots && (limit === undefined || slot < limit); count++, slot += step) {
    const value = scene.stack.pointer(slot);
    if (value === undefined) return undefined;
    // Code of Windows x64 calls with its stack aligned to 16 bytes: what a call pushes stands 8 below such a place.
    if (aligned && (slot & 15n) !== 8n) continue;
    if (!isReturnAddress(scene, value)) continue;
    const caller = make(scene.strip(value), slot, count >= near);
    if (caller !== undefined) return caller;
  }
  return undefined;
}

/**
 * Asks the symbol files that are open for all words ahead that lie in their modules: else each would be waited for in
 * turn. The frames of a stack that has to be scanned lie close together, so this looks further than one scan does.
 */
function planScan(scene: WalkScene, { lookupIp }: StackFrame, from: bigint): void {
  if (!scene.modules.find(lookupIp)?.openSymbols?.plan) return;
  const byModule = new Map<WalkedModule, number[]>();
  const step = BigInt(scene.pointerSize);
  const end = from + BigInt(FAR_SLOTS) * step;
  for (let slot = from; slot < end; slot += step) {
    const value = scene.stack.pointer(slot);
    if (value === undefined) break;
    const address = scene.strip(value);
    const module = scene.modules.find(address - 1n);
    if (!module?.openSymbols?.plan) continue;
    const rva = Number(address - module.base);
    if (module.isExecutable(rva - 1) === false) continue;
    const rvas = byModule.get(module);
    // Names are asked for where the call is, functions' starts where it returns.
    if (rvas) rvas.push(rva - 1, rva);
    else byModule.set(module, [rva - 1, rva]);
  }
  for (const [module, rvas] of byModule) module.openSymbols?.plan?.(rvas);
  scene.stack.lookedAhead = end;
}

/** Whether a call may return there, as far as modules, their images and symbols tell. */
export function isReturnAddress(scene: WalkScene, value: bigint): boolean {
  const address = scene.strip(value);
  const module = scene.modules.find(address - 1n);
  if (!module) return false;
  const rva = Number(address - module.base);
  return module.isReturnAddress(rva, scene.narrow === true, () => mayReturnTo(scene, module, address, rva));
}

function mayReturnTo(scene: WalkScene, module: WalkedModule, address: bigint, rva: number): boolean {
  if (module.isExecutable(rva - 1) === false) return false;
  if (module.symbols?.covers(rva - 1) === false && !isFunction(module, rva - 1)) return false;
  // Elsewhere code is not looked at.
  if (scene.cpu !== "amd64" && scene.cpu !== "x86" && scene.cpu !== "arm64") return true;
  // A pointer to a function is no place that a call returns to, unless the code says so.
  if (module.symbols?.lookup(rva)?.rva === rva && followsCall(scene, module, address) !== true) return false;
  if (scene.cpu === "amd64" && isLeaf(module, rva - 1)) return false;
  return followsCall(scene, module, address) !== false;
}

/** Symbol files may leave functions out that the image has unwind data for, or they themselves. */
function isFunction(module: WalkedModule, rva: number): boolean {
  if (module.pdata !== undefined) return typeof module.runtimeFunction(rva) === "object";
  return module.symbols?.describesFrames === true && module.symbols.cfi(rva) !== undefined;
}

/** x64: whether nothing tells of a frame there although whoever calls others has one. */
export function isLeaf(module: WalkedModule, rva: number): boolean {
  if (module.pdata) return module.runtimeFunction(rva) === "none";
  return module.symbols?.describesFrames === true && module.symbols.cfi(rva) === undefined;
}
