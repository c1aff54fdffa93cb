import type { RuntimeFunction, UnwindInfo } from "../image/unwind-amd64.ts";
import { AMD64_REGISTERS } from "./amd64-registers.ts";
import type { StackFrame } from "./frame.ts";
import type { WalkedModule } from "./module-map.ts";
import type { Registers } from "./registers.ts";
import { codeBytes, type WalkScene } from "./walk-scene.ts";

/**
 * Epilogues of x64: code that was interrupted inside of one has undone a part of its prologue already, and
 * what is left is told by the instructions themselves, of which few forms are allowed.
 * https://learn.microsoft.com/cpp/build/prolog-and-epilog
 */

/** The longest epilogue: LEA or ADD, eight pops with prefix, a jump. */
const MAX_BYTES = 32;

/** What an epilogue's rest leaves. */
export interface UndoneEpilog {
  /** Where the return address, or the machine frame, lies. */
  readonly sp: bigint;
  /** It ends with IRETQ. */
  readonly machineFrame: boolean;
  readonly restored: Registers;
}

/** Follows the instructions from the frame's place on; undefined where they are no epilogue. */
export function undoEpilog(
  scene: WalkScene,
  module: WalkedModule,
  entry: RuntimeFunction,
  info: UnwindInfo,
  frame: StackFrame,
): UndoneEpilog | undefined {
  const rva = Number(frame.ip - module.base);
  if (info.epilogs) {
    const { size, fromEnd } = info.epilogs;
    const inside = fromEnd.some((back) => rva >= entry.end - back && rva < entry.end - back + size);
    if (!inside) return undefined;
  }
  const code = codeBytes(scene, frame.ip, MAX_BYTES);
  const registers: Registers = { ...frame.registers };
  const restored: Registers = {};
  let sp: bigint = frame.sp;
  let at = 0;
  const allocated = frameEnd(code, info, registers, sp);
  if (allocated) {
    sp = allocated.sp;
    at = allocated.length;
  }
  for (;;) {
    const wide = code[at] === 0x41 ? 1 : 0;
    const opcode = code[at + wide];
    if (opcode === undefined || opcode < 0x58 || opcode > 0x5f) break;
    const value = scene.stack.pointer(sp);
    if (value === undefined) return undefined;
    restored[AMD64_REGISTERS[(opcode & 7) + wide * 8] as string] = value;
    sp += 8n;
    at += wide + 1;
  }
  const machineFrame = code[at] === 0x48 && code[at + 1] === 0xcf;
  if (!machineFrame && !leaves(code, at, rva, entry)) return undefined;
  // A pop of RSP is in no epilogue.
  return "rsp" in restored ? undefined : { sp, machineFrame, restored };
}

/** `add rsp, n` or, in functions with a frame register, `lea rsp, [register + n]`. */
function frameEnd(
  code: Uint8Array,
  info: UnwindInfo,
  registers: Registers,
  sp: bigint,
): { sp: bigint; length: number } | undefined {
  const [rex = 0, opcode = 0, modrm = 0] = code;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  if (rex === 0x48 && opcode === 0x83 && modrm === 0xc4 && code.length >= 4)
    return { sp: sp + BigInt(view.getInt8(3)), length: 4 };
  if (rex === 0x48 && opcode === 0x81 && modrm === 0xc4 && code.length >= 7)
    return { sp: sp + BigInt(view.getInt32(3, true)), length: 7 };
  if ((rex & 0xfe) !== 0x48 || opcode !== 0x8d || (modrm & 0x38) !== 0x20 || info.frameRegister === 0) return undefined;
  const base = (modrm & 7) + (rex & 1) * 8;
  const mode = modrm >> 6;
  // R12 needs a SIB byte.
  const sib = (modrm & 7) === 4 ? 1 : 0;
  const value = registers[AMD64_REGISTERS[base] as string];
  if (base !== info.frameRegister || value === undefined) return undefined;
  if (mode === 1 && code.length >= 4 + sib) return { sp: value + BigInt(view.getInt8(3 + sib)), length: 4 + sib };
  if (mode === 2 && code.length >= 7 + sib)
    return { sp: value + BigInt(view.getInt32(3 + sib, true)), length: 7 + sib };
  return undefined;
}

/** Whether a return, or a jump out of the function, stands there. */
function leaves(code: Uint8Array, at: number, rva: number, entry: RuntimeFunction): boolean {
  const [a, b, c] = [code[at], code[at + 1], code[at + 2]];
  if (a === 0xc3 || a === 0xc2 || (a === 0xf3 && b === 0xc3)) return true;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const outside = (target: number): boolean => target < entry.begin || target >= entry.end;
  if (a === 0xeb && b !== undefined) return outside(rva + at + 2 + view.getInt8(at + 1));
  if (a === 0xe9 && at + 5 <= code.length) return outside(rva + at + 5 + view.getInt32(at + 1, true));
  // A tail call through memory or, with REX.W, through a register.
  if (a === 0xff && b === 0x25) return true;
  if (a === 0x48 && b === 0xff) return c === 0x25 || (c !== undefined && (c & 0xf8) === 0xe0);
  return false;
}
