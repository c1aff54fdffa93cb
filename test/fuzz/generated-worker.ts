import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type ByteSource, memorySource } from "../../shared/bytes/byte-source.ts";
import { type ByteRange, checkRange, coalesceRanges } from "../../shared/bytes/range.ts";
import { mutate } from "../support/mutate.ts";
import type { JobFigures } from "./child.ts";
import { type FuzzOutcome, FuzzSymbols, fuzzSource } from "./targets.ts";

/**
 * The child process that damages large dumps. Only what an analysis of the undamaged file reads is damaged:
 * anything else would not be seen. Jobs come and results go over IPC. Arguments are directories of symbol files.
 */

/** One dump, damaged in one way. */
export interface LargeJob {
  readonly file: string;
  /** `cut`: the file ends at `value`; `mutate`: with this seed; `as-is`: not at all. */
  readonly kind: "as-is" | "cut" | "mutate";
  readonly value: number;
}

/** What became of it. */
export interface LargeResult extends FuzzOutcome, JobFigures {
  readonly made: string;
  /** Milliseconds and processor milliseconds. */
  readonly ms: number;
  readonly cpuMs: number;
}

/** An open dump with those of its bytes that matter. */
interface Held {
  readonly file: string;
  readonly descriptor: number;
  readonly source: ByteSource;
  readonly touched: readonly ByteRange[];
  readonly compact: Uint8Array;
}

const symbols = new FuzzSymbols(process.argv.slice(2));
let held: Held | undefined;

async function hold(file: string): Promise<Held> {
  if (held?.file === file) return held;
  if (held) closeSync(held.descriptor);
  const descriptor = openSync(file, "r");
  const ranges: ByteRange[] = [];
  const source: ByteSource = {
    size: fstatSync(descriptor).size,
    read: async (wanted) => wanted.map((range) => readAt(descriptor, range)),
  };
  const recording: ByteSource = {
    size: source.size,
    read: (wanted, signal) => {
      ranges.push(...wanted);
      return source.read(wanted, signal);
    },
  };
  await fuzzSource(recording, undefined, symbols);
  const touched = coalesceRanges(ranges, 0);
  // A copy, because slices of a Buffer share memory and those of a Uint8Array do not.
  const compact = Uint8Array.from(Buffer.concat(touched.map((range) => readAt(descriptor, range))));
  held = { file, descriptor, source, touched, compact };
  return held;
}

function readAt(descriptor: number, range: ByteRange): Uint8Array {
  const bytes = new Uint8Array(range.end - range.start);
  for (let done = 0; done < bytes.length; ) {
    const got = readSync(descriptor, bytes, done, bytes.length - done, range.start + done);
    if (got === 0) throw new Error("the file is shorter than it was");
    done += got;
  }
  return bytes;
}

/** Damage that spares the signature in three of four copies: without it a file is refused at once. */
function damage(compact: Uint8Array, seed: number): { bytes: Uint8Array; made: string } {
  const { bytes, made } = mutate(compact, seed);
  if (seed % 4 !== 0) bytes.set(compact.subarray(0, Math.min(8, bytes.length)));
  return { bytes, made };
}

/** The dump with other bytes in the touched places; shorter bytes end the file where they end. */
function overlay({ source, touched, compact }: Held, bytes: Uint8Array): ByteSource {
  if (touched.length === 1 && compact.length === source.size) return memorySource(bytes);
  const places: (ByteRange & { readonly at: number })[] = [];
  let at = 0;
  for (const { start, end } of touched) {
    places.push({ start, end, at });
    at += end - start;
  }
  const last = places.findLast((place) => place.at < bytes.length);
  const size = bytes.length >= compact.length ? source.size : last ? last.start + bytes.length - last.at : 0;
  return {
    size,
    read: async (ranges) => {
      for (const range of ranges) checkRange(range, size);
      const parts = await source.read(ranges);
      for (const [index, range] of ranges.entries()) {
        for (const place of places) {
          const start = Math.max(range.start, place.start);
          const end = Math.min(range.end, place.end);
          if (start >= end) continue;
          const from = place.at + start - place.start;
          parts[index]?.set(bytes.subarray(from, from + end - start), start - range.start);
        }
      }
      return parts;
    },
  };
}

function cut(source: ByteSource, size: number): ByteSource {
  return {
    size,
    read: async (ranges, signal) => {
      for (const range of ranges) checkRange(range, size);
      return source.read(ranges, signal);
    },
  };
}

async function run(job: LargeJob): Promise<LargeResult> {
  const input = await hold(job.file);
  const { bytes, made } =
    job.kind === "mutate"
      ? damage(input.compact, job.value)
      : { bytes: input.compact, made: `${job.kind} ${job.value}` };
  const damaged =
    job.kind === "mutate" ? overlay(input, bytes) : job.kind === "cut" ? cut(input.source, job.value) : input.source;
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const outcome = await fuzzSource(damaged, undefined, symbols);
  const cpu = process.cpuUsage(cpuBefore);
  return {
    ...outcome,
    made,
    ms: performance.now() - started,
    cpuMs: (cpu.user + cpu.system) / 1000,
    peakRss: process.resourceUsage().maxRSS * 1024,
  };
}

process.on("message", (job: LargeJob) => {
  void run(job).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
