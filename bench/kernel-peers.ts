/**
 * Ours beside volatility3 and kdmp-parser on generated kernel dumps, in one run: seconds and bytes for the same facts
 * (bug check, registers, modules), and what becomes of dumps that a peer refuses or does not end on.
 *
 *   npm run -s bench:kernel-peers -- --python VENV/bin/python [--mkdump PATH/mkdump.py] [--limit SECONDS]
 *
 * VENV has PyPI's volatility3 and kdmp-parser. volatility3 gets a symbol file of the generator's kernel, made here
 * by its own converter before the clock starts. Every time is a whole process less the peer's imports.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { generatorOrExit } from "../test/generated/generator.ts";

const CASES: readonly (readonly string[])[] = [
  ...["full", "bitmap-full", "bitmap-kernel", "kernel", "live", "triage"].map((type) => ["--type", type]),
  ["--type", "full", "--ram-gib", "64"],
  ["--type", "bitmap-full", "--modules", "300", "--processes", "1000"],
  ...["looped-modules", "huge-counts", "wild-pointers", "cyclic-page-tables", "zero-kdbg"].flatMap((kind) =>
    ["full", "bitmap-full"].map((type) => ["--type", type, "--corrupt", kind]),
  ),
  ["--type", "full", "--arch", "arm64"],
  ["--type", "full", "--arch", "x86"],
];

interface Found {
  readonly modules?: number;
  readonly bugcheck?: string | null;
  readonly ip?: string | null;
  readonly seconds?: number;
  readonly bytes?: number;
  readonly error?: string;
}

const { values } = parseArgs({
  options: { python: { type: "string" }, mkdump: { type: "string" }, limit: { type: "string", default: "60" } },
});
if (values.python === undefined || spawnSync(values.python, ["-c", "import volatility3, kdmp_parser"]).status !== 0) {
  console.error("--python must name a Python that has PyPI's volatility3 and kdmp-parser");
  process.exit(2);
}
const python = values.python;
const limit = Number(values.limit);
const generator = generatorOrExit(values.mkdump);
const symbols = makeSymbols();

/** volatility3's own converter makes a symbol file of the generator's kernel. */
function makeSymbols(): string {
  const folder = join(generator.folder, "symbols");
  mkdirSync(join(folder, "windows", "ntkrnlmp.pdb"), { recursive: true });
  const pdb = join(dirname(generator.path), "bin", "ntkrnlmp.pdb");
  const convert = ["-m", "volatility3.framework.symbols.windows.pdbconv", "-f", pdb, "-p", "ntkrnlmp.pdb"];
  const made = generator.make(["--scenario", "0xD1", "--type", "triage"]);
  if (typeof made === "string") throw new Error(made);
  const identity = made.truth.modules[0]?.pdb;
  const out = join(folder, "windows", "ntkrnlmp.pdb", `${identity?.guid}-${identity?.age}.json.xz`);
  execFileSync(python, [...convert, "-o", out], { stdio: "ignore" });
  return folder;
}

function peer(name: string, file: string): Found {
  const script = join(import.meta.dirname, "kernel-peers-read.py");
  const options = { encoding: "utf8", timeout: limit * 1000, killSignal: "SIGKILL" } as const;
  const ran = spawnSync(python, [script, name, file, symbols], options);
  if (ran.error) return { error: `no end within ${limit} s` };
  const last = ran.stdout.trim().split("\n").at(-1) ?? "";
  return last.startsWith("{") ? JSON.parse(last) : { error: `ended with ${ran.signal ?? ran.status}` };
}

function ours(file: string): Found {
  const cli = new URL("../bin/stopcode.js", import.meta.url).pathname;
  const started = performance.now();
  const ran = spawnSync(process.execPath, [cli, "analyze", "--json", file], { encoding: "utf8", maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - started) / 1000;
  if (ran.status !== 0) return { error: `exit code ${ran.status}` };
  const report = JSON.parse(ran.stdout);
  const registers = report.crashing_thread?.frames?.[0]?.offset ?? null;
  const { bytes_read: bytes } = report.io;
  return { modules: report.modules.length, bugcheck: report.bugcheck?.code, ip: registers, seconds, bytes };
}

function cell(found: Found): string {
  if (found.error !== undefined) return found.error.replace(/\s+/g, " ").slice(0, 60);
  const facts = `${found.modules} modules, ${found.bugcheck ?? "no stop code"}, ${found.ip ? "registers" : "no registers"}`;
  return `${facts}, ${found.seconds?.toFixed(2)} s, ${((found.bytes ?? 0) / 1024).toFixed(0)} KiB`;
}

console.log("| dump | truth | ours (whole process) | kdmp-parser 0.7 | volatility3 |\n|---|---|---|---|---|");
for (const options of CASES) {
  const ram = options.includes("--ram-gib") ? [] : ["--ram-gib", "1"];
  const made = generator.make(["--scenario", options.includes("x86") ? "0x8E" : "0xD1", ...options, ...ram]);
  if (typeof made === "string") {
    console.log(`| ${options.join(" ")} | the generator refused: ${made} | | | |`);
    continue;
  }
  const row = [ours(made.file), peer("kdmp", made.file), peer("volatility", made.file)].map(cell);
  console.log(
    `| ${options.join(" ").replaceAll("--", "")} | ${made.truth.modules.length} modules | ${row.join(" | ")} |`,
  );
}
generator.close();
