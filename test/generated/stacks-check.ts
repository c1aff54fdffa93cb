import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { countingSource } from "../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { attemptTogether, Notes } from "../../shared/notes.ts";
import type { StackFrame } from "../../shared/stackwalk/frame.ts";
import { NO_SYMBOLS } from "../../shared/stackwalk/symbol-provider.ts";
import { walkThreads } from "../../shared/stackwalk/walk-threads.ts";
import { judge } from "../../shared/triage/judge.ts";
import { kernelReason } from "../../shared/triage/kernel-reason.ts";
import { decodeStop } from "../../shared/triage/stop-codes/decode-stop.ts";
import { ALL_WORDS, loadWords } from "../../shared/triage/words/words.ts";
import { makeDump } from "./make-dump.ts";
import { type ComparedStack, compareStack, hex, providerOf, type StackTruth } from "./stack-truth.ts";

/**
 * Compares stacks of generated kernel dumps with their truth, frame by frame, and whom they blame:
 * `node test/generated/stacks-check.ts GENERATOR [--type T]... [--arch A] [--only S]... [--images] [--waiting] [--list] [--all] [-- GENERATOR OPTIONS]`
 * GENERATOR is the generator's mkdump.py; --images gives the image and symbol files that the dump was made of, else
 * walks go by what is in the dump; --waiting walks threads that waited, too; --all takes every type and ends with a
 * table of types. Not part of the tests: the generator is no part of the project.
 */

const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  x64: (
    "0xD1 0xA 0x50 0x3B 0x7E 0x1000007E 0x1E 0x139_3 0x9F_3 0x133_1 0x124 0xC0000218 0x116 0xCE 0x1A_41792 0xEF 0xC2 0xF4 " +
    "0x161 0x7F_8"
  ).split(" "),
  x86: ["0xD1", "0x8E", "0x7E", "0xC0000218"],
  arm64: ["0xD1", "0x7E", "0x1E", "0x139_3"],
};
const WIDE_TYPES =
  "full bitmap-full bitmap-kernel automatic active live kernel kernel-user complete triage:dbgeng triage:kernel summary";
const TYPES: Readonly<Record<string, readonly string[]>> = {
  x64: WIDE_TYPES.split(" "),
  arm64: WIDE_TYPES.split(" "),
  x86: ["full", "summary", "triage"],
};

interface Row {
  dumps: number;
  equal: number;
  right: number;
  wanted: number;
  stale: number;
  others: number;
  othersEqual: number;
  named: number;
  sameName: number;
  culprits: number;
}
const EMPTY: Row = {
  ...{ dumps: 0, equal: 0, right: 0, wanted: 0, stale: 0 },
  ...{ others: 0, othersEqual: 0, named: 0, sameName: 0, culprits: 0 },
};

const flag = (name: string): boolean => process.argv.includes(`--${name}`);

async function check(file: string, generator: string, row: Row): Promise<void> {
  const local = await openFile(file);
  const source = countingSource(local.source);
  const notes = new Notes();
  const runner = new StepRunner(coalescingSource(source));
  await runner.prefetch();
  const dump = await openDump(runner, notes);
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as StackTruth;
  const { provider, close } = flag("images")
    ? providerOf(truth, generator, runner, notes)
    : { provider: NO_SYMBOLS, close: async () => {} };
  const walk = walkThreads(dump, provider, { waiting: flag("waiting") });
  await attemptTogether(runner, notes, "stacks", walk.tasks);
  const crashed = walk.stacks.find(({ thread }) => thread === dump.crashingThread);
  const name = (frame: StackFrame): string | undefined => {
    const hit =
      frame.module && frame.lookupRva !== undefined
        ? provider.forModule(frame.module)?.lookup(frame.lookupRva)
        : undefined;
    return hit && frame.rva !== undefined ? `${hit.name}+${hex(BigInt(frame.rva - hit.rva))}` : undefined;
  };
  const compare = (is: StackTruth["stack"], frames: readonly StackFrame[]): Promise<ComparedStack> =>
    runner.run(() => compareStack(dump, is, frames, name));
  const main = await compare(truth.stack, crashed?.frames ?? []);
  let others = 0;
  let othersEqual = 0;
  for (const { thread, frames } of walk.stacks) {
    const address = dump.threads[thread]?.address;
    const is = truth.other_threads?.find(({ ethread }) => address !== undefined && BigInt(ethread) === address);
    if (thread === dump.crashingThread || frames.length === 0 || !is) continue;
    const result = await compare(is.stack, frames);
    others += 1;
    if (result.right === result.wanted && result.bogus === 0) othersEqual += 1;
    else if (flag("list")) process.stdout.write(`${result.lines.join("\n")}\n`);
  }
  const words = await loadWords(ALL_WORDS);
  const stop = await runner.run(() => decodeStop({ dump, words, notes: new Notes() }));
  const fault = crashed?.frames.findIndex(({ interrupted, ip }) => interrupted && ip === stop.faultingContext?.pc);
  const shown = crashed?.frames.slice(Math.max(0, fault ?? 0)) ?? [];
  const frames = [];
  for (const frame of shown) {
    const symbol = (await runner.run(() => name(frame)))?.replace(/\+0x[0-9a-f]+$/, "");
    frames.push({ address: frame.ip, trust: frame.trust, ...(symbol === undefined ? {} : { symbol }) });
  }
  const verdict = judge({ dump, crashType: kernelReason(dump, words)?.type, stop, frames });
  const blamed = (verdict.module?.path ?? verdict.unloadedModule?.path ?? verdict.imageName ?? "")
    .replace(/^.*\\/, "")
    .replace(/\.[a-z]+$/i, "")
    .toLowerCase();
  const culprit = truth.expect.culprit.toLowerCase();
  // A live dump blames nobody, or the kernel that made it.
  const isNt = /^(nt|ntoskrnl|ntkr\w+)?$/.test(blamed);
  const sameCulprit = (blamed !== "" && culprit.includes(blamed)) || (isNt && /^nt | nt |no crash/.test(culprit));
  await close();
  await local.close();
  const equal = main.right === main.wanted && main.bogus === 0;
  const add: Row = {
    ...{
      dumps: 1,
      equal: Number(equal),
      right: main.right,
      wanted: main.wanted,
      stale: main.bogus,
      others,
      othersEqual,
    },
    ...{ named: main.named, sameName: main.sameName, culprits: Number(sameCulprit) },
  };
  for (const key of Object.keys(row) as (keyof Row)[]) row[key] += add[key];
  process.stdout.write(
    `${equal ? "ok  " : "DIFF"} ${file.replace(/^.*\//, "")}: ${main.right}/${main.wanted} frames, ours ${crashed?.frames.length ?? 0}, stale ${main.bogus} ` +
      `(of ${truth.scan?.of_them_stale ?? 0}), end ${crashed?.end}; functions ${main.sameName}/${main.named}; others ${othersEqual}/${others}; ` +
      `culprit ${blamed || "-"}${sameCulprit ? "" : ` (truth ${culprit})`}\n`,
  );
  if (flag("list") && (!equal || main.sameName < main.named)) process.stdout.write(`${main.lines.join("\n")}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const split = args.indexOf("--");
  const own = split < 0 ? args : args.slice(0, split);
  const passed = split < 0 ? [] : args.slice(split + 1);
  const [generator] = own;
  if (!generator)
    throw new Error(
      "usage: stacks-check.ts GENERATOR [--type T]... [--arch A] [--only S]... [--images] [--list] [--all]",
    );
  const all = (name: string): string[] => own.flatMap((arg, at) => (arg === `--${name}` ? [own[at + 1] ?? ""] : []));
  const arch = all("arch")[0] ?? "x64";
  const chosen = all("type").length > 0 ? all("type") : ["bitmap-kernel"];
  const types = flag("all") ? (TYPES[arch] ?? []) : chosen;
  const scenarios = all("only").length > 0 ? all("only") : (SCENARIOS[arch] ?? []);
  const folder = join("/tmp", `stacks-check-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const table: string[] = [];
  for (const type of types) {
    const row = { ...EMPTY };
    for (const scenario of scenarios) {
      const file = join(folder, `${arch}-${type.replace(":", "-")}-${scenario}.dmp`);
      const refused = makeDump(generator, { arch, type, scenario, file, passed });
      if (refused === undefined) await check(file, generator, row);
      else process.stdout.write(`none ${arch} ${type} ${scenario}: ${refused}\n`);
      rmSync(file, { force: true });
    }
    table.push(
      `| ${arch} ${type}${passed.length > 0 ? ` ${passed.join(" ")}` : ""} | ${row.equal} of ${row.dumps} | ${row.right} of ${row.wanted} | ${row.stale} | ` +
        `${row.sameName} of ${row.named} | ${row.othersEqual} of ${row.others} | ${row.culprits} of ${row.dumps} |`,
    );
  }
  rmSync(folder, { recursive: true });
  process.stdout.write(`\n| dumps | equal | frames | stale | functions | other threads | culprit |\n`);
  process.stdout.write(`| --- | --- | --- | --- | --- | --- | --- |\n${table.join("\n")}\n`);
}

await main(process.argv.slice(2));
