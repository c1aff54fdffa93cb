import { readFileSync } from "node:fs";
import { memorySource } from "../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { openMinidump } from "../../shared/dump/minidump/minidump.ts";
import { Notes } from "../../shared/notes.ts";
import { crashReason, type ReasonWords } from "../../shared/triage/crash-reason.ts";
import { corpusFiles, corpusPath } from "../support/corpus.ts";
import { compareWithOracle, type OracleComparison, type OracleReport } from "./minidump-oracle.ts";

/** What the oracle's files are called beside a dump. */
const EXPECTED = ".expected.rust-minidump-0.27.json";

/** Dumps that have an oracle, as paths relative to the corpus. */
export function dumpsWithOracle(): string[] {
  return corpusFiles("", EXPECTED).map((path) => path.slice(0, -EXPECTED.length));
}

/** Opens one corpus dump and compares it with its oracle. */
export async function compareFile(path: string, words: ReasonWords): Promise<OracleComparison> {
  const runner = new StepRunner(memorySource(readFileSync(corpusPath(path))));
  const dump = await openMinidump(runner, new Notes());
  const oracle = JSON.parse(readFileSync(corpusPath(path + EXPECTED), "utf8")) as OracleReport;
  return compareWithOracle(dump, crashReason(dump, words), oracle);
}
