import type { StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import { evaluatePostfix, type PostfixScope } from "./postfix.ts";
import type { Registers } from "./registers.ts";
import type { WalkScene } from "./walk-scene.ts";

/** Names in symbol files that contexts have under another one. */
const ALIASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  arm64: { x29: "fp", x30: "lr", x31: "sp" },
  arm: { r11: "fp", r13: "sp", r14: "lr", r15: "pc" },
};

/** The name that contexts have for a register of a symbol file. */
function registerName(scene: WalkScene, name: string): string {
  const plain = name.startsWith("$") ? name.slice(1) : name;
  return ALIASES[scene.cpu]?.[plain] ?? plain;
}

/** What expressions read: the callee's registers and its stack. */
export function frameScope(scene: WalkScene, frame: StackFrame, more: ReadonlyMap<string, bigint>): PostfixScope {
  return {
    bits: scene.pointerSize === 8 ? 64 : 32,
    variable: (name) => more.get(name) ?? frame.registers[registerName(scene, name)],
    dereference: (address) => scene.stack.pointer(address),
  };
}

/**
 * Undoes a frame by the STACK CFI rules of a symbol file.
 * @param kept registers that the caller has where no rule says otherwise
 * @param make builds the caller
 */
export function byCfi(
  scene: WalkScene,
  module: WalkedModule,
  frame: StackFrame,
  kept: Registers,
  make: (ip: bigint, sp: bigint, registers: Registers) => Unwound,
): Unwound {
  const rules = module.symbols?.cfi(Number(frame.lookupIp - module.base))?.rules;
  const cfaRule = rules?.get(".cfa");
  if (!rules || cfaRule === undefined) return undefined;
  const cfa = evaluatePostfix(cfaRule, frameScope(scene, frame, new Map()));
  if (cfa === undefined) return undefined;
  const scope = frameScope(scene, frame, new Map([[".cfa", cfa]]));
  const raRule = rules.get(".ra");
  const ra = raRule === undefined ? undefined : evaluatePostfix(raRule, scope);
  if (ra === undefined) return raRule?.includes(".undef") ? "end" : undefined;
  const registers: Registers = { ...kept };
  let sp = cfa;
  for (const [name, rule] of rules) {
    if (name === ".cfa" || name === ".ra") continue;
    const register = registerName(scene, name);
    const value = evaluatePostfix(rule, scope);
    if (register === "rsp" || register === "esp" || register === "sp") sp = value ?? cfa;
    else registers[register] = value;
  }
  return make(ra, sp, registers);
}
