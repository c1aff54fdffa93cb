import { join } from "node:path";
import { parseArgs } from "node:util";
import { FuzzChild, type NoResult } from "./child.ts";
import { fuzzInputs } from "./inputs.ts";
import type { FuzzJob, FuzzResult } from "./worker.ts";

/**
 * `npm run -s fuzz -- --count 20000 [--seed N] [--files GLOB] [--jobs N] [--only SEED] [--symbols DIR]…`
 * `--plant crash|hang|memory|died` makes the first input fail so, which must be found.
 *
 * Damages every dump in turn and analyses the result in a child process, with symbols where directories are given.
 * Exit code 1 when one crashed, took more than {@link LIMIT_MS} of processor time, took its process above the limit
 * of memory, or when a child holds more than {@link LIMIT_RETAINED} between inputs. A finding prints the input and
 * seed that make it again: `--files NAME --only SEED`.
 */

/** Processor milliseconds an input may take. */
const LIMIT_MS = 2000;
/** The child's own start and the reading of the input come on top before it is ended. */
const START_MS = 3000;
/**
 * Resident bytes of the whole child process, garbage included. It meets all CPUs and so holds both disassemblers
 * (76 MB, of which an analysis loads one at most); symbol files that are kept whole come on top.
 */
const LIMIT_RSS = 256 * 1024 * 1024;
const LIMIT_RSS_SYMBOLS = 384 * 1024 * 1024;
/** What a child holds after a full collection: code and tables, and nothing that grows with the inputs. */
const LIMIT_RETAINED = 64 * 1024 * 1024;
/** A suspect is run again alone, with this much time, before it counts. */
const RETRY_MS = 15_000;

/** A finding. */
interface Finding extends FuzzJob {
  readonly kind: "crash" | "hang" | "memory" | "retained" | "died";
  readonly detail: string;
}

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    files: { type: "string" },
    jobs: { type: "string", default: "2" },
    only: { type: "string" },
    plant: { type: "string" },
    symbols: { type: "string", multiple: true, default: [] },
  },
});

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not ${text}`);
    process.exit(2);
  }
  return value;
}

const count = whole("count", values.count);
const firstSeed = whole("seed", values.seed);
const inputs = fuzzInputs(values.files);
if (inputs.length === 0) {
  console.error(`no input matches ${values.files}`);
  process.exit(2);
}

/** One input many times in a row, so that a child reads each file once. */
function jobAt(index: number): FuzzJob {
  const each = Math.ceil(count / inputs.length);
  const input = inputs[Math.floor(index / each) % inputs.length];
  const job = { input: input?.name ?? "", seed: (firstSeed * 1_000_003 + index * 7919) >>> 0 };
  return index === 0 && values.plant !== undefined ? { ...job, plant: values.plant } : job;
}

const limitRss = values.symbols.length > 0 ? LIMIT_RSS_SYMBOLS : LIMIT_RSS;

function newChild(): FuzzChild<FuzzJob, FuzzResult> {
  return new FuzzChild(join(import.meta.dirname, "worker.ts"), values.symbols);
}

const findings: Finding[] = [];
const statuses = new Map<string, number>();
let slowest = { ms: 0, job: jobAt(0) };
let peak = 0;
let retained = 0;
let withSymbols = 0;

/** Judges a first answer; a suspect is run again in a fresh child. */
async function judge(job: FuzzJob, answer: FuzzResult | NoResult): Promise<void> {
  let result = answer;
  const suspect = typeof answer === "string" || answer.cpuMs > LIMIT_MS || answer.peakRss > limitRss;
  if (suspect) {
    const fresh = newChild();
    result = await fresh.run(job, RETRY_MS);
    fresh.stop();
  }
  if (result === "timeout")
    findings.push({ ...job, kind: "hang", detail: `no end within ${RETRY_MS} ms of processor` });
  else if (result === "died") findings.push({ ...job, kind: "died", detail: "the process ended" });
  else {
    if (result.cpuMs > LIMIT_MS) findings.push({ ...job, kind: "hang", detail: `${Math.round(result.cpuMs)} ms` });
    if ((result.retained ?? 0) > LIMIT_RETAINED) {
      findings.push({ ...job, kind: "retained", detail: `${megabytes(result.retained ?? 0)} MB between inputs` });
    }
    if (result.peakRss > limitRss) {
      findings.push({ ...job, kind: "memory", detail: `${megabytes(result.peakRss)} MB` });
    }
    if (result.crash !== undefined) {
      findings.push({ ...job, kind: "crash", detail: `${result.crash} (${result.made})` });
    }
    statuses.set(result.status, (statuses.get(result.status) ?? 0) + 1);
    if (result.cpuMs > slowest.ms) slowest = { ms: result.cpuMs, job };
    peak = Math.max(peak, result.peakRss);
    retained = Math.max(retained, result.retained ?? 0);
    if (result.symbolBytes > 0) withSymbols += 1;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

async function lane(next: () => FuzzJob | undefined): Promise<void> {
  const child = newChild();
  let lifetime = 0;
  for (let job = next(); job; job = next()) {
    const answer = await child.run(job, LIMIT_MS + START_MS);
    await judge(job, answer);
    // A new process now and then keeps the peak that is measured near that of one analysis.
    lifetime += 1;
    if (lifetime % 500 === 0 || (typeof answer !== "string" && answer.peakRss > limitRss)) child.stop();
  }
  child.stop();
}

async function main(): Promise<void> {
  const jobs =
    values.only === undefined
      ? Array.from({ length: count }, (_, index) => jobAt(index))
      : inputs.map(({ name }) => ({ input: name, seed: whole("only", values.only ?? "") }));
  let index = 0;
  const next = (): FuzzJob | undefined => {
    if (index > 0 && index % 2000 === 0) console.error(`${index} of ${jobs.length}, ${findings.length} findings`);
    return jobs[index++];
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: Math.max(1, whole("jobs", values.jobs)) }, () => lane(next)));
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = `${finding.kind}: ${finding.detail.replace(/ \([^)]*\)$/, "")}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  for (const [key, group] of groups) {
    const [first] = group;
    console.log(`${key}\n  ${group.length} times, first: --files '${first?.input}' --only ${first?.seed}`);
  }
  const kinds = ["crash", "hang", "memory", "retained", "died"].map((kind) => [
    kind,
    findings.filter((finding) => finding.kind === kind).length,
  ]);
  const counted = [...statuses].filter(([status]) => status !== "crash").map(([status, n]) => `${n} ${status}`);
  console.log(
    `${jobs.length} mutated dumps from ${inputs.length} inputs in ${Math.round((performance.now() - started) / 1000)} s: ` +
      `${counted.join(", ")}; ${kinds.map(([kind, n]) => `${n} ${kind}`).join(", ")}; ` +
      `slowest ${slowest.ms.toFixed(0)} ms of processor (${slowest.job.input}); peak ${megabytes(peak)} MB resident, ` +
      `at most ${megabytes(retained)} MB held between inputs; ${withSymbols} read symbol files`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}

await main();
