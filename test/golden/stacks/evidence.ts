import { existsSync, readFileSync } from "node:fs";
import type { VirtualAddress } from "../../../shared/dump/address.ts";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import type { ReportFrame } from "../../../shared/report/crash-report.ts";
import type { StackFrame } from "../../../shared/stackwalk/frame.ts";
import type { ThreadStack } from "../../../shared/stackwalk/walk-threads.ts";
import type { BreakpadSymbols } from "../../../shared/symbols/breakpad/breakpad-symbols.ts";
import { corpusPath } from "../../support/corpus.ts";
import { openBreakpad } from "../../support/symbol-files.ts";
import type { OracleFrame } from "./compare-stacks.ts";

/**
 * What the bytes of a dump and its symbol files say of a frame that one side has and the other has not. Each
 * answer is found again on every run, from the dump's memory and by other code than the walker's.
 */
export const EVIDENCE = {
  "no-call-before":
    "theirs is a scan's guess; the dump holds the bytes before that address, and no call instruction ends there",
  "start-of-function":
    "theirs is a scan's guess; the symbol file has a function that starts at that very address: a pointer to code, as " +
    "main and _start leave them on the stack, and no call returns there",
  "misaligned-slot":
    "theirs is a scan's guess from a word that stands in no slot where x64 code of Windows leaves a return address: calls " +
    "are made with the stack aligned to 16 bytes, so it stands 8 below a multiple of 16",
  "inside-frame":
    "theirs is a scan's guess from a word inside of the frame that unwind data or a chain of frame pointers enclose: " +
    "a local variable or what an older call has left",
  "outermost-frame":
    "theirs is a scan's guess from a word inside of the outermost function's frame, where the frame pointer is zero: a " +
    "pointer to main, to the program's entry or to the thread's function; that frame's one return address lies above",
  "above-bottom":
    "theirs is a scan's guess above the outermost frame: RBP, EBP or the frame pointer is zero there, or " +
    "points to a record of zeros, which the ABI prescribes for the first frame of a thread",
  "not-canonical": "theirs is no address that an x64 CPU can form: text that has overwritten the return address",
  "frame-pointer-found":
    "both have the frame; it lies where the frame pointer points. The oracle does not believe the chain because the " +
    "frame pointer saved there is zero: the outermost frame of the chain. A scan then came to the same place",
  "unwind-data-found":
    "both have the frame, or ours alone: the image's own unwind data, in the dump's memory, lead to it",
  "at-return":
    "ours alone: the code at the interrupted place is a return, or leads straight to one, so its caller is on top of " +
    "the stack",
  "above-at-return":
    "ours alone: scans on from a caller that was proven so; the oracle jumped over it, or ended its walk, by what it " +
    "took for a frame that RBP points to",
  "chain-breaks":
    "both have the frame; the oracle names it by a chain of frame pointers, but the frame pointer saved there leads " +
    "to no further frame: what lies behind it is no address of code",
  "wow64-half":
    "ours alone: the 32-bit half of a WOW64 thread, whose registers lie behind TlsSlots[1] of its 64-bit TEB; the " +
    "oracle does not look there",
  "symbols-elsewhere":
    "the oracle had the program's debug information from a place that is no part of the corpus; without it its walk " +
    "is ours",
} as const;

/** A key of {@link EVIDENCE}. */
export type Evidence = keyof typeof EVIDENCE;

/** Evidence that a frame of the oracle never was one. */
export const DISPROVES: readonly Evidence[] = [
  "no-call-before",
  "start-of-function",
  "misaligned-slot",
  "inside-frame",
  "outermost-frame",
  "above-bottom",
  "not-canonical",
];

interface SymbolFile {
  readonly symbols: BreakpadSymbols;
  /** Whether it has INLINE records. */
  readonly inlines: boolean;
}

const opened = new Map<string, SymbolFile | undefined>();

type Pair = readonly [ReportFrame | undefined, OracleFrame | undefined];

/** A difference with what is around it. */
export interface Question {
  readonly dump: Dump;
  readonly stacks: readonly ThreadStack[];
  /** Folder of the symbol files, relative to the corpus. */
  readonly symbols: string;
  readonly oracle: { readonly modules: readonly { readonly filename: string; readonly loaded_symbols: boolean }[] };
  readonly thread: number;
  readonly pairs: readonly Pair[];
  readonly at: number;
  readonly fields: readonly string[];
}

/** The first evidence that holds; undefined: the difference is not explained. */
export function evidenceOf(question: Question): Evidence | undefined {
  const { dump, stacks, thread, pairs, at } = question;
  const [ours, theirs] = pairs[at] as Pair;
  const walk = stacks.find((stack) => stack.thread === thread);
  if (!walk) return undefined;
  const found =
    ours && theirs ? both(question, ours, walk.frames) : theirs && theirsAlone(question, theirs, walk.frames, walk.end);
  if (found) return found;
  if (symbolsElsewhere(question)) return "symbols-elsewhere";
  return ours && oursAlone(dump, thread, ours.frame, walk.frames);
}

/** Whether the first 32-bit frame of a thread is where the emulation saved EIP: behind flags and machine, in a CONTEXT. */
function isWow64Half(dump: Dump, thread: number, frames: readonly StackFrame[]): boolean {
  const reserved = wordAt(dump, (dump.threads[thread]?.teb ?? 0n) + 0x1488n);
  const eip = reserved === undefined ? undefined : wordAt(dump, reserved + 4n + 0xb8n);
  return eip !== undefined && BigInt.asUintN(32, eip) === frames.find(({ pointerSize }) => pointerSize === 4)?.ip;
}

function oursAlone(dump: Dump, thread: number, index: number, frames: readonly StackFrame[]): Evidence | undefined {
  const own = frames[index];
  if (own?.pointerSize === 4) return isWow64Half(dump, thread, frames) ? "wow64-half" : undefined;
  if (own?.trust === "cfi") return "unwind-data-found";
  const start = frames[0];
  if (!start || !returnsFromHere(dump, start) || frames[1]?.ip !== wordAt(dump, start.sp)) return undefined;
  if (index === 1) return "at-return";
  return own?.trust === "scan" ? "above-at-return" : undefined;
}

/** Whether the code at a place is `ret`, `ret n`, or one store to an absolute address before it. */
function returnsFromHere(dump: Dump, { ip }: StackFrame): boolean {
  const code = bytesAt(dump, ip, 9);
  if (!code) return false;
  const stores = code[0] === 0xc6 && code[1] === 0x04 && code[2] === 0x25;
  return [0xc2, 0xc3].includes(code[stores ? 8 : 0] as number);
}

/** Whether the oracle names a frame of this stack by symbols of a module that no folder of the corpus has. */
function symbolsElsewhere({ oracle, pairs, symbols, dump }: Question): boolean {
  return pairs.some(([ours, theirs]) => {
    if (!ours || !theirs || ours.line === theirs.line) return false;
    const module = dump.modules.find(({ path }) => baseName(path) === ours.module);
    const loaded = oracle.modules.some(({ filename, loaded_symbols }) => filename === ours.module && loaded_symbols);
    return loaded && module !== undefined && !hasInlines(symbols, module);
  });
}

function both({ dump, fields }: Question, ours: ReportFrame, frames: readonly StackFrame[]): Evidence | undefined {
  const callee = frames[ours.frame - 1];
  const own = frames[ours.frame];
  if (fields.join() !== "trust" || !own || !callee) return undefined;
  if (own.trust === "cfi") return "unwind-data-found";
  const pointer = callee.registers["rbp"] ?? callee.registers["ebp"] ?? callee.registers["fp"];
  if (pointer === undefined || wordAt(dump, pointer + BigInt(dump.pointerSize)) !== own.ip) return undefined;
  const saved = wordAt(dump, pointer);
  if (own.trust === "frame_pointer") return saved === 0n ? "frame-pointer-found" : undefined;
  const next = saved === undefined ? undefined : wordAt(dump, saved + BigInt(dump.pointerSize));
  const isCode = dump.modules.some(
    ({ base, size }) => next !== undefined && next >= base && next - base < BigInt(size),
  );
  return isCode ? undefined : "chain-breaks";
}

function theirsAlone(
  { dump, thread, symbols, pairs, at }: Question,
  theirs: OracleFrame,
  frames: readonly StackFrame[],
  end: string,
): Evidence | undefined {
  const lookup = BigInt(theirs.offset);
  const returns = lookup + callBytes(dump);
  if (dump.cpu === "amd64" && lookup >= 0x8000_0000_0000n && lookup < 0xffff_8000_0000_0000n) return "not-canonical";
  if (theirs.trust === "scan") {
    if (dump.cpu === "amd64" || dump.cpu === "x86") {
      const before = bytesAt(dump, returns - 8n, 8);
      if (before && !endsWithCall(before)) return "no-call-before";
    }
    const module = dump.modules.find((one) => returns >= one.base && returns - one.base < BigInt(one.size));
    if (module && startsFunction(symbols, module, Number(returns - module.base))) return "start-of-function";
  }
  const below = pairs.slice(0, at).findLast(([own]) => own)?.[0];
  const above = pairs.slice(at + 1).find(([own]) => own)?.[0];
  const callee = frames[below?.frame ?? -1];
  const caller = frames[above?.frame ?? -1];
  if (!callee) return undefined;
  if (theirs.trust === "scan" && dump.cpu === "amd64" && dump.system.os === "Windows NT") {
    const slots = slotsOf(dump, thread, frames[0]?.sp ?? callee.sp, caller?.sp, returns);
    // Where code leaves return addresses it stands no more often than both sides have it.
    const aligned = slots.filter((slot) => slot % 16n === 8n).length;
    if (slots.length > aligned && aligned <= frames.filter(({ ip }) => ip === returns).length) return "misaligned-slot";
  }
  const outermost = caller?.trust === "scan" && isOutermost(dump, callee);
  if (caller && (caller.trust === "cfi" || caller.trust === "frame_pointer" || outermost)) {
    // The highest word of a frame is its return address.
    const top = caller.sp - BigInt(dump.pointerSize);
    for (let slot: bigint = callee.sp; slot < top; slot += BigInt(dump.pointerSize))
      if (wordAt(dump, slot) === returns) return outermost ? "outermost-frame" : "inside-frame";
  }
  if (!caller && end === "bottom" && theirs.trust === "scan" && isOutermost(dump, callee)) return "above-bottom";
  return undefined;
}

/** Where the word stands between two stack pointers; without the second up to the end of the thread's stack. */
function slotsOf(dump: Dump, thread: number, from: bigint, to: bigint | undefined, word: bigint): bigint[] {
  const { start, size } = dump.threads[thread]?.stack ?? { start: 0n, size: 0 };
  const end = to ?? start + BigInt(size);
  const slots: bigint[] = [];
  for (let slot = from; slot < end; slot += 8n) if (wordAt(dump, slot) === word) slots.push(slot);
  return slots;
}

/** Whether a frame's frame pointer is the zero that threads start with, or points to a record of zeros. */
function isOutermost(dump: Dump, { registers }: StackFrame): boolean {
  const pointer = registers["rbp"] ?? registers["ebp"] ?? registers["fp"];
  if (pointer === undefined || pointer === 0n) return pointer === 0n;
  return wordAt(dump, pointer) === 0n && wordAt(dump, pointer + BigInt(dump.pointerSize)) === 0n;
}

function callBytes({ cpu }: Dump): bigint {
  return cpu === "arm64" ? 4n : cpu === "arm" ? 2n : 1n;
}

/** Whether the symbol file of a module has a function that starts exactly there. */
function startsFunction(folder: string, module: DumpModule, rva: number): boolean {
  return symbolFile(folder, module)?.symbols.lookup(rva)?.rva === rva;
}

/** Whether a module's symbol file says what was inlined. */
function hasInlines(folder: string, module: DumpModule): boolean {
  return symbolFile(folder, module)?.inlines ?? false;
}

function symbolFile(folder: string, { debugFile, debugId }: DumpModule): SymbolFile | undefined {
  const name = baseName(debugFile ?? "");
  const place = corpusPath(folder, name, debugId ?? "", `${name.replace(/\.pdb$/i, "")}.sym`);
  if (!opened.has(place)) {
    const bytes = existsSync(place) ? readFileSync(place) : undefined;
    const file = bytes && { symbols: openBreakpad(new Uint8Array(bytes)), inlines: bytes.includes("\nINLINE ") };
    opened.set(place, file);
  }
  return opened.get(place);
}

function baseName(path: string): string {
  return path.replace(/^.*[\\/]/, "");
}

function bytesAt(dump: Dump, address: bigint, length: number): Uint8Array | undefined {
  const { bytes } = dump.memory.read(address as VirtualAddress, length);
  return bytes.length === length ? bytes : undefined;
}

function wordAt(dump: Dump, address: bigint): bigint | undefined {
  const bytes = bytesAt(dump, address, dump.pointerSize);
  return bytes?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** E8 rel32, or FF /2 in one of its lengths, at the end of eight bytes. */
function endsWithCall(bytes: Uint8Array): boolean {
  if (bytes[3] === 0xe8) return true;
  return [2, 3, 4, 6, 7].some((length) => bytes[8 - length] === 0xff && (((bytes[9 - length] ?? 0) >> 3) & 7) === 2);
}
