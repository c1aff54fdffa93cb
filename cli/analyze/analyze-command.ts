import { Command, InvalidArgumentError, Option } from "commander";
import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { SourceError } from "../../shared/bytes/errors.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { type ChosenFile, isNamed } from "../../shared/symbols/chosen-files.ts";
import { EXIT } from "../exit-codes.ts";
import { openSymbols } from "./open-symbols.ts";
import { openTarget, UsageError } from "./open-target.ts";

interface AnalyzeFlags {
  readonly json?: true;
  readonly text?: true;
  readonly budgetBytes?: number;
  readonly symbols?: readonly string[];
  readonly symbolsFor?: readonly string[];
  readonly timing?: true;
}

const EXAMPLES = `
Examples:
  $ stopcode analyze MEMORY.DMP                     what !analyze -v would have said
  $ stopcode analyze crash.dmp --json > crash.json  the whole report, schema stopcode.report/1
  $ stopcode analyze s3://dumps/m/pc-17/a.dmp       only the bytes it needs are fetched
  $ stopcode analyze crash.dmp --symbols ./symbols  functions and lines (SymStore, SSQP or Breakpad layout)
  $ stopcode analyze mini.dmp --symbols-for amdppm=amdppm.pdb  names by a file of unknown build, and says so
  $ ssh host cat a.dmp | stopcode analyze -         from a pipe

Exit codes: 0 analysed (also partial), 2 wrong usage, 3 not a dump that we read, 4 unreadable source, 1 a bug of ours.`;

/** `stopcode analyze <file | s3://bucket/key | ->`. */
export function analyzeCommand(): Command {
  return new Command("analyze")
    .description("Analyse one dump and print the report.")
    .argument("<source>", "a file, s3://bucket/key, or - for standard input")
    .addOption(new Option("--json", "print the report as one JSON document").conflicts("text"))
    .addOption(new Option("--text", "print it as !analyze -v does (the default)").conflicts("json"))
    .addOption(
      new Option("--symbols <dir>", "look for symbol files and images here; may be given again")
        .argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
        .default(undefined),
    )
    .addOption(
      new Option("--symbols-for <module=file>", "use this file for a module though its build cannot be verified")
        .argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
        .default(undefined),
    )
    .addOption(new Option("--budget-bytes <n>", "read no more than this many bytes").argParser(positiveInteger))
    .option("--timing", "say on stderr what it cost")
    .addHelpText("after", EXAMPLES)
    .action(async (target: string, flags: AnalyzeFlags) => {
      process.exitCode = await analyze(target, flags);
    });
}

async function analyze(target: string, flags: AnalyzeFlags): Promise<number> {
  const started = performance.now();
  let opened: Awaited<ReturnType<typeof openTarget>>;
  try {
    opened = await openTarget(target);
  } catch (error) {
    return explain(target, error, flags);
  }
  let symbols: Awaited<ReturnType<typeof openSymbols>> | undefined;
  try {
    const limits = { ...DEFAULT_LIMITS, ...(flags.budgetBytes === undefined ? {} : { bytes: flags.budgetBytes }) };
    const isAsked = flags.symbols !== undefined || flags.symbolsFor !== undefined;
    symbols = isAsked ? await openSymbols(flags.symbols ?? [], flags.symbolsFor) : undefined;
    const analysis = await analyzeSource(opened.source, {
      ...(symbols ? { symbols: symbols.options } : {}),
      limits,
      platform: nodePlatform,
      disassembler: loadDisassembler,
      onBug: (error) =>
        console.error(`stopcode: internal error: ${error instanceof Error ? error.stack : String(error)}`),
    });
    const { report } = analysis;
    warnOfStrangers(report.modules, symbols?.options.chosen ?? []);
    if (flags.timing) {
      const ms = (performance.now() - started).toFixed(1);
      const { bytes_read, requests, rounds, source_size } = report.io;
      console.error(`${ms} ms, ${bytes_read} of ${source_size} bytes in ${requests} requests, ${rounds} rounds`);
    }
    if (analysis.status === "rejected") {
      const why = report.notes.at(-1)?.detail ?? "";
      console.error(`stopcode: ${target} is not a dump that we read: ${why} (${analysis.reason})`);
      if (flags.json) printJson(report);
      return EXIT.notADump;
    }
    if (flags.json) printJson(report);
    else {
      const { renderText } = await import("../../shared/report/text.ts");
      process.stdout.write(renderText(report));
    }
    return EXIT.ok;
  } catch (error) {
    return explain(target, error, flags);
  } finally {
    await symbols?.close();
    await opened.close();
  }
}

/** A misspelt name would be passed over in silence. */
function warnOfStrangers(modules: readonly { readonly filename: string }[], chosen: readonly ChosenFile[]): void {
  for (const { module } of chosen) {
    if (!modules.some(({ filename }) => isNamed(filename, module))) {
      console.error(`stopcode: --symbols-for ${module}: the dump has no module of this name`);
    }
  }
}

/** Says what was wrong and picks the exit code; bugs go on to main. */
function explain(target: string, error: unknown, flags: AnalyzeFlags): number {
  const known = error instanceof SourceError ? EXIT.unreadable : error instanceof UsageError ? EXIT.usage : undefined;
  if (known === undefined) throw error;
  const { code, message } = error as SourceError | UsageError;
  console.error(`stopcode: ${target}: ${message} (${code})`);
  if (flags.json) printJson({ error: { code, message } });
  return known;
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)}\n`);
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) {
    throw new InvalidArgumentError("it must be a whole number of bytes, 1 or more.");
  }
  return value;
}
