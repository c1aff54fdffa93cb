/**
 * What a kernel dump of 1, 8 and 64 GiB costs: bytes, requests and rounds beside the pages that a perfect lazy
 * reader must touch, processes and identities for it, time from the local file and with the cost model of S3, and memory.
 *
 *   npm run -s bench:large -- [--mkdump PATH/mkdump.py] [--gib 1,8,64] [--svg FILE] [--json FILE]
 *
 * Each dump is analysed in a process of its own, so that the peak of memory is its own.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { loadDisassembler } from "../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../shared/adapters/node/platform.ts";
import type { ByteSource } from "../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../shared/pipeline/analyze.ts";
import { generatorOrExit } from "../test/generated/generator.ts";
import { plotLargeDumps } from "./large-dumps-plot.ts";

/** One measured dump. Bytes of the page bitmap are counted apart, as the budget does. */
export interface LargeDumpRow {
  readonly type: string;
  readonly gib: number;
  readonly scenario: string;
  readonly bytes: number;
  readonly bitmapBytes: number;
  readonly requests: number;
  readonly rounds: number;
  /** `needed_pages_lazy` of the truth. */
  readonly neededPages: number;
  /** Warm, the median of five. */
  readonly localMs: number;
  /** The first analysis of a process, compiling included. */
  readonly firstMs: number;
  /** First analysis with 25 ms a round and 90 MB/s a request added. */
  readonly remoteMs: number;
  /** Resident bytes above those of the process before the analysis. */
  readonly memory: number;
  readonly status: string;
  /** Processes that are listed, and modules whose identity was read. */
  readonly processes: number;
  readonly identities: number;
}

const ROUND_MS = 25;
const BYTES_PER_MS = 90_000;
const RUNS = 5;
const WORLD = ["--modules", "200", "--processes", "300"];
const BUDGET = { bytes: 8 * 2 ** 20, rounds: 25, requestsPerPage: 1.3, memory: 128 * 2 ** 20 };

/** As far away as S3: every round waits, and its longest request takes its time. */
function remote(inner: ByteSource): ByteSource {
  return {
    size: inner.size,
    read: async (ranges, signal) => {
      const longest = Math.max(0, ...ranges.map(({ start, end }) => end - start));
      await sleep(ROUND_MS + longest / BYTES_PER_MS);
      return inner.read(ranges, signal);
    },
  };
}

/** Runs in the child: prints one JSON object. */
async function measure(file: string): Promise<void> {
  const opened = await openFile(file);
  const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler: loadDisassembler };
  const before = process.resourceUsage().maxRSS;
  const analyze = async (source: ByteSource) => {
    const started = performance.now();
    const analysis = await analyzeSource(source, options);
    return { ms: performance.now() - started, ...analysis };
  };
  const first = await analyze(opened.source);
  const memory = (process.resourceUsage().maxRSS - before) * 1024;
  const far = await analyze(remote(opened.source));
  const warm: number[] = [];
  for (let run = 0; run < RUNS; run++) warm.push((await analyze(opened.source)).ms);
  await opened.close();
  const { bytes_read: bytes, requests, rounds } = first.report.io;
  const localMs = warm.sort((a, b) => a - b)[RUNS >> 1];
  const { modules, processes } = first.report;
  const found = {
    processes: processes?.length ?? 0,
    identities: modules.filter(({ identity }) => identity === "read").length,
  };
  const times = { localMs, firstMs: first.ms, remoteMs: far.ms };
  console.log(JSON.stringify({ bytes, requests, rounds, memory, status: first.status, ...times, ...found }));
}

function row(type: string, gib: number, scenario: string, generator: ReturnType<typeof generatorOrExit>): LargeDumpRow {
  const options = ["--scenario", scenario, "--type", type, "--ram-gib", String(gib), ...WORLD];
  const made = generator.make(options);
  if (typeof made === "string") throw new Error(`the generator refused ${options.join(" ")}: ${made}`);
  const said = execFileSync(process.execPath, [import.meta.filename, "--measure", made.file], { encoding: "utf8" });
  const measured = JSON.parse(said);
  const bitmapBytes = type === "full" ? 0 : Math.ceil((made.truth.physical?.ram_pages ?? 0) / 8);
  const neededPages = made.truth.physical?.needed_pages_lazy ?? 0;
  return { type, gib, scenario, ...measured, bytes: measured.bytes - bitmapBytes, bitmapBytes, neededPages };
}

function print(one: LargeDumpRow): boolean {
  const within =
    one.bytes <= BUDGET.bytes &&
    one.requests <= BUDGET.requestsPerPage * one.neededPages &&
    one.rounds <= BUDGET.rounds &&
    one.memory <= BUDGET.memory;
  const cells = [
    one.type.padEnd(13),
    `${one.gib} GiB`.padStart(6),
    one.scenario.padEnd(6),
    `${(one.bytes / 1024).toFixed(0)} KiB`.padStart(9),
    `${(one.bitmapBytes / 1024).toFixed(0)} KiB`.padStart(9),
    String(one.requests).padStart(5),
    String(one.neededPages).padStart(5),
    (one.requests / one.neededPages).toFixed(2).padStart(5),
    String(one.rounds).padStart(4),
    `${one.processes}/${one.identities}`.padStart(6),
    `${one.localMs.toFixed(0)} ms`.padStart(7),
    `${one.remoteMs.toFixed(0)} ms`.padStart(8),
    `${(one.memory / 2 ** 20).toFixed(0)} MiB`.padStart(8),
    within ? "within" : "OVER",
  ];
  console.log(cells.join("  "));
  return within;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      mkdump: { type: "string" },
      gib: { type: "string", default: "1,8,64" },
      svg: { type: "string" },
      json: { type: "string" },
    },
  });
  const generator = generatorOrExit(values.mkdump);
  console.log(
    "type             RAM  stop      bytes     bitmap  reqs  need ratio  rnds  pr/id    local    remote   memory  budget",
  );
  const rows: LargeDumpRow[] = [];
  let over = 0;
  for (const scenario of ["0xD1", "0x3B", "0x7F_8"]) {
    for (const type of ["full", "bitmap-full", "bitmap-kernel"]) {
      for (const gib of values.gib.split(",").map(Number)) {
        const one = row(type, gib, scenario, generator);
        rows.push(one);
        if (!print(one)) over += 1;
      }
    }
  }
  generator.close();
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (values.svg !== undefined)
    writeFileSync(values.svg, plotLargeDumps(rows.filter((one) => one.scenario === "0xD1")));
  console.log(`${rows.length} dumps, ${over} over the budget`);
  process.exitCode = over > 0 ? 1 : 0;
}

if (process.argv[2] === "--measure") await measure(process.argv[3] ?? "");
else main();
