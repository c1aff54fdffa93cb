import type { ReportFrame } from "../../../shared/report/crash-report.ts";
import { corpusAvailable } from "../../support/corpus.ts";
import { compareStacks, dumpsWithStacks, type OracleFrame, SETS } from "./compare-stacks.ts";
import { DISPROVES, EVIDENCE, type Evidence } from "./evidence.ts";

/**
 * Prints how the frames of all threads compare with minidump-stackwalk's, dump by dump:
 * `node test/golden/stacks/table.ts [--list] [TEXT]`; --list prints every frame that differs, TEXT chooses dumps by their
 * name. Exit code 1 when a difference is not explained.
 */
if (!corpusAvailable) {
  console.error("the corpus of real dumps is not at ../shared/corpus");
  process.exit(4);
}

function show(frame: ReportFrame | OracleFrame | undefined): string {
  if (!frame) return "-";
  const place = frame.module ? `${frame.module}+0x${BigInt(frame.module_offset ?? 0).toString(16)}` : frame.offset;
  return `${place} ${frame.trust}${frame.function ? ` ${frame.function}:${frame.line ?? ""}` : ""}`;
}

const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith("--"));
const counts = new Map<string, number>();
const count = (key: string, by = 1): void => void counts.set(key, (counts.get(key) ?? 0) + by);
for (const { dumps, symbols } of SETS) {
  for (const path of dumpsWithStacks(dumps)) {
    if (!wanted.every((text) => path.includes(text))) continue;
    const { frames, equal, differences } = await compareStacks(path, symbols);
    const of = (test: (evidence: Evidence | undefined) => boolean): number =>
      differences.filter(({ evidence }) => test(evidence)).length;
    count("dumps");
    count("frames", frames);
    count("equal", equal);
    for (const { evidence, theirs, fields } of differences) {
      count(evidence ?? "not explained");
      if (fields.join() === "trust") count("same place");
      if (theirs && evidence && DISPROVES.includes(evidence)) count("disproved");
      if (!theirs) count("ours alone");
    }
    console.log(
      `${path}: ${equal} of ${frames} equal, ${of((one) => one !== undefined)} explained, ${of((one) => one === undefined)} not`,
    );
    if (!args.includes("--list")) continue;
    for (const { thread, ours, theirs, fields, evidence } of differences) {
      console.log(`  ${thread} ${show(ours)} | ${show(theirs)} [${fields.join()}] ${evidence ?? "NOT EXPLAINED"}`);
    }
  }
}
const get = (key: string): number => counts.get(key) ?? 0;
const believable = get("frames") - get("disproved");
const percent = (part: number): string => `${part} (${((100 * part) / believable).toFixed(2)} %)`;
console.log(
  `\n${get("dumps")} dumps, ${get("frames")} frames of the oracle, ${get("disproved")} disproved by the bytes; of the other ` +
    `${believable} are ${percent(get("equal"))} equal in every field, ${percent(get("equal") + get("same place"))} ` +
    `with another trust at most; ${get("ours alone")} frames of ours alone`,
);
for (const [name, why] of Object.entries(EVIDENCE)) console.log(`${String(get(name)).padStart(5)} ${name}: ${why}`);
console.log(`${String(get("not explained")).padStart(5)} not explained`);
if (get("not explained") > 0) process.exitCode = 1;
