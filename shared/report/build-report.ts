import type { IoCounts } from "../bytes/byte-source.ts";
import { hexAddress } from "../dump/address.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import type { Note } from "../notes.ts";
import type { ModuleSymbols } from "../stackwalk/symbol-provider.ts";
import type { NamedFrame } from "../symbols/name-frames.ts";
import type { CrashReason } from "../triage/crash-reason.ts";
import type { InstructionFacts, ListedCode } from "../triage/instruction/instruction-facts.ts";
import { baseName, moduleLabel } from "../triage/module-at.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";
import type { Verdict } from "../triage/verdict.ts";
import type { Words } from "../triage/words/words.ts";
import { analysisFields } from "./analysis-fields.ts";
import { bugcheckPart, exceptionPart } from "./build-exception.ts";
import { crashInfoPart, instructionPart } from "./build-instruction.ts";
import { kernelLists, kernelPart } from "./build-kernel.ts";
import { modulePart, symbolPart, unloadedModulePart } from "./build-modules.ts";
import { machinePart } from "./build-secondary.ts";
import { crashingThreadPart, threadPart } from "./build-threads.ts";
import type { CrashReport } from "./crash-report.ts";
import { stackTextFrames } from "./stack-text.ts";
import { ANALYZER_VERSION, REPORT_SCHEMA } from "./versions.ts";

/** Everything that a report is made of. */
export interface ReportInput {
  readonly dump: Dump;
  readonly words: Words;
  /** Absent when nothing crashed or nothing could be read. */
  readonly crash: CrashReason | undefined;
  /** Absent when the file was rejected. */
  readonly verdict: Verdict | undefined;
  /** What the stop code's arguments led to; absent for user dumps. */
  readonly stop: StopFacts | undefined;
  /** The instruction that failed; absent in dumps without a crash. */
  readonly instruction?: InstructionFacts | undefined;
  /** The code at the blamed address. */
  readonly followup?: ListedCode | undefined;
  /** Walked stacks by index of the thread; absent when nothing was walked. */
  readonly stacks: ReadonlyMap<number, readonly NamedFrame[]> | undefined;
  /** Symbols of the modules on some stack: those of others were never asked for. */
  readonly symbols: ReadonlyMap<DumpModule, ModuleSymbols> | undefined;
  readonly symbolIo: IoCounts;
  readonly grouping: string;
  readonly bucketId: string | undefined;
  readonly md5: (bytes: Uint8Array) => Uint8Array;
  readonly notes: readonly Note[];
  readonly io: IoCounts;
  /** Reason code when the file is no dump that we read. */
  readonly rejected?: string;
}

/** Joins what was read and judged into the report of schema `stopcode.report/1`. Pure: no clock, no chance. */
export function buildReport(input: ReportInput): CrashReport {
  const { dump, words, crash, verdict } = input;
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  const uptime = processUptime(dump);
  const symbols = input.symbols ?? new Map<DumpModule, ModuleSymbols>();
  const crashingFrames = dump.crashingThread === undefined ? undefined : input.stacks?.get(dump.crashingThread);
  const sections = dump.sections.map(({ name, offset, size }) => ({ name, offset, size }));
  return {
    schema: REPORT_SCHEMA,
    analyzer_version: ANALYZER_VERSION,
    grouping: input.grouping,
    // rust-minidump's word for "there is a report"; what is missing stands in `notes`.
    status: input.rejected === undefined ? "OK" : `ERROR_${input.rejected.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`,
    dump: {
      kind: dump.kind,
      format: dump.format,
      dump_type: dump.kind === "unknown" ? null : `0x${dump.dumpType.toString(16)}`,
      size: dump.size,
      created: isoTime(dump.created),
      uptime_seconds: dump.uptimeSeconds ?? null,
      truncated: dump.truncated,
      ...(dump.format === "MDMP" ? { streams: sections } : { sections }),
    },
    crash_info: {
      type: crash?.type ?? null,
      address: crash === undefined ? null : hex(crash.address),
      crashing_thread: dump.crashingThread ?? null,
      assertion: assertionText(dump),
      ...crashInfoPart(dump, input.instruction),
    },
    system_info: systemPart(dump),
    bugcheck: bugcheckPart(dump, words),
    exception: exceptionPart(dump, words, input.stop?.exceptionRecord),
    instruction: instructionPart(dump, input.instruction),
    process: { pid: dump.process.pid ?? null, name: dump.process.name ?? null, uptime_seconds: uptime },
    thread: crashedThreadPart(dump),
    processor: dump.processor
      ? {
          number: dump.processor.number ?? null,
          vendor: dump.processor.vendor ?? null,
          mhz: dump.processor.mhz ?? null,
          irql: dump.processor.irql ?? null,
        }
      : null,
    kernel: kernelPart(dump),
    faulting_context: input.stop ? faultingContextPart(dump, input.stop) : null,
    ...kernelLists(dump),
    pid: dump.process.pid ?? null,
    process_uptime: uptime,
    // Of a minidump it is the first by definition, even when the list is empty or lost.
    main_module: dump.modules.length > 0 || dump.format === "MDMP" ? 0 : null,
    modules: dump.modules.map((module) => modulePart(dump, module, symbols.get(module))),
    unloaded_modules: dump.unloadedModules.map((module) => unloadedModulePart(dump, module)),
    thread_count: dump.threads.length,
    threads: dump.threads.map((thread, index) => threadPart(dump, words, thread, index, input.stacks?.get(index))),
    crashing_thread: crashingThreadPart(dump, words, crashingFrames),
    lsb_release: (dump.extras["lsb_release"] as Record<string, string | null> | undefined) ?? null,
    analysis: verdict
      ? analysisFields({
          dump,
          words,
          verdict,
          md5: input.md5,
          ...(input.stop ? { stop: input.stop } : {}),
          ...(input.instruction ? { instruction: input.instruction } : {}),
          ...(input.followup ? { followup: input.followup } : {}),
          ...(crashingFrames?.length ? { frames: stackTextFrames(dump, crashingFrames) } : {}),
        })
      : {},
    culprit: verdict ? culpritPart(dump, verdict) : null,
    bucket:
      verdict && input.bucketId !== undefined
        ? {
            id: input.bucketId,
            title: verdict.title,
            grouping: input.grouping,
            why: [verdict.groupingKey],
          }
        : null,
    symbols: [...symbols].map(([module, part]) => symbolPart(module, part)),
    notes: input.notes.map(({ code, where, detail }) => ({ code, where, detail })),
    io: {
      source_size: dump.size,
      bytes_read: input.io.bytes,
      requests: input.io.requests,
      rounds: input.io.rounds,
      symbols: {
        bytes_read: input.symbolIo.bytes,
        requests: input.symbolIo.requests,
        rounds: input.symbolIo.rounds,
      },
    },
    extras: { ...dump.extras },
  };
}

function culpritPart(dump: Dump, verdict: Verdict): CrashReport["culprit"] {
  const image = verdict.module ?? verdict.unloadedModule;
  const label = image && (dump.bugcheck ? moduleLabel(dump, image) : baseName(image.path));
  return {
    module: image ? baseName(image.path) : (verdict.imageName ?? null),
    version: verdict.module?.version ?? null,
    symbol:
      verdict.symbol ??
      (label === undefined || verdict.offset === undefined ? null : `${label}+0x${verdict.offset.toString(16)}`),
    confidence: verdict.confidence,
    reasons: verdict.reasons.map(({ rule, seen }) => ({ rule, seen })),
  };
}

function systemPart(dump: Dump): CrashReport["system_info"] {
  const { system } = dump;
  const products = ["unknown", "workstation", "domain controller", "server"];
  return {
    os: system.os,
    os_ver: system.osVersion ?? null,
    cpu_arch: dump.cpu,
    cpu_info: system.cpuInfo ?? null,
    cpu_count: system.cpuCount ?? null,
    cpu_microcode_version: system.cpuMicrocode ?? null,
    ...(system.productType === undefined ? {} : { product_type: products[system.productType] ?? "unknown" }),
    ...(system.suiteMask === undefined ? {} : { suite_mask: `0x${system.suiteMask.toString(16)}` }),
    ...machinePart(dump),
  };
}

function crashedThreadPart(dump: Dump): CrashReport["thread"] {
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  return thread ? { id: thread.id || null, name: thread.name ?? null, irql: dump.processor?.irql ?? null } : null;
}

/** Seconds from the process' start to the dump, when both clocks are there and in order. */
function processUptime(dump: Dump): number | null {
  const { createTime } = dump.process;
  if (createTime === undefined || dump.created === undefined) return null;
  const seconds = Math.floor(dump.created / 1000) - createTime;
  return seconds >= 0 ? seconds : null;
}

/** ISO 8601, or null for times that no calendar has. */
function isoTime(milliseconds: number | undefined): string | null {
  if (milliseconds === undefined || !(Math.abs(milliseconds) <= 8.64e15)) return null;
  return new Date(milliseconds).toISOString();
}

/** What the C runtime asserted: source text of the program, so a restricted field. */
function assertionText(dump: Dump): string | null {
  const info = dump.extras["assertion"] as
    | { expression: string; function: string; file: string; line: number }
    | undefined;
  return info?.expression ? `${info.expression} in ${info.function}, ${info.file}:${info.line}` : null;
}

/** Registers where the failure happened, which of a kernel dump are not those of the bug check. */
function faultingContextPart(dump: Dump, stop: StopFacts): NonNullable<CrashReport["faulting_context"]> | null {
  const { faultingContext: context, faultSource: source } = stop;
  if (!context || source === undefined) return null;
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  const optional = (address: bigint | undefined): string | null => (address === undefined ? null : hex(address));
  return {
    source,
    trap_frame: optional(stop.trapFrame),
    context_record: optional(stop.contextRecord),
    exception_record: optional(stop.exceptionRecord?.at),
    ip: hex(context.pc),
    sp: hex(context.sp),
    registers: Object.fromEntries(Object.entries(context.registers).map(([name, value]) => [name, hex(value)])),
  };
}
