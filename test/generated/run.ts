import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { Notes } from "../../shared/notes.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { type Comparison, compareReport } from "./compare.ts";
import { explain } from "./explanations.ts";
import { generatorOrExit } from "./generator.ts";
import { type GeneratedSet, generatedSets } from "./sets.ts";

/**
 * Finished reports against the ground truth of generated kernel dumps:
 * `npm run -s generated -- [--quick] [--mkdump PATH/mkdump.py] [--only TEXT] [--misses FILE] [--verbose]`
 *
 * Prints a table of fields, then every explained miss with its reason and count. Exit code 1 when a
 * difference has no explanation (explanations.ts), 2 when the generator or what it needs is missing.
 * Generated files go to a temporary folder, one at a time, and are deleted.
 */

const { values } = parseArgs({
  options: {
    mkdump: { type: "string" },
    only: { type: "string" },
    quick: { type: "boolean" },
    misses: { type: "string" },
    verbose: { type: "boolean" },
  },
});

interface Counts {
  dumps: number;
  compared: number;
  equal: number;
  explained: number;
  unexplained: number;
}

const generator = generatorOrExit(values.mkdump);
const fields = new Map<string, Counts>();
const groups = new Map<string, Counts>();
/** Every miss, for `--misses`: tab-separated. */
const misses: string[] = [];
const reasons = new Map<string, number>();
const refused: string[] = [];
const unexplained: string[] = [];
const started = performance.now();
let analysisMs = 0;

function count(table: Map<string, Counts>, row: string): Counts {
  const counts = table.get(row) ?? { dumps: 0, compared: 0, equal: 0, explained: 0, unexplained: 0 };
  table.set(row, counts);
  return counts;
}

async function check(set: GeneratedSet): Promise<void> {
  const name = set.options.join(" ").replace("--scenario ", "").replace("--type ", "");
  const made = generator.make(set.options);
  if (typeof made === "string") {
    refused.push(`${name}: ${made}`);
    return;
  }
  const opened = await openFile(made.file);
  const before = performance.now();
  const bugs: string[] = [];
  const { report } = await analyzeSource(opened.source, {
    limits: DEFAULT_LIMITS,
    platform: nodePlatform,
    onBug: (error) => bugs.push(error instanceof Error ? error.name : "unknown"),
  });
  analysisMs += performance.now() - before;
  const runner = new StepRunner(opened.source);
  await runner.prefetch();
  const dump = await openDump(runner, new Notes());
  await opened.close();
  const comparisons = compareReport(report, dump, made.truth, set.type);
  if (bugs.length > 0) {
    comparisons.push({ field: "no bug of ours", outcome: "different", ours: bugs.join(" "), truth: "none" });
  }
  const group = count(groups, set.group);
  group.dumps += 1;
  const seen = new Set<string>();
  for (const comparison of comparisons) tally(comparison, set, name, [group, count(fields, comparison.field)], seen);
  for (const field of new Set(comparisons.map((comparison) => comparison.field))) count(fields, field).dumps += 1;
  if (values.verbose) {
    const notes = report.notes.map(({ code }) => code).join(" ");
    console.log(`${name}: ${seen.size === 0 ? "equal" : [...seen].join("; ")}${notes ? ` [${notes}]` : ""}`);
  }
}

function tally(one: Comparison, set: GeneratedSet, name: string, rows: readonly Counts[], seen: Set<string>): void {
  for (const row of rows) row.compared += 1;
  if (one.outcome === "equal") {
    for (const row of rows) row.equal += 1;
    return;
  }
  const reason = explain(one, set);
  misses.push(
    [one.field, one.outcome, one.ours, one.truth, set.arch, set.type, set.scenario, name, reason ?? "-"].join("\t"),
  );
  if (reason !== undefined) {
    for (const row of rows) row.explained += 1;
    const key = `${one.field}: ${reason}`;
    reasons.set(key, (reasons.get(key) ?? 0) + 1);
    return;
  }
  for (const row of rows) row.unexplained += 1;
  const line = `${one.field}: ours ${one.ours}, truth ${one.truth}`;
  if (!seen.has(one.field)) unexplained.push(`${name}: ${line}`);
  seen.add(one.field);
}

function printTable(title: string, table: ReadonlyMap<string, Counts>): void {
  console.log(`\n${title.padEnd(36)}   dumps  compared     equal explained unexplained`);
  for (const [row, { dumps, compared, equal, explained, unexplained: rest }] of table) {
    const cells = [dumps, compared, equal, explained, rest].map((value) => String(value).padStart(9));
    console.log(`${row.padEnd(36)}${cells.join(" ").slice(1)}`);
  }
}

const sets = generatedSets(values.quick ?? false).filter(
  ({ options, group }) => values.only === undefined || `${group} ${options.join(" ")}`.includes(values.only),
);
for (const set of sets) await check(set);
generator.close();
if (values.misses !== undefined) writeFileSync(values.misses, `${misses.join("\n")}\n`);
printTable("group", groups);
printTable("field", fields);
if (reasons.size > 0) console.log("\nexplained misses");
for (const [reason, times] of reasons) console.log(`${String(times).padStart(8)}  ${reason}`);
if (refused.length > 0) console.log(`\n${refused.length} combinations that the generator refuses`);
for (const line of values.verbose ? refused : refused.slice(0, 3)) console.log(`  ${line}`);
if (unexplained.length > 0) console.log("\nUNEXPLAINED (first of each field and dump)");
for (const line of values.verbose ? unexplained : unexplained.slice(0, 60)) console.log(`  ${line}`);
const all = [...groups.values()];
const sum = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0);
console.log(
  `\n${sum("dumps")} dumps, ${sum("compared")} values compared: ${sum("equal")} equal, ${sum("explained")} explained, ` +
    `${sum("unexplained")} unexplained; ${((performance.now() - started) / 1000).toFixed(0)} s, of which analysis ${(analysisMs / 1000).toFixed(1)} s`,
);
process.exitCode = unexplained.length > 0 || sum("dumps") === 0 ? 1 : 0;
