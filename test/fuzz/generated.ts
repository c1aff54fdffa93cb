import { renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generatorOrExit } from "../generated/generator.ts";
import { FuzzChild, type NoResult } from "./child.ts";
import { generatedInputOptions, type LargeInput, realInputs } from "./generated-inputs.ts";
import type { LargeJob, LargeResult } from "./generated-worker.ts";

/**
 * `node test/fuzz/generated.ts --count 100000 [--seed N] [--jobs N] [--files TEXT] [--mkdump PATH] [--only SEED | --cut BYTES] [--symbols DIR]…`
 *
 * Hostile kernel dumps: generated ones of every type with every kind of damage that the generator makes, and the
 * corpus' real ones. Each as it is, cut at pages (all of them up to {@link ALL_PAGES}, else as many spread over the file), and
 * `--count` times with damaged bytes. Exit code 1 when one crashed, took too long, too much memory or too many reads.
 */

const LIMIT_CPU_MS = 2000;
/** A suspect runs again alone with this much time before it counts. */
const RETRY_MS = 20_000;
const LIMIT_RSS = 288 * 1024 * 1024;
/** The budgets of an analysis; two analyses of the same child do not add up, reads are counted for each. */
const LIMIT_BYTES = 64 * 1024 * 1024;
const LIMIT_REQUESTS = 1000;
const ALL_PAGES = 2000;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
    files: { type: "string" },
    mkdump: { type: "string" },
    only: { type: "string" },
    cut: { type: "string" },
    symbols: { type: "string", multiple: true, default: [] },
  },
});

function newChild(): FuzzChild<LargeJob, LargeResult> {
  return new FuzzChild(join(import.meta.dirname, "generated-worker.ts"), values.symbols);
}

interface Sums {
  jobs: number;
  readonly statuses: Map<string, number>;
  slowest: { cpuMs: number; what: string };
  peakRss: number;
  bytes: number;
  requests: number;
  rounds: number;
}

const sums = new Map<string, Sums>();
const findings = new Map<string, string[]>();

function find(kind: string, what: string): void {
  findings.set(kind, [...(findings.get(kind) ?? []), what]);
}

async function judge(input: LargeInput, job: LargeJob, first: LargeResult | NoResult): Promise<void> {
  const what = `--files '${input.name}' ${job.kind === "mutate" ? "--only" : "--cut"} ${job.value}`;
  let result = first;
  if (typeof first === "string" || first.cpuMs > LIMIT_CPU_MS || first.peakRss > LIMIT_RSS) {
    const fresh = newChild();
    result = await fresh.run(job, RETRY_MS);
    fresh.stop();
  }
  if (typeof result === "string") return find(result === "timeout" ? "hang" : "died", what);
  if (result.crash !== undefined) find(`crash: ${result.crash}`, `${what} (${result.made})`);
  if (result.cpuMs > LIMIT_CPU_MS) find("hang: over 2 s of processor time", `${what} ${result.cpuMs.toFixed(0)} ms`);
  if (result.peakRss > LIMIT_RSS) find("memory", `${what} ${(result.peakRss / 2 ** 20).toFixed(0)} MiB`);
  const io = result.io;
  if (io && (io.bytes_read > LIMIT_BYTES || io.requests > LIMIT_REQUESTS)) find("reads over the budget", what);
  const fresh: Sums = {
    ...{ jobs: 0, statuses: new Map(), slowest: { cpuMs: 0, what: "" }, peakRss: 0, bytes: 0, requests: 0, rounds: 0 },
  };
  const sum = sums.get(job.kind) ?? fresh;
  sums.set(job.kind, sum);
  sum.jobs += 1;
  sum.statuses.set(result.status, (sum.statuses.get(result.status) ?? 0) + 1);
  if (result.cpuMs > sum.slowest.cpuMs) sum.slowest = { cpuMs: result.cpuMs, what };
  sum.peakRss = Math.max(sum.peakRss, result.peakRss);
  sum.bytes = Math.max(sum.bytes, io?.bytes_read ?? 0);
  sum.requests = Math.max(sum.requests, io?.requests ?? 0);
  sum.rounds = Math.max(sum.rounds, io?.rounds ?? 0);
}

/** Everything that is done to one input. */
function* jobsOf(input: LargeInput, mutations: number, order: number): Generator<LargeJob> {
  const { file } = input;
  if (values.only !== undefined) return yield { file, kind: "mutate", value: Number(values.only) };
  if (values.cut !== undefined) return yield { file, kind: "cut", value: Number(values.cut) };
  yield { file, kind: "as-is", value: 0 };
  const pages = Math.floor(statSync(file).size / 4096);
  const step = pages <= ALL_PAGES ? 1 : pages / (ALL_PAGES / 10);
  for (let page = 0; page < pages; page += step) yield { file, kind: "cut", value: Math.floor(page) * 4096 };
  // The first pages hold headers, maps and counts: every one of them.
  for (let page = 0; step > 1 && page < 64; page++) yield { file, kind: "cut", value: page * 4096 };
  const seed = (Number(values.seed) * 1_000_003 + order * 7_919_000) >>> 0;
  for (let index = 0; index < mutations; index++) yield { file, kind: "mutate", value: seed + index };
}

async function main(): Promise<void> {
  const generator = generatorOrExit(values.mkdump);
  const wanted = (name: string): boolean => values.files === undefined || name.includes(values.files);
  const inputs: LargeInput[] = realInputs().filter(({ name }) => wanted(name));
  for (const options of generatedInputOptions()) {
    const name = options.filter((option) => !/^--(scenario|type|ram-gib)$/.test(option)).join(" ");
    if (!wanted(name)) continue;
    const made = generator.make(options);
    if (typeof made === "string") continue;
    const file = join(generator.folder, `${inputs.length}.dmp`);
    renameSync(made.file, file);
    inputs.push({ name, file });
  }
  const started = performance.now();
  const mutations = Math.ceil(Number(values.count) / Math.max(1, inputs.length));
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    const child = newChild();
    let lifetime = 0;
    for (let order = next++; order < inputs.length; order = next++) {
      const input = inputs[order] as LargeInput;
      for (const job of jobsOf(input, mutations, order)) {
        const answer = await child.run(job, LIMIT_CPU_MS + 8000);
        await judge(input, job, answer);
        done += 1;
        lifetime += 1;
        if (lifetime % 2000 === 0 || (typeof answer !== "string" && answer.peakRss > LIMIT_RSS)) child.stop();
        if (done % 5000 === 0) {
          const per = ((performance.now() - started) / done).toFixed(1);
          console.error(`${done} done at ${input.name}, ${per} ms each, ${findings.size} kinds of finding`);
        }
      }
    }
    child.stop();
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, lane));
  generator.close();
  for (const [kind, all] of findings) console.log(`${kind}\n  ${all.length} times, first: ${all[0]}`);
  for (const [kind, sum] of sums) {
    const statuses = [...sum.statuses].map(([status, count]) => `${count} ${status}`).join(", ");
    console.log(
      `${kind}: ${sum.jobs} dumps (${statuses}); slowest ${sum.slowest.cpuMs.toFixed(0)} ms of processor (${sum.slowest.what}); ` +
        `peak ${(sum.peakRss / 2 ** 20).toFixed(0)} MiB resident; at most ${sum.bytes} bytes, ${sum.requests} requests, ${sum.rounds} rounds`,
    );
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${done} dumps of ${inputs.length} inputs in ${seconds} s, ${findings.size} kinds of finding`);
  process.exitCode = findings.size > 0 || done === 0 ? 1 : 0;
}

await main();
