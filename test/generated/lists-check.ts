import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { countingSource } from "../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openKernelDump } from "../../shared/dump/kernel-dump/kernel-dump.ts";
import { Notes } from "../../shared/notes.ts";

/**
 * Compares what the kernel knew with the ground truth of a dump generator, field by field, and the reads that it
 * took with the budget. Not part of the tests, because the generator is not part of this project.
 * usage: node test/generated/lists-check.ts --mkdump PATH/mkdump.py [--only TEXT] [--quick] [--verbose]
 */

interface TruthModule {
  readonly name: string;
  readonly path: string;
  readonly base: string;
  readonly size: string;
  readonly timestamp: string | null;
  readonly checksum?: string | null;
  readonly pdb: { readonly name: string; readonly guid: string; readonly age: number } | null;
}

interface Truth {
  readonly header: { readonly bugcheck: string; readonly args: readonly string[]; readonly build: number };
  readonly physical?: {
    readonly needed_pages_lazy: number;
    readonly ram_pages: number;
    readonly needed_by_category: { readonly processes?: number };
  };
  readonly os?: { readonly build_lab: string };
  readonly modules: readonly TruthModule[];
  readonly unloaded: ReadonlyArray<{ name: string; start: string; end: string }>;
  readonly processes: ReadonlyArray<{
    name: string;
    pid: number;
    ppid?: number;
    eprocess: string;
    threads?: ReadonlyArray<{ tid: number }>;
  }>;
  readonly current: {
    readonly thread: string;
    readonly process: string;
    /** The rest is absent on x86. */
    readonly cpu?: number;
    readonly tid?: number;
    readonly process_name?: string;
    readonly pid?: number;
    readonly stack_limit?: string;
    readonly stack_base?: string;
    readonly prcbs?: readonly string[];
  };
}

const { values } = parseArgs({
  options: {
    mkdump: { type: "string" },
    only: { type: "string" },
    quick: { type: "boolean" },
    verbose: { type: "boolean" },
  },
});
if (!values.mkdump) throw new Error("--mkdump PATH/mkdump.py is needed");
const mkdump = values.mkdump;

const SCENARIOS =
  "0xD1 0xA 0x50 0x3B 0x7E 0x1000007E 0x1E 0x139_3 0x9F_3 0x133_1 0x124 0xC0000218 0x116 0xCE 0x1A_41792 0xEF 0xC2 0xF4 0x161 0x7F_8";
const TYPES = "full bitmap-full bitmap-kernel automatic active live kernel kernel-user complete summary".split(" ");
const BUILDS = "7601 9600 10240 15063 16299 17134 17763 18362 19041".split(" ");
const big = ["--modules", "200", "--processes", "300"];
const huge = ["--modules", "300", "--processes", "1000"];
const sets: string[][] = [
  ...BUILDS.flatMap((build) => ["1", "2"].map((seed) => of("0x7E", "bitmap-kernel", "--build", build, "--seed", seed))),
  ...["0xD1", "0x8E", "0x7E", "0xC0000218"].flatMap((scenario) =>
    ["full", "summary", "bitmap-full", "bitmap-kernel"].flatMap((type) =>
      ["7601", "19041"].map((build) => [...of(scenario, type), "--arch", "x86", "--build", build]),
    ),
  ),
  ...["0xD1", "0x7E", "0x1E", "0x139_3"].flatMap((scenario) =>
    TYPES.map((type) => [...of(scenario, type), "--arch", "arm64"]),
  ),
  ...["full", "bitmap-kernel"].map((type) => [...of("0x3B", type), "--exotic", "--ram-gib", "4"]),
  ...["1", "8", "64"].flatMap((gib) =>
    ["full", "bitmap-full", "bitmap-kernel"].map((type) => [...of("0xD1", type), ...big, "--ram-gib", gib]),
  ),
  ...["3", "4", "5"].map((seed) => [...of("0x3B", "bitmap-kernel"), ...big, "--seed", seed]),
  ...["1", "64"].map((gib) => [...of("0x3B", "full"), ...huge, "--ram-gib", gib]),
  ...["looped-modules", "wild-pointers", "huge-counts", "cyclic-page-tables", "bad-popcount", "bad-context"].map(
    (kind) => of("0xD1", "bitmap-kernel", "--corrupt", kind),
  ),
  ...["overlapping-runs", "zero-kdbg", "looped-modules"].map((kind) => of("0xD1", "full", "--corrupt", kind)),
  ...SCENARIOS.split(" ").flatMap((scenario) => TYPES.map((type) => of(scenario, type))),
];

function of(scenario: string, type: string, ...rest: string[]): string[] {
  return ["--scenario", scenario, "--type", type, ...rest];
}

/** Counts of one field over all dumps. */
const table = new Map<string, { compared: number; equal: number; different: number }>();
const folder = mkdtempSync(join(tmpdir(), "lists-check-"));
let ran = 0;
let over = 0;
for (const [index, options] of sets.entries()) {
  const name = options.filter((option) => !["--scenario", "--type"].includes(option)).join(" ");
  if (values.only && !name.includes(values.only)) continue;
  if (values.quick && index % 9 !== 0) continue;
  const file = join(folder, "x.dmp");
  try {
    execFileSync("python3", [mkdump, ...options, "--out", file], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    });
  } catch {
    console.log(`SKIP ${name}: the generator refused`);
    continue;
  }
  ran += 1;
  await check(file, name);
}
rmSync(folder, { recursive: true });
console.log(`\n${"field".padEnd(28)} compared    equal different`);
for (const [field, { compared, equal, different }] of table) {
  console.log(`${field.padEnd(28)} ${[compared, equal, different].map((n) => String(n).padStart(8)).join(" ")}`);
}
console.log(`${ran} dumps, ${over} over the budget of big worlds`);

async function check(file: string, name: string): Promise<void> {
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as Truth;
  const opened = await openFile(file);
  const source = countingSource(opened.source);
  const runner = new StepRunner(coalescingSource(source));
  const notes = new Notes();
  const started = performance.now();
  await runner.prefetch();
  const dump = await (await openKernelDump(runner, notes)).whole();
  const millis = performance.now() - started;
  await opened.close();
  const misses = compare(
    dump,
    truth,
    notes.list().some(({ code }) => code === "limit.processes"),
  );
  const { bytes, requests, rounds } = source.counts;
  const bitmap = bitmapBytes(dump, truth);
  const lazy = truth.physical?.needed_pages_lazy ?? 0;
  const isBig = name.includes("--modules 200");
  const within = bytes - bitmap <= 8 * 2 ** 20 && requests <= 1.3 * lazy && rounds <= 25;
  if (isBig && !within) over += 1;
  const verdict = isBig ? (within ? " within the budget" : " OVER THE BUDGET") : "";
  const corrupt = name.includes("--corrupt")
    ? ` notes: ${notes
        .list()
        .map(({ code }) => code)
        .join(" ")}`
    : "";
  console.log(
    `${misses.length > 0 ? "DIFF" : "ok  "} ${name}: ${bytes - bitmap} bytes (and ${bitmap} of bitmap), ${requests} requests (lazily needed pages ${lazy}), ${rounds} rounds, ${dump.processes?.length ?? 0} processes, ${millis.toFixed(0)} ms${verdict}${corrupt}`,
  );
  if (misses.length > 0) {
    const shown = values.verbose ? misses : misses.slice(0, 4);
    for (const miss of shown) console.log(`       ${miss}`);
    if (shown.length < misses.length) console.log(`       and ${misses.length - shown.length} more`);
    for (const note of notes.list().slice(0, 5)) console.log(`       note ${note.code} ${note.where}: ${note.detail}`);
  }
}

/** Bytes of the page bitmap, which DESIGN counts apart. */
function bitmapBytes(dump: Dump, truth: Truth): number {
  return dump.kind.includes("bitmap") ? Math.ceil((truth.physical?.ram_pages ?? 0) / 8) : 0;
}

function compare(dump: Dump, truth: Truth, cut: boolean): string[] {
  const misses: string[] = [];
  const field = (label: string, ours: unknown, theirs: unknown): void => {
    const row = table.get(label) ?? { compared: 0, equal: 0, different: 0 };
    table.set(label, row);
    row.compared += 1;
    const [a, b] = [text(ours), text(theirs)];
    if (a === b) row.equal += 1;
    else {
      row.different += 1;
      misses.push(`${label}: ours ${a}, truth ${b}`);
    }
  };
  const mask = dump.pointerSize === 4 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
  const address = (value: string): bigint => BigInt(value) & mask;
  field("bugcheck.code", dump.bugcheck?.code, Number(truth.header.bugcheck));
  for (const [index, value] of truth.header.args.entries()) {
    field("bugcheck.args", dump.bugcheck?.parameters[index], address(value));
  }
  field("modules.count", dump.modules.length, truth.modules.length);
  for (const [index, module] of truth.modules.entries()) {
    const ours = dump.modules[index];
    field("modules.base", ours?.base, address(module.base));
    field("modules.size", ours?.size, Number(module.size));
    field("modules.path", ours?.path, module.path);
    if (module.checksum) field("modules.checksum", ours?.checksum, Number(module.checksum));
    if (ours?.timestamp !== undefined && module.timestamp !== null)
      field("modules.timestamp", ours.timestamp, Number(module.timestamp));
    else if (module.timestamp !== null) field("modules.timestamp not told", truth.header.build >= 10240, false);
    if (ours?.identity !== "read" || !module.pdb) continue;
    field(
      "modules.pdb",
      [ours.debugId, ours.debugFile],
      [module.pdb.guid + module.pdb.age.toString(16), module.pdb.name],
    );
  }
  // The truth lists them as they were written: oldest first.
  const unloaded = [...truth.unloaded].reverse();
  field("unloaded.count", dump.unloadedModules.length, unloaded.length);
  for (const [index, driver] of unloaded.entries()) {
    const ours = dump.unloadedModules[index];
    const size = Number(BigInt(driver.end) - BigInt(driver.start));
    field("unloaded", [ours?.path, ours?.base, ours?.size], [driver.name, address(driver.start), size]);
  }
  // With more than we list, the first and the last of them are there, in order.
  const listed = truth.processes.filter(({ pid }) => pid !== 0);
  const places = new Map(listed.map((process, index) => [address(process.eprocess), index]));
  const found = dump.processes ?? [];
  if (listed.length <= 64 && !cut) field("processes.count", found.length, listed.length);
  let before = -1;
  for (const [index, ours] of found.entries()) {
    const place = places.get(ours.address);
    const process = place === undefined ? undefined : listed[place];
    field("processes.member", process !== undefined, true);
    if (!process || place === undefined) continue;
    field("processes.order", index === 0 ? place === 0 : place > before, true);
    before = place;
    field("processes.pid", ours.pid, process.pid);
    field("processes.name", ours.name, process.name.slice(0, 15));
    if (process.ppid !== undefined) field("processes.parent", ours.parentPid, process.ppid);
  }
  const { current } = truth;
  const thread = dump.threads[0];
  const owner = truth.processes.find(({ eprocess }) => eprocess === current.process);
  const [pid, processName] = [current.pid ?? owner?.pid, current.process_name ?? owner?.name];
  if (pid !== undefined) field("process.pid", dump.process.pid, pid);
  if (processName !== undefined) field("process.name", dump.process.name, processName.slice(0, 15));
  if (current.tid !== undefined) field("thread.id", thread?.id, current.tid);
  field("thread.address", thread?.address, address(current.thread));
  if (current.stack_limit && current.stack_base) {
    const size = Number(BigInt(current.stack_base) - BigInt(current.stack_limit));
    field("thread.stack", [thread?.stack?.start, thread?.stack?.size], [address(current.stack_limit), size]);
  }
  const owned = owner?.threads;
  if (owned && pid !== 0) {
    const ids = new Set(dump.threads.filter(({ name }) => name !== "Idle").map(({ id }) => id));
    field("process.threads", owned.filter(({ tid }) => !ids.has(tid)).length, 0);
  }
  if (current.cpu !== undefined) field("processor.number", dump.processor?.number, current.cpu);
  if (current.prcbs) {
    field(
      "processors.address",
      dump.processors?.map((one) => one.address),
      current.prcbs.map(address),
    );
    field("processors.context", dump.processors?.filter((one) => one.context).length, current.prcbs.length);
  }
  if (truth.os) field("build lab", dump.system.buildLab, truth.os.build_lab);
  return misses;
}

function text(value: unknown): string {
  if (typeof value === "bigint") return `0x${value.toString(16)}`;
  return Array.isArray(value) ? value.map(text).join(" ") : String(value);
}
