import { mutate } from "../support/mutate.ts";
import { type FuzzInput, fuzzInputs } from "./inputs.ts";
import { fuzzOne } from "./targets.ts";

/**
 * The child process that damages and analyses inputs one at a time, so that the parent can end it when
 * it hangs. Jobs come and results go over IPC.
 */

/** One round of work: damage this input with this seed and analyse the result. */
export interface FuzzJob {
  readonly input: string;
  readonly seed: number;
  /** Makes this job fail on purpose, to prove that it is found. */
  readonly plant?: string;
}

/** What the child says about one job. */
export interface FuzzResult {
  readonly status: string;
  /** Error class or note code and place, when there is something to repair. */
  readonly crash?: string;
  /** Names of the mutators applied. */
  readonly made: string;
  /** Milliseconds of the analysis alone. */
  readonly ms: number;
  /** Processor milliseconds of the analysis alone. */
  readonly cpuMs: number;
  /** Highest resident size of this process so far, bytes; never falls. */
  readonly peakRss: number;
}

const inputs = new Map<string, FuzzInput>(fuzzInputs().map((input) => [input.name, input]));
let last: { name: string; bytes: Uint8Array } | undefined;

async function run(job: FuzzJob): Promise<FuzzResult> {
  if (last?.name !== job.input) {
    const input = inputs.get(job.input);
    if (!input) throw new Error(`no input ${job.input}`);
    last = { name: job.input, bytes: input.read() };
  }
  const { bytes, made } = mutate(last.bytes, job.seed);
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const { status, crash } = await fuzzOne(bytes, job.plant);
  const cpu = process.cpuUsage(cpuBefore);
  const result = {
    status,
    made,
    ms: performance.now() - started,
    cpuMs: (cpu.user + cpu.system) / 1000,
    peakRss: process.resourceUsage().maxRSS * 1024,
  };
  return crash === undefined ? result : { ...result, crash };
}

process.on("message", (job: FuzzJob) => {
  void run(job).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
