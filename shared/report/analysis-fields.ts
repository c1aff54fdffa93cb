import { truncateToPointer, type VirtualAddress } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import type { InstructionFacts, ListedCode } from "../triage/instruction/instruction-facts.ts";
import { baseName, moduleAt } from "../triage/module-at.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";
import type { Verdict } from "../triage/verdict.ts";
import type { Words } from "../triage/words/words.ts";
import { blackBoxFields } from "./build-secondary.ts";
import { accessField, exceptionFields, hintedArgument } from "./exception-fields.ts";
import { codeLine } from "./instruction-line.ts";
import { contextFrames, placeName, type StackTextFrame, stackText } from "./stack-text.ts";
import { bare, oneLine, padded, ticked } from "./text/format.ts";
import { bucketFields, hashFields, imageFields, problemClasses, symbolName } from "./verdict-fields.ts";
import { buildBranch, windowsName } from "./windows-names.ts";

/**
 * WinDbg's field names and values, in the order in which `!analyze -v` prints them. A field whose value
 * is not known is left out, never guessed.
 */

/** What the fields are computed from. */
export interface AnalysisInput {
  readonly dump: Dump;
  /** With the tables `bugchecks` and `ntstatus`. */
  readonly words: Words;
  readonly verdict: Verdict;
  readonly md5: (bytes: Uint8Array) => Uint8Array;
  /** What the stop code's arguments led to. */
  readonly stop?: StopFacts;
  /** The instruction that failed. */
  readonly instruction?: InstructionFacts;
  /** The code at the blamed address. */
  readonly followup?: ListedCode;
  /** The crashing thread's frames, innermost first; without them frame 0 is taken from the registers. */
  readonly frames?: readonly StackTextFrame[];
}

type Fields = Record<string, string>;

/** The fields of a crash. Values of several lines are joined with `\n`. */
export function analysisFields(input: AnalysisInput): Fields {
  const { dump, words, verdict } = input;
  const frames = input.frames ?? contextFrames(dump);
  const faulting = faultingFields(input);
  return {
    ...bugcheckFields(dump),
    ...attributeFields(dump),
    ...threadField(dump),
    ...accessField(dump, words),
    ...irqlField(dump, words),
    ...faulting,
    ...recordFields(dump, words),
    ...input.stop?.analysis,
    // In its place above, and more than the bare address that a stop code's decoder has.
    ...faulting,
    ...classFields(verdict, dump, words),
    ...blackBoxFields(dump),
    ...(dump.process.name === undefined ? {} : { PROCESS_NAME: oneLine(baseName(dump.process.name)) }),
    ...problemClasses(dump, verdict, blamedFrame(verdict, frames)),
    ...stackFields(dump, frames),
    ...followupFields(input, frames),
    ...imageFields(dump, verdict),
    ...stackCommand(dump, words),
    ...bucketFields(dump, verdict),
    ...systemFields(dump),
    ...hashFields(dump, verdict, input.md5),
  };
}

function bugcheckFields(dump: Dump): Fields {
  const { bugcheck } = dump;
  if (!bugcheck) return {};
  return {
    BUGCHECK_CODE: bugcheck.code.toString(16),
    ...Object.fromEntries(
      bugcheck.parameters.map((value, index) => [`BUGCHECK_P${index + 1}`, bare(value, dump.pointerSize)]),
    ),
  };
}

function attributeFields({ kernel, system }: Dump): Fields {
  const attributes = kernel?.attributes;
  return {
    ...(system.virtualMachine === undefined ? {} : { VIRTUAL_MACHINE: system.virtualMachine }),
    ...(attributes === undefined ? {} : { DUMP_FILE_ATTRIBUTES: `0x${attributes.toString(16)}` }),
  };
}

function threadField(dump: Dump): Fields {
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  if (dump.bugcheck || !thread) return {};
  return { FAULTING_THREAD: thread.id.toString(16).padStart(8, "0") };
}

function irqlField(dump: Dump, words: Words): Fields {
  const argument = hintedArgument(dump, words, "IRQL");
  const irql = argument !== undefined && argument <= 0xffn ? argument : dump.processor?.irql;
  return irql === undefined ? {} : { CURRENT_IRQL: irql.toString(16) };
}

/**
 * FAULTING_IP: the instruction that an argument names, or the one that raised the exception. FAILED_INSTRUCTION_ADDRESS
 * is there when it could not even be fetched.
 */
function faultingFields({ dump, words, instruction }: AnalysisInput): Fields {
  const argument = dump.bugcheck ? hintedArgument(dump, words, "IP") : faultingAddress(dump);
  const address = instruction?.address ?? (argument ? truncateToPointer(argument, dump.pointerSize) : undefined);
  if (address === undefined) return {};
  const here = instruction?.address === address ? instruction : undefined;
  const lines = placeLines(dump, address, here);
  const fetched = here?.fault?.access !== "execute";
  return {
    FAULTING_IP: lines,
    ...(fetched ? {} : { FAILED_INSTRUCTION_ADDRESS: lines }),
    ...(here?.misaligned ? { MISALIGNED_IP: lines } : {}),
  };
}

/** Breakpad writes the address of the access into the record where Windows writes that of the instruction. */
function faultingAddress(dump: Dump): VirtualAddress | undefined {
  const { exception } = dump;
  return exception?.context?.pc ?? (dump.system.os === "Windows NT" ? exception?.address : undefined);
}

/** Records that arguments point to, with the debugger's command to show them. */
const RECORDS = [
  ["EXR", "EXCEPTION_RECORD", ".exr"],
  ["CXR", "CONTEXT", ".cxr"],
  ["TRAP", "TRAP_FRAME", ".trap"],
] as const;

function recordFields(dump: Dump, words: Words): Fields {
  const fields: Fields = {};
  for (const [key, field, command] of RECORDS) {
    const address = hintedArgument(dump, words, key);
    if (!address) continue;
    const digits = padded(address, dump.pointerSize);
    fields[field] = `${digits} -- (${command} 0x${digits})`;
  }
  return fields;
}

function classFields(verdict: Verdict, dump: Dump, words: Words): Fields {
  return {
    BUGCHECK_STR: verdict.bugcheckStr,
    ...exceptionFields(dump, words),
    DEFAULT_BUCKET_ID: verdict.defaultBucketId,
  };
}

function stackFields(dump: Dump, frames: readonly StackTextFrame[]): Fields {
  const [top, next] = frames;
  if (!top) return {};
  const transfer =
    next && `from ${padded(next.instruction, dump.pointerSize)} to ${padded(top.instruction, dump.pointerSize)}`;
  return { ...(transfer && { LAST_CONTROL_TRANSFER: transfer }), STACK_TEXT: stackText(dump, frames) };
}

/** Index of the blamed frame in STACK_TEXT; -1 where it is not there. */
function blamedFrame({ address }: Verdict, frames: readonly StackTextFrame[]): number {
  return address === undefined ? -1 : frames.findIndex(({ instruction }) => instruction === address);
}

function followupFields({ dump, verdict, followup }: AnalysisInput, frames: readonly StackTextFrame[]): Fields {
  const { address } = verdict;
  const code = followup?.address === address ? followup : undefined;
  const name = symbolName(dump, verdict);
  const index = blamedFrame(verdict, frames);
  return {
    ...(address === undefined || name === undefined
      ? {}
      : {
          FOLLOWUP_IP: `${name}${sourceText(code)}\n${code ? codeLine(dump, code, code.places) : ticked(address, dump.pointerSize)}`,
        }),
    ...(code?.dword === undefined ? {} : { FAULT_INSTR_CODE: code.dword.toString(16) }),
    ...sourceFields(code),
    ...(index === -1 ? {} : { SYMBOL_STACK_INDEX: index.toString(16) }),
    ...(name === undefined ? {} : { FOLLOWUP_NAME: "MachineOwner", SYMBOL_NAME: name }),
  };
}

/** First build whose debuggers go to the stored exception context by themselves. */
const WINDOWS_8 = 9200;

function stackCommand(dump: Dump, words: Words): Fields {
  if (dump.system.os !== "Windows NT" || dump.crashingThread === undefined) return {};
  if (!dump.bugcheck) {
    return { STACK_COMMAND: `~${dump.crashingThread}s; ${dump.exception ? ".ecxr ; " : ""}kb` };
  }
  const recent = (dump.system.osBuild ?? 0) >= WINDOWS_8;
  const commands = [
    ["CXR", ".cxr"],
    // Later debuggers do not go to an argument's trap frame.
    ...(recent ? [] : [["TRAP", ".trap"] as const]),
  ] as const;
  for (const [key, command] of commands) {
    const address = hintedArgument(dump, words, key);
    if (address) return { STACK_COMMAND: `${command} 0x${bare(address, dump.pointerSize)} ; kb` };
  }
  return { STACK_COMMAND: recent ? ".cxr; .ecxr ; kb" : "kb" };
}

const PLATFORMS: Readonly<Record<string, string>> = { amd64: "x64", x86: "x86", arm64: "arm64", arm: "arm" };

function systemFields(dump: Dump): Fields {
  const { system } = dump;
  if (system.os !== "Windows NT") return {};
  const version = system.osVersion?.split(" ")[0];
  const branch = system.buildLab === undefined ? undefined : buildBranch(system.buildLab);
  const platform = PLATFORMS[dump.cpu];
  const name = windowsName(system.osBuild, (system.productType ?? 1) > 1);
  return {
    ...(version ? { OS_VERSION: oneLine(version) } : {}),
    ...(branch ? { BUILDLAB_STR: oneLine(branch) } : {}),
    ...(platform === undefined ? {} : { OSPLATFORM_TYPE: platform }),
    ...(name === undefined ? {} : { OSNAME: name }),
  };
}

/** ` [c:\\src\\a.cpp @ 12]`; empty where no line is known. */
function sourceText(code: ListedCode | undefined): string {
  const { file, line } = code?.source ?? {};
  return file === undefined || line === undefined ? "" : ` [${oneLine(file)} @ ${line}]`;
}

function sourceFields(code: ListedCode | undefined): Fields {
  const { file, line } = code?.source ?? {};
  if (file === undefined || line === undefined) return {};
  const name = oneLine(file);
  return { FAULTING_SOURCE_LINE: name, FAULTING_SOURCE_FILE: name, FAULTING_SOURCE_LINE_NUMBER: String(line) };
}

/** The place of code and its listing; code outside of every image is at no offset of anything. */
function placeLines(dump: Dump, address: VirtualAddress, code: ListedCode | undefined): string {
  // Fields that name code write offsets without 0x and also where they are 0; STACK_TEXT writes neither.
  const place = code?.places.get(address) ?? (moduleAt(dump, address) ? placeName(dump, address) : "");
  const offset = /\+0x([0-9a-f]+)$/.exec(place);
  const name = offset ? `${place.slice(0, offset.index)}+${offset[1]}` : `${place}+0`;
  return `${oneLine(name)}${sourceText(code)}\n${code ? codeLine(dump, code, code.places) : ticked(address, dump.pointerSize)}`;
}
