import type { VirtualAddress } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import type { NamedFrame } from "../symbols/name-frames.ts";
import { moduleAt, moduleLabel } from "../triage/module-at.ts";
import { oneLine, padded, ticked, unknownAddress } from "./text/format.ts";

/** A frame as STACK_TEXT prints it. What is absent is printed as dashes. */
export interface StackTextFrame {
  readonly instruction: VirtualAddress;
  /** Stack pointer (x64, ARM64) or frame pointer (x86) of the frame. */
  readonly frame?: VirtualAddress;
  readonly returnAddress?: VirtualAddress;
  /** First three (x86) or four (x64) arguments. */
  readonly args?: readonly bigint[];
  /** `function+0xoffset`, once symbols are read. */
  readonly symbol?: string;
  /** Names of functions that were inlined there, innermost first: lines of their own. */
  readonly inlines?: readonly string[];
}

/** Frame 0 from the registers that the dump has: of the exception in user dumps, of the thread in kernel dumps. */
export function contextFrames(dump: Dump): StackTextFrame[] {
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  const context = dump.bugcheck ? thread?.context : (dump.exception?.context ?? thread?.context);
  if (!context) return [];
  const { ebp } = context.registers;
  const frame = dump.pointerSize === 4 ? (ebp as VirtualAddress | undefined) : context.sp;
  return [{ instruction: context.pc, ...(frame === undefined ? {} : { frame }) }];
}

/** Most lines of STACK_TEXT. */
const MAX_LINES = 100;

const NO_ADDRESS = 0n as VirtualAddress;
const NO_WORDS: readonly bigint[] = [0n, 0n, 0n, 0n];

/** Walked frames as STACK_TEXT prints them. */
export function stackTextFrames(dump: Dump, frames: readonly NamedFrame[]): StackTextFrame[] {
  return frames.slice(0, MAX_LINES).map(({ frame, hit, args }, index) => {
    const next = frames[index + 1]?.frame;
    // The 32-bit half of a WOW64 stack does not return to the 64-bit one.
    const caller = next?.pointerSize === frame.pointerSize ? next : undefined;
    // Debuggers print zeros where they have none: behind the last frame, and where a trap leads to a stack that is not there.
    const words = args ?? NO_WORDS;
    const pointer = (frame.pointerSize ?? dump.pointerSize) === 4 ? frame.registers["ebp"] : frame.sp;
    const offset = hit && frame.rva !== undefined ? frame.rva - hit.rva : 0;
    return {
      instruction: frame.ip,
      ...(pointer === undefined ? {} : { frame: pointer as VirtualAddress }),
      returnAddress: caller?.ip ?? NO_ADDRESS,
      args: words,
      ...(hit ? { symbol: offset === 0 ? hit.name : `${hit.name}+0x${offset.toString(16)}` } : {}),
      ...(hit?.inlines.length ? { inlines: hit.inlines.map(({ name }) => name).toReversed() } : {}),
    };
  });
}

/** `module+0xoffset` (or with a symbol `module!function+0xoffset`), or the bare address outside of every module. */
export function placeName(dump: Dump, address: VirtualAddress, symbol?: string): string {
  const module = moduleAt(dump, address);
  if (!module) return `0x${ticked(address, dump.pointerSize)}`;
  const label = oneLine(moduleLabel(dump, module));
  return symbol === undefined ? `${label}+0x${(address - module.base).toString(16)}` : `${label}!${oneLine(symbol)}`;
}

/** What the line of an inlined function starts with: it has no frame of its own. */
export const INLINE_LINE = "(Inline";

/** The lines of STACK_TEXT: one for each frame, and before it one for each function that was inlined there. */
export function stackText(dump: Dump, frames: readonly StackTextFrame[]): string {
  return frames
    .flatMap((frame) => [
      ...(frame.inlines ?? []).map((name) => inlineLine(dump, frame, name)),
      dump.pointerSize === 4 ? narrowLine(dump, frame) : wideLine(dump, frame),
    ])
    .join("\n");
}

/** As debuggers print an inlined function: dashes for all that a frame would have. */
function inlineLine(dump: Dump, frame: StackTextFrame, name: string): string {
  const none = unknownAddress(dump.pointerSize);
  const place = placeName(dump, frame.instruction, name);
  if (dump.pointerSize === 4) return `${INLINE_LINE}) ${none} ${none} ${none} ${none} ${place}`;
  return `${INLINE_LINE} Function) ${none}     : ${none} ${none} ${none} ${none} : ${place}`;
}

/** `ebp return arg1 arg2 arg3 place`. */
function narrowLine(dump: Dump, frame: StackTextFrame): string {
  const args = [0, 1, 2].map((index) => value(dump, frame.args?.[index], padded));
  const start = [value(dump, frame.frame, padded), value(dump, frame.returnAddress, padded)];
  return [...start, ...args, placeName(dump, frame.instruction, frame.symbol)].join(" ");
}

/** `rsp return : arg1 arg2 arg3 arg4 : place`, as current engines space it. */
function wideLine(dump: Dump, frame: StackTextFrame): string {
  const args = [0, 1, 2, 3].map((index) => value(dump, frame.args?.[index], ticked)).join(" ");
  const start = `${value(dump, frame.frame, ticked)} ${value(dump, frame.returnAddress, ticked)}`;
  return `${start}     : ${args} : ${placeName(dump, frame.instruction, frame.symbol)}`;
}

function value(dump: Dump, known: bigint | undefined, write: typeof padded): string {
  return known === undefined ? unknownAddress(dump.pointerSize) : write(known, dump.pointerSize);
}
