import { existsSync, readFileSync } from "node:fs";
import { openFile } from "../../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { DirectorySupplier } from "../../../shared/adapters/symbols/directory-supplier.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../shared/bytes/step-runner.ts";
import { openDump } from "../../../shared/dump/open-dump.ts";
import { Notes } from "../../../shared/notes.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import type { ReportFrame } from "../../../shared/report/crash-report.ts";
import { corpusFiles, corpusPath } from "../../support/corpus.ts";
import { walkFile } from "../../support/walk-file.ts";
import { align } from "./align.ts";
import { type Evidence, evidenceOf, type Question } from "./evidence.ts";

/**
 * Compares the frames of all threads in our finished reports with those that minidump-stackwalk 0.27 printed
 * for the same dumps with the same symbol files.
 */

const EXPECTED = ".expected.rust-minidump-0.27.json";
/** The same tool's answer with the program's symbols, where the other one was made without them. */
const WITH_SYMBOLS = ".expected.rust-minidump-with-pdb.json";

/** Folders of dumps with the symbols that the oracle was given. */
export const SETS = [
  { dumps: "linux-x64", symbols: "linux-x64/sym" },
  { dumps: "mdmp", symbols: "symbols/breakpad-layout" },
  { dumps: "crashpad", symbols: "symbols/breakpad-layout" },
  { dumps: "mdmp-yaml", symbols: "symbols/breakpad-layout" },
] as const;

/** Keys of a frame that are compared. */
const FIELDS = ["module", "module_offset", "function", "function_offset", "file", "line", "inlines", "trust"] as const;

/** A frame as both sides print it. */
export type OracleFrame = Pick<ReportFrame, (typeof FIELDS)[number] | "offset">;

/** One frame that differs, and what the bytes say of it. */
export interface StackDifference {
  readonly thread: number;
  readonly ours: ReportFrame | undefined;
  readonly theirs: OracleFrame | undefined;
  /** Keys that differ where both have the frame. */
  readonly fields: readonly string[];
  readonly evidence: Evidence | undefined;
}

/** Result of one dump. */
export interface StackComparison {
  /** Frames of the oracle. */
  readonly frames: number;
  /** Those that are the same in every field. */
  readonly equal: number;
  readonly differences: readonly StackDifference[];
}

interface Oracle {
  readonly modules: readonly { readonly filename: string; readonly loaded_symbols: boolean }[];
  readonly threads: readonly { readonly frames: readonly OracleFrame[] }[];
}

/** Dumps of a set for which the oracle has stacks, relative to the corpus. */
export function dumpsWithStacks(folder: string): string[] {
  return corpusFiles(folder, EXPECTED)
    .map((path) => path.slice(0, -EXPECTED.length))
    .filter((path) => Array.isArray(oracleOf(path).threads));
}

function oracleOf(path: string): Oracle {
  const best = existsSync(corpusPath(path + WITH_SYMBOLS)) ? WITH_SYMBOLS : EXPECTED;
  return JSON.parse(readFileSync(corpusPath(path + best), "utf8")) as Oracle;
}

/** Analyses one dump and compares its stacks. */
export async function compareStacks(path: string, symbols: string): Promise<StackComparison> {
  const folder = corpusPath(symbols);
  const supplier = new DirectorySupplier([folder]);
  const opened = await openFile(corpusPath(path));
  const { report } = await analyzeSource(opened.source, {
    limits: DEFAULT_LIMITS,
    platform: nodePlatform,
    symbols: { supplier },
  });
  await opened.close();
  await supplier.close();
  const { stacks } = await walkFile(corpusPath(path), { symbols: [folder] });
  const runner = new StepRunner(memorySource(readFileSync(corpusPath(path))));
  const dump = await openDump(runner, new Notes());
  const oracle = oracleOf(path);
  const compared = await runner.run(() =>
    oracle.threads.map(({ frames }, thread) =>
      compareThread({ dump, stacks, symbols, oracle, thread }, report.threads[thread]?.frames ?? [], frames),
    ),
  );
  return {
    frames: oracle.threads.reduce((sum, { frames }) => sum + frames.length, 0),
    equal: compared.reduce((sum, { equal }) => sum + equal, 0),
    differences: compared.flatMap(({ differences }) => differences),
  };
}

function compareThread(
  scene: Omit<Question, "pairs" | "at" | "fields">,
  ours: readonly ReportFrame[],
  theirs: readonly OracleFrame[],
): { equal: number; differences: StackDifference[] } {
  const differences: StackDifference[] = [];
  let equal = 0;
  const pairs = align(ours, theirs, (own, other) => BigInt(own.offset) === BigInt(other.offset));
  for (const [at, [own, other]] of pairs.entries()) {
    const fields = own && other ? FIELDS.filter((field) => !isSame(field, own[field], other[field])) : [];
    if (own && other && fields.length === 0) {
      equal += 1;
      continue;
    }
    const evidence = evidenceOf({ ...scene, pairs, at, fields });
    differences.push({ thread: scene.thread, ours: own, theirs: other, fields, evidence });
  }
  return { equal, differences };
}

function isSame(field: string, own: unknown, other: unknown): boolean {
  const [a, b] = [own ?? null, other ?? null];
  // Offsets are padded to the CPU's width by both, but not by every version of the oracle.
  if (field === "module_offset" && a !== null && b !== null) return BigInt(a as string) === BigInt(b as string);
  if (field !== "inlines") return a === b;
  const plain = (list: unknown): string =>
    JSON.stringify(
      ((list ?? []) as ReportFrame["inlines"] & object).map((one) => [
        one.function,
        one.file ?? null,
        one.line ?? null,
      ]),
    );
  return plain(a) === plain(b);
}
