import { mutate } from "../support/mutate.ts";
import { type JobFigures, retainedBytes } from "./child.ts";
import { type FuzzInput, fuzzInputs } from "./inputs.ts";
import { FuzzSymbols, fuzzOne } from "./targets.ts";

/**
 * The child process that damages and analyses inputs one at a time, so that the parent can end it when
 * it hangs. Jobs come and results go over IPC. Arguments are directories of symbol files.
 */

/** One round of work: damage this input with this seed and analyse the result. */
export interface FuzzJob {
  readonly input: string;
  readonly seed: number;
  /** Makes this job fail on purpose, to prove that it is found. */
  readonly plant?: string;
}

/** What the child says about one job. */
export interface FuzzResult extends JobFigures {
  readonly status: string;
  /** Error class or note code and place, when there is something to repair. */
  readonly crash?: string;
  /** Names of the mutators applied. */
  readonly made: string;
  /** Milliseconds of the analysis alone. */
  readonly ms: number;
  /** Processor milliseconds of the analysis alone. */
  readonly cpuMs: number;
  /** Bytes of symbol files that were read. */
  readonly symbolBytes: number;
}

/** Jobs between two measurements of what is still held. */
const MEASURE_EVERY = 100;

const inputs = new Map<string, FuzzInput>(fuzzInputs().map((input) => [input.name, input]));
const symbols = new FuzzSymbols(process.argv.slice(2));
let jobs = 0;
let last: { name: string; bytes: Uint8Array } | undefined;

/** Damage that spares, with every second seed, what leads to the rest: else half of the copies end at their head. */
function damage(original: Uint8Array, seed: number): { bytes: Uint8Array; made: string } {
  const { bytes, made } = mutate(original, seed);
  if ((seed & 1) === 0) return { bytes, made };
  for (const [start, end] of skeleton(original)) {
    if (start < end && end <= bytes.length) bytes.set(original.subarray(start, end), start);
  }
  return { bytes, made: `${made}, skeleton spared` };
}

/** Ranges of a minidump's header, directory and module list; of a kernel dump its headers. */
function skeleton(dump: Uint8Array): (readonly [number, number])[] {
  const view = new DataView(dump.buffer, dump.byteOffset, dump.byteLength);
  if (dump.length < 32 || view.getUint32(0, true) !== 0x504d_444d) return [[0, Math.min(0x2000, dump.length)]];
  const [streams, directory] = [view.getUint32(8, true), view.getUint32(12, true)];
  const ranges: (readonly [number, number])[] = [
    [0, 32],
    [directory, directory + streams * 12],
  ];
  for (let at = directory; at + 12 <= dump.length && at < directory + streams * 12; at += 12) {
    const [type, size, offset] = [0, 4, 8].map((field) => view.getUint32(at + field, true)) as [number, number, number];
    if (type === 4) ranges.push([offset, offset + size]);
  }
  return ranges;
}

async function run(job: FuzzJob): Promise<FuzzResult> {
  if (last?.name !== job.input) {
    const input = inputs.get(job.input);
    if (!input) throw new Error(`no input ${job.input}`);
    last = { name: job.input, bytes: input.read() };
  }
  const { bytes, made } = damage(last.bytes, job.seed);
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const { status, crash, io } = await fuzzOne(bytes, job.plant, symbols);
  const cpu = process.cpuUsage(cpuBefore);
  jobs += 1;
  const result: FuzzResult = {
    status,
    made,
    ms: performance.now() - started,
    cpuMs: (cpu.user + cpu.system) / 1000,
    peakRss: process.resourceUsage().maxRSS * 1024,
    symbolBytes: io?.symbols.bytes_read ?? 0,
    ...(crash !== undefined && { crash }),
  };
  const retained = jobs % MEASURE_EVERY === 0 ? await retainedBytes() : undefined;
  return retained === undefined ? result : { ...result, retained };
}

process.on("message", (job: FuzzJob) => {
  void run(job).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
