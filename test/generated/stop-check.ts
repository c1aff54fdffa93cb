import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { countingSource } from "../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { VirtualAddress } from "../../shared/dump/address.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { Notes } from "../../shared/notes.ts";
import { decodeStop } from "../../shared/triage/stop-codes/decode-stop.ts";
import type { StopFacts } from "../../shared/triage/stop-codes/stop-facts.ts";
import { ALL_WORDS, loadWords } from "../../shared/triage/words/words.ts";

/**
 * Compares decodeStop with the truth of generated kernel dumps, scenario by scenario:
 * `node test/generated/stop-check.ts GENERATOR [--type TYPE]... [--arch x64|x86|arm64] [--only SCENARIO] [--build N]... [--seed N] [-- ARGUMENTS OF THE GENERATOR]`
 * GENERATOR is the generator's mkdump.py. Not part of the tests: the generator is no part of the project.
 */

const SCENARIOS: Readonly<Record<string, readonly string[]>> = {
  x64: (
    "0xD1 0xA 0x50 0x3B 0x7E 0x1000007E 0x1E 0x139_3 0x9F_3 0x133_1 0x124 0xC0000218 0x116 0xCE 0x1A_41792 0xEF 0xC2 0xF4 " +
    "0x161 0x7F_8"
  ).split(" "),
  x86: ["0xD1", "0x8E", "0x7E", "0xC0000218"],
  arm64: ["0xD1", "0x7E", "0x1E", "0x139_3"],
};

interface Truth {
  readonly modules: readonly { readonly path: string; readonly base: string; readonly size: string }[];
  readonly unloaded: readonly { readonly name: string; readonly start: string; readonly end: string }[];
  readonly header: { readonly bugcheck?: unknown };
  readonly records: Readonly<Record<string, unknown>> & { readonly fault_regs?: Readonly<Record<string, string>> };
  readonly expect: { readonly culprit: string; readonly bucket: string };
}

interface Options {
  readonly generator: string;
  readonly types: readonly string[];
  readonly builds: readonly string[];
  readonly arch: string;
  readonly only: string | undefined;
  readonly seed: string;
  /** Passed to the generator as they are. */
  readonly extra: readonly string[];
}

function optionsOf([generator, ...args]: readonly string[]): Options {
  if (!generator)
    throw new Error("usage: stop-check.ts GENERATOR [--type T] [--arch A] [--only S] [--build N] [--seed N]");
  const all = (name: string): string[] => args.flatMap((arg, at) => (arg === `--${name}` ? [args[at + 1] ?? ""] : []));
  const types = all("type");
  return {
    generator,
    types: types.length > 0 ? types : ["triage:dbgeng", "triage:kernel"],
    builds: all("build"),
    arch: all("arch")[0] ?? "x64",
    only: all("only")[0],
    seed: all("seed")[0] ?? "1",
    extra: args.includes("--") ? args.slice(args.indexOf("--") + 1) : [],
  };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** What differs from the truth, in words; empty when nothing does. */
function misses(dump: Dump, facts: StopFacts, truth: Truth): { misses: string[]; registers: string } {
  const out: string[] = [];
  const { records } = truth;
  const same = (name: string, ours: bigint | undefined): void => {
    const theirs = records[name];
    if (typeof theirs === "string" && (ours === undefined || hex(ours) !== theirs))
      out.push(`${name} ${ours === undefined ? "missing" : hex(ours)}, truth ${theirs}`);
  };
  same("trap_frame", facts.trapFrame);
  if ([0x1e, 0x3b, 0x7e].includes((dump.bugcheck?.code ?? 0) & 0xfffff)) {
    same("context_record", facts.contextRecord);
    same("exception_record", facts.exceptionRecord?.at);
  } else if (dump.bugcheck?.code === 0x139) same("exception_record", facts.exceptionRecord?.at);
  const truthRegisters = Object.entries(records.fault_regs ?? {});
  const ours = facts.faultingContext?.registers ?? {};
  const held = truthRegisters.filter(([name]) => ours[name] !== undefined);
  for (const [name, value] of held)
    if (hex(ours[name] as bigint) !== value) out.push(`${name} ${hex(ours[name] as bigint)}, truth ${value}`);
  if (truthRegisters.length > 0 && held.length === 0) out.push("no faulting context");
  return { misses: out, registers: `${held.length}/${truthRegisters.length}` };
}

/** Module lists of the truth, for dumps whose own lists are not read. */
function withModules(dump: Dump, truth: Truth): Dump {
  const address = (text: string): VirtualAddress => BigInt(text) as VirtualAddress;
  return {
    ...dump,
    modules: truth.modules.map(({ path, base, size }) => ({
      ...{ path, base: address(base), size: Number(size), identity: "not-read" },
    })),
    unloadedModules: truth.unloaded.map(({ name, start, end }) => ({
      ...{ path: name, base: address(start), size: Number(BigInt(end) - BigInt(start)) },
    })),
  };
}

async function check(file: string): Promise<string[]> {
  const local = await openFile(file);
  const source = countingSource(local.source);
  const notes = new Notes();
  const runner = new StepRunner(coalescingSource(source));
  await runner.prefetch();
  const opened = await openDump(runner, notes);
  const before = { ...source.counts };
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as Truth;
  const dump = opened.modules.length > 0 ? opened : withModules(opened, truth);
  const words = await loadWords(ALL_WORDS);
  const own = new Notes();
  const facts = await runner.run(() => decodeStop({ dump, words, notes: own }));
  await local.close();
  const cost = `${(source.counts.bytes - before.bytes) >> 10} KiB in ${source.counts.rounds - before.rounds} rounds`;
  const { misses: missed, registers } = misses(dump, facts, truth);
  const [first] = facts.blame;
  const who = first ? (first.image ?? first.hardware ?? first.process ?? "-") : "-";
  const culprit = truth.expect.culprit;
  const agrees = culprit.toLowerCase().includes(who.toLowerCase());
  const parts = facts.bucketParts;
  const bucket = parts.whole ?? [parts.class, parts.qualifier, parts.blame].filter(Boolean).join("_");
  return [
    facts.trapFrame === undefined ? "-" : hex(facts.trapFrame),
    facts.faultSource ?? "-",
    registers,
    missed.length === 0 ? "equal" : `DIFFERS: ${missed.join("; ")}`,
    `${who}${agrees ? "" : ` (truth: ${culprit})`}`,
    bucket,
    truth.expect.bucket,
    cost,
    own
      .list()
      .map(({ code }) => code)
      .join(","),
  ];
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const folder = join("/tmp", `stop-check-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  let equal = 0;
  let all = 0;
  console.log(
    "scenario | type | build | trap frame | found by | registers | records | first blame | our bucket parts | truth | read | notes",
  );
  for (const build of options.builds.length > 0 ? options.builds : [""])
    for (const type of options.types)
      for (const scenario of SCENARIOS[options.arch] ?? []) {
        if (options.only !== undefined && options.only !== scenario) continue;
        const file = join(folder, "x.dmp");
        const [kind = "", style] = type.split(":");
        const args = ["--scenario", scenario, "--type", kind, "--seed", options.seed, "--out", file];
        if (style) args.push("--triage-style", style);
        if (build) args.push("--build", build);
        args.push(...options.extra);
        if (options.arch !== "x64") args.push("--arch", options.arch);
        if (scenario === "0x161" && kind === "triage") continue;
        all += 1;
        try {
          execFileSync("python3", [options.generator, ...args], {
            stdio: ["ignore", "ignore", "pipe"],
            env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
          });
          const row = await check(file);
          if (row[3] === "equal") equal += 1;
          console.log([scenario, type, build || "default", ...row].join(" | "));
        } catch (error) {
          console.log(
            [scenario, type, build || "default", `FAILED ${error instanceof Error ? error.message : ""}`].join(" | "),
          );
        }
      }
  rmSync(folder, { recursive: true, force: true });
  console.log(`${equal} of ${all} equal to the truth in every record and register that the dump's records hold`);
}

await main();
