import { budgetSource } from "../bytes/budget-source.ts";
import { type ByteSource, countingSource, type IoCounts } from "../bytes/byte-source.ts";
import { coalescingSource } from "../bytes/coalescing-source.ts";
import { BudgetError, FormatError, SourceError } from "../bytes/errors.ts";
import { StepRunner } from "../bytes/step-runner.ts";
import { bareDump } from "../dump/bare-dump.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import { DumpError } from "../dump/errors.ts";
import { beginDump } from "../dump/open-dump.ts";
import { type OpenedDump, openedWhole } from "../dump/opened-dump.ts";
import { Notes } from "../notes.ts";
import { buildReport } from "../report/build-report.ts";
import type { CrashReport } from "../report/crash-report.ts";
import { crashReason } from "../triage/crash-reason.ts";
import { CURRENT_GROUPING } from "../triage/grouping-configs.ts";
import type { LoadDisassembler } from "../triage/instruction/disassembler.ts";
import { judge } from "../triage/judge.ts";
import { kernelReason } from "../triage/kernel-reason.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";
import { loadWords, Words, type WordTable } from "../triage/words/words.ts";
import { analyzeInstruction, listCode } from "./instruction.ts";
import type { Platform } from "./ports.ts";
import {
  type AnalysisSymbols,
  analyzeStacks,
  type SymbolOptions,
  symbolsOf,
  symbolsOnStacks,
  withModulesOf,
} from "./stacks.ts";

/** Limits of one analysis (DESIGN, "Budgets"). Reaching one gives a partial report that says so. */
export interface AnalysisLimits {
  readonly bytes: number;
  readonly requests: number;
  readonly rounds: number;
  readonly milliseconds: number;
}

/**
 * 64 MiB read at most keeps the memory of an analysis below 128 MB; the requests are three times what the
 * largest kernel dump may need.
 */
export const DEFAULT_LIMITS: AnalysisLimits = {
  bytes: 64 * 1024 * 1024,
  requests: 1000,
  rounds: 100,
  milliseconds: 30_000,
};

/** What an analysis needs besides the bytes. */
export interface AnalyzeOptions {
  readonly limits: AnalysisLimits;
  readonly platform: Platform;
  /** Where symbols and images of modules come from; without them stacks go by what is in the dump. */
  readonly symbols?: SymbolOptions;
  /** Decodes the failing instruction; loaded only for dumps that have one. */
  readonly disassembler?: LoadDisassembler;
  /** Reads no more than the headers: what is left after two kills. */
  readonly headerOnly?: boolean;
  readonly signal?: AbortSignal;
  /** Is told about a bug of ours that was answered with a partial report. Its message may quote the dump. */
  readonly onBug?: (error: unknown) => void;
}

/** The answer. A dump that cannot be analysed is one too: `rejected`, with a reason code. */
export interface Analysis {
  readonly status: "analyzed" | "partial" | "rejected";
  readonly reason?: string;
  readonly report: CrashReport;
}

/**
 * Analyses one dump. Knows no AWS: bytes in, report out; the same bytes give the same report.
 *
 * A bug of ours is tried once more with nothing kept from the first try, then the header's facts are all
 * that is reported, with a note `internal`.
 * @throws SourceError when bytes could not be had: another try may succeed
 */
export async function analyzeSource(source: ByteSource, options: AnalyzeOptions): Promise<Analysis> {
  if (options.headerOnly)
    return analyzeHeader(source, options, "budget.killed", "two analyses of this dump were ended from outside");
  let failure = "unknown";
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await analyzeOnce(source, options);
    } catch (error) {
      if (error instanceof SourceError) throw error;
      options.onBug?.(error);
      failure = error instanceof Error ? error.name : "unknown";
    }
  }
  return analyzeHeader(
    source,
    options,
    `internal.${failure}`,
    "the analysis failed twice; these are the header's facts",
  );
}

/** A rejected analysis of something that could not even be read. */
export function rejectedAnalysis(reason: string, detail: string, size: number, options: AnalyzeOptions): Analysis {
  const notes = new Notes();
  notes.add(reason, "source", detail);
  return reject(reason, size, notes, NO_IO, options);
}

async function analyzeOnce(source: ByteSource, options: AnalyzeOptions): Promise<Analysis> {
  const counting = countingSource(source);
  const notes = new Notes();
  const runner = new StepRunner(coalescingSource(budgetSource(counting, options.limits)), {
    deadline: performance.now() + options.limits.milliseconds,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const symbols = symbolsOf(runner, notes, options.symbols);
  const typesOf = symbols.areGiven ? (kernel: DumpModule) => symbols.provider.typeLayout(kernel) : undefined;
  let opened: OpenedDump;
  try {
    await runner.prefetch();
    opened = await beginDump(runner, notes, typesOf);
  } catch (error) {
    if (error instanceof DumpError || error instanceof FormatError) {
      notes.add(error.code, "dump", error.message);
      return reject(error.code, source.size, notes, counting.counts, options);
    }
    if (!(error instanceof BudgetError)) throw error;
    notes.add(error.code, "dump", error.message);
    opened = openedWhole(bareDump(source.size));
  }
  return finish(opened, { runner, symbols }, notes, counting.counts, options);
}

/** Nothing was read. */
const NO_IO: IoCounts = { bytes: 0, requests: 0, rounds: 0 };

/** The least that can be said: what the first bytes tell, with a note why there is no more. */
async function analyzeHeader(
  source: ByteSource,
  options: AnalyzeOptions,
  code: string,
  detail: string,
): Promise<Analysis> {
  const counting = countingSource(source);
  const notes = new Notes();
  notes.add(code, "analysis", detail);
  // The whole file is cut to its headers: readers then see a truncated dump and report what is in them.
  const head = Math.min(source.size, HEADER_BYTES);
  const cut: ByteSource = { size: head, read: (ranges, signal) => counting.read(ranges, signal) };
  try {
    const runner = new StepRunner(budgetSource(cut, options.limits));
    await runner.prefetch();
    const dump = await (await beginDump(runner, notes)).whole();
    const whole = openedWhole({ ...dump, size: source.size, truncated: false });
    const symbols = symbolsOf(runner, notes, options.symbols);
    return finish(whole, { runner, symbols }, notes, counting.counts, options);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    return finish(openedWhole(bareDump(source.size)), undefined, notes, counting.counts, options);
  }
}

/** Both kernel headers; of a minidump the header, the directory and often the system info. */
const HEADER_BYTES = 0x2000;

async function finish(
  opened: OpenedDump,
  reading: { readonly runner: StepRunner; readonly symbols: AnalysisSymbols } | undefined,
  notes: Notes,
  counts: IoCounts,
  options: AnalyzeOptions,
): Promise<Analysis> {
  const begun = opened.dump;
  const words = await loadWords(wordsFor(begun));
  const decode = begun.bugcheck && (await stopDecoder(begun, words, notes));
  const runner = reading?.runner;
  const walked = reading && (await analyzeStacks(begun, reading.runner, notes, reading.symbols, decode));
  const dump = opened.known();
  const stacks = walked && withModulesOf(walked, dump);
  const stop = stacks?.stop;
  const crash = dump.bugcheck ? kernelReason(dump, words) : crashReason(dump, words);
  const explained = runner && stacks && { dump, runner, notes, stop, words, stacks, load: options.disassembler };
  const instruction = explained && (await analyzeInstruction(explained));
  const verdict = judge({
    dump,
    crashType: crash?.type,
    ...(stop ? { stop } : {}),
    ...(stacks ? { frames: stacks.verdictFrames } : {}),
    ...(instruction?.stackExhausted ? { stackExhausted: true } : {}),
    ...(instruction?.misaligned ? { misalignedIp: true } : {}),
  });
  const followup =
    explained && verdict.address !== undefined ? await listCode(explained, verdict.address, instruction) : undefined;
  const symbols = stacks && runner ? await symbolsOnStacks(stacks, runner, notes) : undefined;
  const report = buildReport({
    dump: await opened.whole(),
    words,
    crash,
    verdict,
    stop,
    instruction,
    followup,
    stacks: stacks?.threads,
    symbols,
    symbolIo: stacks?.symbolIo ?? NO_IO,
    grouping: CURRENT_GROUPING,
    bucketId: options.platform.hash([CURRENT_GROUPING, verdict.groupingKey]),
    md5: options.platform.md5,
    notes: notes.list(),
    io: counts,
  });
  const partial = report.notes.some(({ code }) => code.startsWith("budget.") || code.startsWith("internal."));
  return { status: partial || dump.truncated ? "partial" : "analyzed", report };
}

/** Decodes what the stop code led to. Dumps without one do not load the decoders. */
async function stopDecoder(dump: Dump, words: Words, notes: Notes): Promise<() => StopFacts> {
  const { decodeStop } = await import("../triage/stop-codes/decode-stop.ts");
  return () => decodeStop({ dump, words, notes });
}

function reject(reason: string, size: number, notes: Notes, counts: IoCounts, options: AnalyzeOptions): Analysis {
  const dump = bareDump(size);
  const words = new Words({});
  const report = buildReport({
    dump,
    words,
    crash: undefined,
    verdict: undefined,
    stop: undefined,
    stacks: undefined,
    symbols: undefined,
    symbolIo: NO_IO,
    grouping: CURRENT_GROUPING,
    bucketId: undefined,
    md5: options.platform.md5,
    notes: notes.list(),
    io: counts,
    rejected: reason,
  });
  return { status: "rejected", reason, report };
}

/** The tables that this dump's numbers need: a cold start loads no other. */
function wordsFor(dump: Dump): ReadonlySet<WordTable> {
  if (dump.bugcheck) return new Set<WordTable>(["bugchecks", "ntstatus"]);
  if (dump.system.os === "Windows NT") return new Set<WordTable>(["ntstatus", "exceptions", "winerror"]);
  return new Set<WordTable>(["exceptions"]);
}
