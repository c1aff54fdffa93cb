import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * A child process that takes one job at a time, and is ended when a job does not end. A hang is judged by the
 * processor time that the child took, not by the clock: on a busy machine a job may wait for minutes.
 */

/** How often a working child is looked at, milliseconds. */
const LOOK_MS = 250;
/** Milliseconds of the clock for each one of processor time that a job has: what waits for nothing ends too. */
const CLOCK_FACTOR = 30;
/** `_SC_CLK_TCK` of every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Why there is no result: the child was ended, or ended by itself. */
export type NoResult = "timeout" | "died";

/** What every worker says about a job. */
export interface JobFigures {
  /** Highest resident size of the child so far, bytes; never falls. */
  readonly peakRss: number;
  /** Bytes that were still held after a full collection; said now and then. */
  readonly retained?: number;
}

/** A worker in a process of its own, started when it is first needed. */
export class FuzzChild<Job extends object, Result> {
  readonly #worker: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  /** @param args what the worker finds in `process.argv` */
  constructor(worker: string, args: readonly string[] = []) {
    this.#worker = worker;
    this.#args = args;
  }

  /** Runs a job with so much processor time, the start of the child and the reading of its input included. */
  run(job: Job, cpuMs: number): Promise<Result | NoResult> {
    this.#process ??= fork(this.#worker, this.#args, { execArgv: ["--max-old-space-size=256", "--expose-gc"] });
    const child = this.#process;
    const started = performance.now();
    const before = processorMs(child.pid) ?? 0;
    return new Promise((resolve) => {
      const settle = (answer: Result | NoResult): void => {
        clearInterval(timer);
        child.removeAllListeners();
        if (answer === "timeout" || answer === "died") this.stop();
        resolve(answer);
      };
      const timer = setInterval(() => {
        const clock = performance.now() - started;
        const used = (processorMs(child.pid) ?? clock + before) - before;
        if (used > cpuMs || clock > cpuMs * CLOCK_FACTOR) settle("timeout");
      }, LOOK_MS);
      child.once("message", (result) => settle(result as Result));
      child.once("exit", () => settle("died"));
      child.send(job);
    });
  }

  stop(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }
}

/** Processor milliseconds of a process, user and system; undefined where the system has no `/proc`. */
function processorMs(pid: number | undefined): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; utime and stime are the 12th and 13th words behind it.
    const words = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return ((Number(words[11]) + Number(words[12])) * 1000) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}

/** Bytes held after a full collection; undefined in a process without `--expose-gc`. */
export async function retainedBytes(): Promise<number | undefined> {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) return undefined;
  gc();
  // What only finalizers hold goes with the next collection.
  await new Promise((resolve) => setTimeout(resolve, 1));
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
