import { dataView } from "../bytes/layout.ts";
import type { RuntimeFunction } from "../image/unwind-amd64.ts";
import type { WalkedModule } from "./module-map.ts";
import { callTarget, type WalkScene } from "./walk-scene.ts";

/**
 * Where the call before a return address can have led: what has returned long ago mostly called something else
 * than the frame that stands below it now.
 */

/** Bytes of a leaf that are searched for one. */
const MAX_THUNK = 32;
/** Functions that hand over to one another without a return. */
const MAX_TAIL_CALLS = 2;
/** Bytes of a function that are searched for a jump out of it. */
const MAX_CODE = 0x1000;

/**
 * Whether the call before a return address can have led into the function at a place: false where it led elsewhere.
 * @param module undefined: code that no image holds
 */
export function callsInto(scene: WalkScene, returns: bigint, module: WalkedModule | undefined, rva: number): boolean {
  const caller = scene.modules.find(returns - 1n);
  const target = caller && callTarget(caller, returns);
  if (!caller || target === undefined) return true;
  // Through an import: to another image.
  if (target === "pointer") return module ? caller !== module : !callsImport(caller, returns);
  const [first, second] = caller.image.read(target, 2);
  // A thunk of an import, or of code that the linker moved.
  if (first === 0xff || (first === 0x48 && second === 0xff)) return module !== undefined && caller !== module;
  if (first === 0xe9 || first === 0xeb) return true;
  const called = caller.runtimeFunction(target);
  if (called === undefined || called === "hole") return true;
  if (caller !== module) return mayJumpAway(caller, called === "none" ? leafAt(target) : called);
  const entered = module.runtimeFunction(rva);
  if (called === "none" || typeof entered !== "object") return true;
  // Parts of a function stand elsewhere: their records lead back to it.
  return (
    called.begin === entered.begin ||
    typeof chainOf(module, entered.unwind) === "number" ||
    handsOver(module, called, entered.begin, MAX_TAIL_CALLS)
  );
}

/** Whether the call through memory before a return address takes its target from the table of imports. */
function callsImport(caller: WalkedModule, returns: bigint): boolean {
  const rva = Number(returns - caller.base);
  const displacement = caller.image.read(rva - 4, 4);
  const imports = caller.headers?.directory("importAddresses");
  if (!imports || displacement.length < 4) return false;
  const at = rva + dataView(displacement).getInt32(0, true) - imports.rva;
  return at >= 0 && at < imports.size;
}

/** Whether a function may end with a jump to another one of the image, which then stands in its place, and so on. */
function handsOver(module: WalkedModule, { begin, end }: RuntimeFunction, to: number, depth: number): boolean {
  const code = module.image.read(begin, Math.min(end - begin, MAX_CODE));
  const view = dataView(code);
  for (let at = 0; at + 5 <= code.length; at++) {
    if (code[at] !== 0xe9) continue;
    const target = begin + at + 5 + view.getInt32(at + 1, true);
    if (target === to) return true;
    if (depth === 0 || target < 0 || (target >= begin && target < end)) continue;
    const next = module.runtimeFunction(target);
    if (typeof next === "object" && next.begin === target && handsOver(module, next, to, depth - 1)) return true;
  }
  return false;
}

/** Leaves have no record that tells their end; those that only hand over to another function are short. */
function leafAt(begin: number): Pick<RuntimeFunction, "begin" | "end"> {
  return { begin, end: begin + MAX_THUNK };
}

/** Whether a function may end with a jump to another image, so that it is not on the stack itself. */
function mayJumpAway(module: WalkedModule, { begin, end }: Pick<RuntimeFunction, "begin" | "end">): boolean {
  const code = module.image.read(begin, Math.min(end - begin, MAX_CODE));
  return code.some(
    (byte, at) => byte === 0xff && ((code[at + 1] ?? 0) === 0x25 || ((code[at + 1] ?? 0) & 0xf8) === 0xe0),
  );
}

function chainOf(module: WalkedModule, unwind: number): number | undefined {
  const info = module.unwindInfo(unwind);
  return typeof info === "string" ? undefined : info.chained?.begin;
}
