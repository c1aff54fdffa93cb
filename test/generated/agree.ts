import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type WalkSources, walkFile } from "../support/walk-file.ts";

/**
 * Walks every dump of a folder and writes the stacks as `OUT/NAME.dmp.json`, in the form that scorers of
 * stacks read (threads[].frames[].{module, module_offset, offset, trust, function, file, line, inlines}):
 * `node test/generated/agree.ts DUMPS OUT [--images DIR]... [--symbols DIR]...`
 * --images: PE images in SymStore's layout or flat, checked by time stamp and size; --symbols: stores of
 * symbol files and images.
 *
 * `node test/generated/agree.ts DUMPS --table [--scorer PATH/agree.py]` scores them against the walks of Microsoft's
 * dbghelp that lie beside the dumps, with all that DUMPS has of symbols and images, and with less and less of it.
 * Stacks that cross images of the system above an own frame are counted apart. Exit code 1 when a score falls below
 * what was once reached.
 */

/** Where Debian's libwine puts its images. */
const WINE = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows";
const SCORER = join(import.meta.dirname, "../../../shared/tools/agree.py");

async function walkAll(dumps: string, out: string, sources: WalkSources): Promise<number> {
  mkdirSync(out, { recursive: true });
  let milliseconds = 0;
  for (const name of readdirSync(dumps).filter((file) => file.endsWith(".dmp"))) {
    const { dump, threads, walkMs, notes } = await walkFile(join(dumps, name), sources);
    milliseconds += walkMs;
    for (const { code, where, detail } of notes) process.stderr.write(`${name}: ${code} ${where} ${detail}\n`);
    writeFileSync(
      join(out, `${name}.json`),
      JSON.stringify({ crash_info: { crashing_thread: dump.crashingThread }, threads }),
    );
  }
  return milliseconds;
}

interface Reference {
  readonly own_modules: readonly string[];
  readonly crashing_thread_id: number | null;
  readonly threads: readonly {
    readonly thread_id: number;
    readonly frames: readonly { readonly module: string | null }[];
  }[];
}

/** Whether a foreign frame lies above an own one on the crashing stack. */
function crossesSystem(dumps: string, name: string): boolean {
  const path = join(dumps, `${name}.expected.dbghelp.json`);
  const { own_modules, crashing_thread_id, threads } = JSON.parse(readFileSync(path, "utf8")) as Reference;
  const frames = threads.find(({ thread_id }) => thread_id === crashing_thread_id)?.frames ?? [];
  const own = frames.map(({ module }) => module !== null && own_modules.includes(module));
  // Frame 0 may lie where nothing is, and a walk goes on from there without an image.
  return own.some((isOwn, at) => !isOwn && frames[at]?.module !== null && own.lastIndexOf(true) > at);
}

/** A row of the table, and what a floor is held against. */
interface Score extends Floor {
  readonly row: string;
}

/** The least that must be had: crashing stacks walked exactly, own frames missed, own frames that never were. */
interface Floor {
  readonly exact: number;
  readonly missed: number;
  readonly bogus: number;
}

function score(dumps: string, out: string, scorer: string): Score {
  const text = execFileSync("python3", [scorer, dumps, out, "--suffix", ".json", "--per-dump"], { encoding: "utf8" });
  const marks = [...text.matchAll(/^(\S+\.dmp) +(\S+) +own/gm)].map(([, name = "", mark]) => ({ name, mark }));
  const crashes = marks.filter(({ mark }) => mark !== "-");
  const crossing = crashes.filter(({ name }) => crossesSystem(dumps, name));
  const plain = crashes.filter((one) => !crossing.includes(one));
  const exact = (some: typeof marks): string =>
    `${some.filter(({ mark }) => mark === "exact").length} of ${some.length}`;
  const total = (key: string): string => new RegExp(`${key}=([^ =]+)`).exec(text)?.[1]?.replace("/", " of ") ?? "-";
  const row = [
    ...[exact(crashes), exact(plain), exact(crossing), total("crash_own"), total("own_found"), total("bogus_own")],
    ...[total("func"), total("line")],
  ].join(" | ");
  const [found, all] = total("own_found").split(" of ").map(Number);
  return {
    row,
    exact: crashes.filter(({ mark }) => mark === "exact").length,
    missed: Number(all) - Number(found),
    bogus: Number(total("bogus_own")),
  };
}

/** NaN of a scorer that prints something else is below every floor. */
function holds({ exact, missed, bogus }: Score, floor: Floor): boolean {
  return exact >= floor.exact && missed <= floor.missed && bogus <= floor.bogus;
}

async function printTable(dumps: string, scorer: string): Promise<void> {
  if (!existsSync(scorer)) throw new Error(`no scorer at ${scorer}: name agree.py with --scorer`);
  const store = join(dumps, "symstore");
  const sym = join(dumps, "sym");
  const settings: [string, WalkSources, Floor][] = [
    ["PE and PDB, images of the system", { symbols: [store], images: [WINE] }, { exact: 94, missed: 0, bogus: 0 }],
    [".sym, images of the system", { symbols: [sym], images: [WINE] }, { exact: 94, missed: 0, bogus: 0 }],
    ["PE and PDB", { symbols: [store] }, { exact: 80, missed: 0, bogus: 0 }],
    [".sym", { symbols: [sym] }, { exact: 80, missed: 2, bogus: 13 }],
    ["nothing", {}, { exact: 0, missed: 163, bogus: 587 }],
  ];
  const folder = mkdtempSync(join(tmpdir(), "stopcode-agree-"));
  process.stdout.write(
    "| at hand | exact | of these within own code | across the system | own frames alone | own frames found | own frames that never were | functions | lines |\n",
  );
  process.stdout.write(`|${" --- |".repeat(9)}\n`);
  for (const [name, sources, floor] of settings) {
    await walkAll(dumps, folder, sources);
    const scored = score(dumps, folder, scorer);
    process.stdout.write(`| ${name} | ${scored.row} |\n`);
    if (holds(scored, floor)) continue;
    process.stderr.write(`${name}: fewer stacks are right than have been\n`);
    process.exitCode = 1;
  }
  rmSync(folder, { recursive: true });
}

async function main([dumps, out, ...args]: readonly string[]): Promise<void> {
  if (!dumps || !out) throw new Error("usage: agree.ts DUMPS OUT [--images DIR]... [--symbols DIR]... | DUMPS --table");
  const all = (name: string): string[] => args.flatMap((arg, at) => (arg === name ? [args[at + 1] ?? ""] : []));
  if (out === "--table") return printTable(resolve(dumps), all("--scorer")[0] ?? SCORER);
  const started = performance.now();
  const milliseconds = await walkAll(dumps, out, { images: all("--images"), symbols: all("--symbols") });
  const whole = performance.now() - started;
  process.stdout.write(`walked in ${milliseconds.toFixed(1)} ms, with opening and names ${whole.toFixed(1)} ms\n`);
}

await main(process.argv.slice(2));
