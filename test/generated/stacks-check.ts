import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { countingSource } from "../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { attemptTogether, Notes } from "../../shared/notes.ts";
import type { StackFrame } from "../../shared/stackwalk/frame.ts";
import { NO_SYMBOLS, type SymbolProvider } from "../../shared/stackwalk/symbol-provider.ts";
import { walkThreads } from "../../shared/stackwalk/walk-threads.ts";
import { openImage } from "../support/image-provider.ts";

/**
 * Compares stacks of generated kernel dumps with their truth, frame by frame:
 * `node test/generated/stacks-check.ts GENERATOR [--type T]... [--arch A] [--only S]... [--images] [--waiting] [--list] [-- GENERATOR OPTIONS]`
 * GENERATOR is the generator's mkdump.py; --images gives the image files that the dump was made of. Not part of
 * the tests: the generator is no part of the project.
 */

const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  x64: (
    "0xD1 0xA 0x50 0x3B 0x7E 0x1000007E 0x1E 0x139_3 0x9F_3 0x133_1 0x124 0xC0000218 0x116 0xCE 0x1A_41792 0xEF 0xC2 0xF4 " +
    "0x161 0x7F_8"
  ).split(" "),
  x86: ["0xD1", "0x8E", "0x7E", "0xC0000218"],
  arm64: ["0xD1", "0x7E", "0x1E", "0x139_3"],
};

interface TruthFrame {
  readonly ip: string;
  readonly sp?: string;
  readonly module: string | null;
  readonly offset: string | null;
  readonly symbol: string | null;
  readonly user: boolean;
  readonly stack_in_dump: boolean;
}

interface Truth {
  readonly modules: readonly { readonly base: string; readonly image_file: string | null }[];
  readonly stack: readonly TruthFrame[];
  readonly other_threads?: readonly { readonly ethread: string; readonly stack: readonly TruthFrame[] }[];
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** The images that the generator used, by the base of the module. */
function imagesOf(truth: Truth, generator: string): SymbolProvider {
  const images = new Map<string, ReturnType<typeof openImage>>();
  for (const { base, image_file } of truth.modules) {
    if (image_file === null) continue;
    const path = image_file.startsWith("/") ? image_file : join(dirname(generator), image_file);
    images.set(base, openImage(path));
  }
  return { forModule: () => undefined, image: ({ base }) => images.get(hex(base))?.image };
}

/** Frames that what is in the dump can tell: the user part ends with the frame whose stack is missing. */
function recoverable(stack: readonly TruthFrame[]): readonly TruthFrame[] {
  // Triage dumps hold the kernel's stack, which the truth does not count as memory.
  const isTriage = stack.every(({ stack_in_dump }) => !stack_in_dump);
  const lost = stack.findIndex(({ stack_in_dump, user }) => (isTriage ? user : !stack_in_dump));
  return lost < 0 ? stack : stack.slice(0, lost + 1);
}

interface Compared {
  readonly right: number;
  readonly wanted: number;
  readonly ours: number;
  /** Frames of ours that the whole truth does not have. */
  readonly bogus: number;
  readonly lines: readonly string[];
}

function compare(all: readonly TruthFrame[], frames: readonly StackFrame[]): Compared {
  // The registers in a header may be those of the fault, some frames up.
  const first = frames[0] ? all.findIndex(({ ip }) => ip === hex((frames[0] as StackFrame).ip)) : 0;
  const truth = all.slice(Math.max(0, first));
  const wanted = recoverable(truth);
  let right = 0;
  while (right < wanted.length && frames[right] && hex((frames[right] as StackFrame).ip) === wanted[right]?.ip)
    right += 1;
  const known = new Set(truth.map(({ ip }) => ip));
  const bogus = frames.filter(({ ip }) => !known.has(hex(ip))).length;
  const lines = Array.from({ length: Math.max(wanted.length, frames.length) }, (_, at) => {
    const [frame, is] = [frames[at], truth[at]];
    const ours = frame ? `${hex(frame.ip)} ${frame.trust} sp ${hex(frame.sp)}` : "-";
    return `    ${at} ${ours} | ${is?.ip ?? "-"} ${is?.symbol ?? ""}`;
  });
  return { right, wanted: wanted.length, ours: frames.length, bogus, lines };
}

async function check(file: string, generator: string, withImages: boolean): Promise<void> {
  const local = await openFile(file);
  const source = countingSource(local.source);
  const notes = new Notes();
  const runner = new StepRunner(coalescingSource(source));
  await runner.prefetch();
  const dump: Dump = await openDump(runner, notes);
  const before = { ...source.counts };
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as Truth;
  const walk = walkThreads(dump, withImages ? imagesOf(truth, generator) : NO_SYMBOLS, {
    waiting: process.argv.includes("--waiting"),
  });
  const started = performance.now();
  await attemptTogether(runner, notes, "stacks", walk.tasks);
  const took = performance.now() - started;
  await local.close();
  const crashed = walk.stacks.find(({ thread }) => thread === dump.crashingThread);
  if (!crashed) {
    process.stdout.write(`DIFF ${file.replace(/^.*\//, "")}: no crashing thread\n`);
    return;
  }
  const main = compare(truth.stack, crashed.frames);
  const good = main.right === main.wanted && main.bogus === 0;
  const others = walk.stacks.filter(({ thread, frames }) => thread !== dump.crashingThread && frames.length > 0);
  let othersRight = 0;
  for (const { thread, frames } of others) {
    const address = dump.threads[thread]?.address;
    const is = truth.other_threads?.find(({ ethread }) => address !== undefined && BigInt(ethread) === address);
    const result = is && compare(is.stack, frames);
    if (result && result.right === result.wanted && result.bogus === 0) othersRight += 1;
  }
  const cost = `${source.counts.requests - before.requests} requests, ${source.counts.rounds - before.rounds} rounds, ${took.toFixed(1)} ms`;
  process.stdout.write(
    `${good ? "ok  " : "DIFF"} ${file.replace(/^.*\//, "")}: ${main.right}/${main.wanted} frames, ours ${main.ours}, bogus ${main.bogus}, ` +
      `end ${crashed.end}; others ${othersRight}/${others.length} of ${truth.other_threads?.length ?? 0}; ${cost}\n`,
  );
  if (!good && process.argv.includes("--list")) process.stdout.write(`${main.lines.join("\n")}\n`);
  for (const note of notes.list()) process.stdout.write(`    note ${note.code} ${note.where} ${note.detail}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const split = args.indexOf("--");
  const own = split < 0 ? args : args.slice(0, split);
  const passed = split < 0 ? [] : args.slice(split + 1);
  const [generator] = own;
  if (!generator)
    throw new Error("usage: stacks-check.ts GENERATOR [--type T]... [--arch A] [--only S]... [--images] [--list]");
  const all = (name: string): string[] => own.flatMap((arg, at) => (arg === `--${name}` ? [own[at + 1] ?? ""] : []));
  const arch = all("arch")[0] ?? "x64";
  const types = all("type").length > 0 ? all("type") : ["bitmap-kernel"];
  const scenarios = all("only").length > 0 ? all("only") : (SCENARIOS[arch] ?? []);
  const folder = join("/tmp", `stacks-check-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  for (const type of types) {
    for (const scenario of scenarios) {
      const file = join(folder, `${arch}-${type.replace(":", "-")}-${scenario}.dmp`);
      const [kind = "", style] = type.split(":");
      execFileSync(
        "python3",
        [
          ...[generator, "--scenario", scenario, "--type", kind, "--out", file],
          ...(style ? ["--triage-style", style] : []),
          ...(arch === "x64" ? [] : ["--arch", arch]),
          ...passed,
        ],
        { stdio: "ignore", env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } },
      );
      await check(file, generator, own.includes("--images"));
      rmSync(file);
    }
  }
  rmSync(folder, { recursive: true });
}

await main(process.argv.slice(2));
