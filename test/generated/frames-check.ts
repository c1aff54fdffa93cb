import { readFileSync } from "node:fs";
import { CORPUS_ROOT, corpusFiles } from "../support/corpus.ts";
import { type WalkedFrame, walkFile } from "../support/walk-file.ts";

/**
 * Compares the frames of all threads with those that minidump-stackwalk printed for the same dumps:
 * `node test/generated/frames-check.ts [--symbols DIR]... [--only TEXT] [--list] [FOLDER]...`
 * FOLDER is a folder of the corpus. Prints a line for each dump that differs, and the totals.
 */

const ORACLE = ".expected.rust-minidump-0.27.json";

interface OracleFrame {
  readonly module: string | null;
  readonly module_offset: string | null;
  readonly offset: string;
  readonly trust: string;
  readonly function: string | null;
  readonly file: string | null;
  readonly line: number | null;
}

interface Oracle {
  readonly threads?: readonly { readonly frames: readonly OracleFrame[] }[];
}

const fields = ["place", "trust", "function", "file", "line"] as const;
type Counts = Record<(typeof fields)[number] | "frames" | "extra", number>;
const none = (): Counts => ({ place: 0, trust: 0, function: 0, file: 0, line: 0, frames: 0, extra: 0 });

function show(frame: WalkedFrame | OracleFrame | undefined): string {
  if (!frame) return "-";
  const at = frame.module ? `${frame.module}+${frame.module_offset}` : frame.offset;
  return `${at} ${frame.trust} ${frame.function ?? ""} ${frame.line ?? ""}`;
}

function compareThread(is: readonly OracleFrame[], ours: readonly WalkedFrame[], counts: Counts): string[] {
  const out: string[] = [];
  for (const [index, frame] of is.entries()) {
    counts.frames += 1;
    const own = ours[index];
    const same = own !== undefined && BigInt(own.lookup) === BigInt(frame.offset);
    if (same) {
      counts.place += 1;
      if (own.trust === frame.trust) counts.trust += 1;
      for (const field of ["function", "file", "line"] as const) if (own[field] === frame[field]) counts[field] += 1;
    }
    if (!same || own.trust !== frame.trust || own.function !== frame.function)
      out.push(`      ${index} ${show(own)} | ${show(frame)}`);
  }
  counts.extra += Math.max(0, ours.length - is.length);
  for (const own of ours.slice(is.length, is.length + 3)) out.push(`      + ${show(own)}`);
  return out;
}

async function main(args: readonly string[]): Promise<void> {
  const all = (name: string): string[] => args.flatMap((arg, at) => (arg === name ? [args[at + 1] ?? ""] : []));
  const valued = new Set(["--symbols", "--only"]);
  const folders = args.filter((arg, at) => !arg.startsWith("--") && !valued.has(args[at - 1] ?? ""));
  const total = none();
  for (const folder of folders.length > 0 ? folders : ["mdmp", "linux-x64", "crashpad", "mdmp-yaml"]) {
    for (const path of corpusFiles(folder, ORACLE)) {
      const file = path.slice(0, -ORACLE.length);
      if (all("--only").some((text) => !file.includes(text))) continue;
      const oracle = JSON.parse(readFileSync(`${CORPUS_ROOT}/${path}`, "utf8")) as Oracle;
      if (!oracle.threads) continue;
      const { threads, walkMs } = await walkFile(`${CORPUS_ROOT}/${file}`, { symbols: all("--symbols") });
      const counts = none();
      const lines: string[] = [];
      for (const [index, { frames }] of oracle.threads.entries()) {
        const physical = frames.filter(({ trust }) => trust !== "inline" && trust !== "inlined");
        const different = compareThread(physical, threads[index]?.frames ?? [], counts);
        if (different.length > 0) lines.push(`    thread ${index}`, ...different);
      }
      for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
      const good = counts.place === counts.frames && counts.extra === 0 && counts.trust === counts.frames;
      if (!good)
        process.stdout.write(
          `${file}: places ${counts.place}/${counts.frames}, trust ${counts.trust}, extra ${counts.extra}, ${walkMs.toFixed(1)} ms\n`,
        );
      if (!good && args.includes("--list")) process.stdout.write(`${lines.join("\n")}\n`);
    }
  }
  process.stdout.write(`TOTAL ${JSON.stringify(total)}\n`);
}

await main(process.argv.slice(2));
