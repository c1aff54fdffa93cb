import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzzInputs } from "./inputs.ts";
import type { FuzzJob, FuzzResult } from "./worker.ts";

/**
 * `npm run -s fuzz -- --count 20000 [--seed N] [--files GLOB] [--jobs N] [--only SEED]`
 * `--plant crash|hang|memory|died` makes the first input fail so, which must be found.
 *
 * Damages every dump in turn and analyses the result in a child process. Exit code 1 when one crashed,
 * took longer than {@link LIMIT_MS}, or took its process above {@link LIMIT_RSS}. A finding prints the
 * input and seed that make it again: `--files NAME --only SEED`.
 */

/** Milliseconds an input may take. */
const LIMIT_MS = 2000;
/** Resident bytes of the whole child process. */
const LIMIT_RSS = 256 * 1024 * 1024;
/** A suspect is run again alone, with this much time, before it counts: a busy machine is no finding. */
const RETRY_MS = 15_000;

/** A finding. */
interface Finding extends FuzzJob {
  readonly kind: "crash" | "hang" | "memory" | "died";
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

class Child {
  #process: ChildProcess | undefined;

  /** The child's answer; `timeout` when it had to be ended, `died` when it ended by itself. */
  run(job: FuzzJob, limit: number): Promise<FuzzResult | "timeout" | "died"> {
    this.#process ??= fork(join(import.meta.dirname, "worker.ts"), { execArgv: ["--max-old-space-size=256"] });
    const child = this.#process;
    return new Promise((resolve) => {
      const settle = (answer: FuzzResult | "timeout" | "died"): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (typeof answer === "string") this.stop();
        resolve(answer);
      };
      // The child's own start and the reading of the input come before the analysis that is limited.
      const timer = setTimeout(() => settle("timeout"), limit + 1500);
      child.once("message", (result) => settle(result as FuzzResult));
      child.once("exit", () => settle("died"));
      child.send(job);
    });
  }

  stop(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }
}

const findings: Finding[] = [];
const statuses = new Map<string, number>();
let slowest = { ms: 0, job: jobAt(0) };
let peak = 0;

/** Judges a first answer; a suspect is run again in a fresh child. */
async function judge(job: FuzzJob, answer: FuzzResult | "timeout" | "died"): Promise<void> {
  let result = answer;
  const suspect = typeof answer === "string" || answer.ms > LIMIT_MS || answer.peakRss > LIMIT_RSS;
  if (suspect) {
    const fresh = new Child();
    result = await fresh.run(job, RETRY_MS);
    fresh.stop();
  }
  if (result === "timeout") findings.push({ ...job, kind: "hang", detail: `no end within ${RETRY_MS} ms` });
  else if (result === "died") findings.push({ ...job, kind: "died", detail: "the process ended" });
  else {
    if (result.cpuMs > LIMIT_MS) findings.push({ ...job, kind: "hang", detail: `${Math.round(result.cpuMs)} ms` });
    if (result.peakRss > LIMIT_RSS) {
      findings.push({ ...job, kind: "memory", detail: `${megabytes(result.peakRss)} MB` });
    }
    if (result.crash !== undefined) {
      findings.push({ ...job, kind: "crash", detail: `${result.crash} (${result.made})` });
    }
    statuses.set(result.status, (statuses.get(result.status) ?? 0) + 1);
    const ms = suspect ? result.cpuMs : result.ms;
    if (ms > slowest.ms) slowest = { ms, job };
    peak = Math.max(peak, result.peakRss);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

async function lane(next: () => FuzzJob | undefined): Promise<void> {
  const child = new Child();
  let lifetime = 0;
  for (let job = next(); job; job = next()) {
    const answer = await child.run(job, LIMIT_MS);
    await judge(job, answer);
    // A new process now and then keeps the peak that is measured near that of one analysis.
    lifetime += 1;
    if (lifetime % 500 === 0 || (typeof answer !== "string" && answer.peakRss > LIMIT_RSS)) child.stop();
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
  const kinds = ["crash", "hang", "memory", "died"].map((kind) => [
    kind,
    findings.filter((finding) => finding.kind === kind).length,
  ]);
  const counted = [...statuses].filter(([status]) => status !== "crash").map(([status, n]) => `${n} ${status}`);
  console.log(
    `${jobs.length} mutated dumps from ${inputs.length} inputs in ${Math.round((performance.now() - started) / 1000)} s: ` +
      `${counted.join(", ")}; ${kinds.map(([kind, n]) => `${n} ${kind}`).join(", ")}; ` +
      `slowest ${slowest.ms.toFixed(0)} ms (${slowest.job.input}); peak ${megabytes(peak)} MB resident`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}

await main();
