import { ALL_WORDS, loadWords } from "../../shared/triage/words/words.ts";
import { corpusAvailable } from "../support/corpus.ts";
import { explain } from "./oracle-differences.ts";
import { compareFile, dumpsWithOracle } from "./oracle-run.ts";

/**
 * Prints how our reading of every corpus minidump compares with minidump-stackwalk's, field by field.
 * Exit code 1 when a difference is not explained.
 */
if (!corpusAvailable) {
  console.error("the corpus of real dumps is not at ../shared/corpus");
  process.exit(4);
}
const words = await loadWords(ALL_WORDS);
const counts = new Map<string, { compared: number; different: number }>();
const explained: string[] = [];
const unexplained: string[] = [];
const files = dumpsWithOracle();
for (const path of files) {
  const { compared, differences } = await compareFile(path, words);
  for (const [field, count] of compared) {
    const row = counts.get(field) ?? { compared: 0, different: 0 };
    row.compared += count;
    row.different += differences.filter((difference) => difference.field === field).length;
    counts.set(field, row);
  }
  for (const difference of differences) {
    const reason = explain(path, difference);
    const { at, ours, theirs } = difference;
    (reason ? explained : unexplained).push(
      `${path} ${at}\n    ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}\n    ${reason ?? "NOT EXPLAINED"}`,
    );
  }
}
const row = (...cells: (string | number)[]): string =>
  cells.map((cell, index) => (index === 0 ? String(cell).padEnd(38) : String(cell).padStart(9))).join(" ");
console.log(row("field", "compared", "equal", "different"));
for (const [field, { compared, different }] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
  console.log(row(field, compared, compared - different, different));
}
console.log(`\n${files.length} dumps, ${explained.length} differences explained, ${unexplained.length} not explained`);
for (const line of [...unexplained, ...explained]) console.log(`\n${line}`);
if (unexplained.length > 0) process.exitCode = 1;
