import { frameScope } from "./by-cfi.ts";
import type { StackFrame, Unwound } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import { evaluatePostfix } from "./postfix.ts";
import type { Registers } from "./registers.ts";
import { isReturnAddress } from "./scan.ts";
import type { WinFrameData } from "./symbol-provider.ts";
import type { WalkScene } from "./walk-scene.ts";
import { callerX86, keptX86 } from "./x86-registers.ts";

/** Words above the place of the return address that are looked at for it: sizes in records may be short. */
const SEARCHED = 3;
/** The same behind a program that led to no code. */
const SEARCHED_BEHIND = 15;

/** What stands for FPO records, which have no program. */
const FPO = "$eip .raSearchStart ^ = $esp .raSearchStart 4 + =";
const FPO_WITH_EBP =
  "$eip .raSearchStart ^ = $ebp $esp .cbCalleeParams + .cbSavedRegs + 8 - ^ = $esp .raSearchStart 4 + =";

/** Undoes a frame of x86 by frame data or FPO records. */
export function byFrameData(scene: WalkScene, module: WalkedModule, frame: StackFrame, callee?: StackFrame): Unwound {
  const data = dataOf(scene, frame);
  if (!data || !module.symbols) return undefined;
  // Parameters of the function that this one has called still lie on its stack.
  const calleeParams = callee ? (dataOf(scene, callee)?.paramSize ?? 0) : 0;
  const variables = variablesOf(scene, frame, data, calleeParams);
  const program = data.program ?? (data.usesBp ? FPO_WITH_EBP : FPO);
  evaluatePostfix(program, frameScope(scene, frame, variables), (name, value) => variables.set(name, value));
  const ip = variables.get("$eip");
  const sp = variables.get("$esp");
  if (ip === undefined || sp === undefined) return undefined;
  if (ip === 0n) return "end";
  const registers: Registers = keptX86(frame.registers);
  for (const name of ["ebp", "ebx", "esi", "edi"]) registers[name] = variables.get(`$${name}`) ?? registers[name];
  if (scene.modules.find(ip - 1n)) return callerX86("cfi", ip, sp, registers);
  const found = searchReturn(scene, sp, SEARCHED_BEHIND);
  return found && callerX86("cfi_scan", found.ip, found.slot + 4n, registers);
}

function dataOf(scene: WalkScene, frame: StackFrame): WinFrameData | undefined {
  const module = scene.modules.find(frame.lookupIp);
  return module?.symbols?.frameData(Number(frame.lookupIp - module.base));
}

function variablesOf(
  scene: WalkScene,
  frame: StackFrame,
  data: WinFrameData,
  calleeParams: number,
): Map<string, bigint> {
  const start = frame.sp + BigInt(calleeParams + data.localSize + data.savedRegSize);
  const search = BigInt.asUintN(32, searchReturn(scene, start, SEARCHED)?.slot ?? start);
  return new Map([
    [".cbCalleeParams", BigInt(calleeParams)],
    [".cbSavedRegs", BigInt(data.savedRegSize)],
    [".cbLocals", BigInt(data.localSize)],
    [".cbParams", BigInt(data.paramSize)],
    [".raSearchStart", search],
    [".raSearch", search],
  ]);
}

function searchReturn(scene: WalkScene, start: bigint, words: number): { ip: bigint; slot: bigint } | undefined {
  for (let count = 0, slot = start; count < words; count++, slot += 4n) {
    const ip = scene.stack.pointer(slot);
    if (ip === undefined) return undefined;
    if (isReturnAddress(scene, ip)) return { ip, slot };
  }
  return undefined;
}
