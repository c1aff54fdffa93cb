import { readFileSync } from "node:fs";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { memorySource } from "../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import type { CrashReport } from "../../shared/report/crash-report.ts";
import { corpusPath, describeCorpus } from "../support/corpus.ts";
import { storeOf } from "../support/synth/symbol-store.ts";
import type { Difference } from "./analyze-texts/differences.ts";
import { parseAnalysis } from "./analyze-texts/parse-text.ts";

/**
 * A real triage dump beside WinDbg's own `kv` and `!analyze -v`. WinDbg had Microsoft's symbols: the names that its
 * stack shows, and the frame sizes that follow from it, make a symbol file of our own; everything else is ours.
 */

const DUMP = "kernel/083125-14875-01.dmp";
const KERNEL = { name: "ntoskrnl.exe", timestamp: 0x5dee2b07, size: 0x1046000, cpu: "x86_64" };
const KERNEL_FILE =
  "the loader calls the kernel ntoskrnl.exe, and no page with its debug directory or version is saved";

/** Fields of WinDbg's text that ours has not or has otherwise, even with the names. */
const DIFFERENT: readonly Difference[] = [
  { field: "CUSTOMER_CRASH_COUNT", reason: "a count of the debugger's machine, not of the dump" },
  { field: "FILE_IN_CAB", reason: "the name of the file, which bytes do not hold" },
  { field: "IMAGE_NAME", reason: KERNEL_FILE },
  { field: "IMAGE_VERSION", reason: KERNEL_FILE },
  { field: "KEY_VALUES_STRING", reason: "the headline of WinDbg's own list of keys" },
];

/** What hangs on names: without any symbols these differ too. */
const NAMED = ["BUCKET_ID_FUNC_OFFSET", "FAILURE_BUCKET_ID", "FAILURE_ID_HASH", "SYMBOL_NAME"];

interface KvFrame {
  readonly sp: string;
  readonly line: string;
  readonly name: string;
  readonly returnAddress: bigint;
}

function kvFrames(): KvFrame[] {
  const text = readFileSync(corpusPath(`${DUMP}.expected.windbg.kv.txt`), "utf8");
  return text.split("\n").flatMap((row) => {
    const [, line = "", sp = "", back = "", name = ""] =
      /^[0-9a-f]{2} (([0-9a-f`]{17}) ([0-9a-f`]{17}) .*? : (?:[0-9a-f`]{17} ?){4}: (\S+))/.exec(row) ?? [];
    return line === "" ? [] : [{ sp, line, name, returnAddress: BigInt(`0x${back.replace("`", "")}`) }];
  });
}

async function reportOf(records?: readonly string[]): Promise<CrashReport> {
  const bytes = new Uint8Array(readFileSync(corpusPath(DUMP)));
  const symbols = records && { supplier: storeOf({ ...KERNEL, records }) };
  const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, ...(symbols ? { symbols } : {}) };
  return (await analyzeSource(memorySource(bytes), options)).report;
}

/** The records that WinDbg's stack implies: each function's start, and how its callers were found. */
function recordsOf(frames: readonly KvFrame[], base: bigint, first: bigint): string[] {
  const instructions = frames.map((_, index) => frames[index - 1]?.returnAddress ?? first);
  const sp = frames.map((frame) => BigInt(`0x${frame.sp.replace("`", "")}`));
  return frames.flatMap(({ name }, index) => {
    const [, symbol, offset = "0"] = /^nt!(\w+)(?:\+0x([0-9a-f]+))?$/.exec(name) ?? [];
    if (symbol === undefined) return [];
    const start = ((instructions[index] as bigint) - BigInt(`0x${offset}`) - base).toString(16);
    const size = (sp[index + 1] as bigint) - (sp[index] as bigint);
    // The last one came from a program: its trap frame, 0x70 above, has the program's registers.
    const rules = index === 2 ? ".cfa: $rsp 496 + ^ .ra: $rsp 472 + ^" : `.cfa: $rsp ${size} + .ra: .cfa 8 - ^`;
    return [`PUBLIC ${start} 0 ${symbol}`, `STACK CFI INIT ${start} 400 ${rules}`];
  });
}

function differing(report: CrashReport): string[] {
  const { fields } = parseAnalysis(readFileSync(corpusPath(`${DUMP}.expected.windbg.analyze_v.txt`), "utf8"));
  return [...fields]
    .filter(([key, value]) => key !== "STACK_TEXT" && report.analysis[key] !== value)
    .map(([key]) => key);
}

const hex = (text: string | null | undefined): bigint => BigInt(text ?? 0);

describeCorpus("083125-14875-01 beside WinDbg", () => {
  it("has WinDbg's stack pointers, return addresses and arguments, line by line, without symbols", async () => {
    const { analysis } = await reportOf();
    const ours = (analysis["STACK_TEXT"] ?? "").split("\n").map((line) => line.slice(0, line.lastIndexOf(" : ")));
    expect(ours).toHaveLength(4);
    expect(ours).toEqual(kvFrames().map(({ line }) => line.slice(0, line.lastIndexOf(": ")).trimEnd()));
  });

  it("has its fields, all but those that need names or more than the dump", async () => {
    const report = await reportOf();
    expect(differing(report).sort()).toEqual([...DIFFERENT.map(({ field }) => field), ...NAMED].sort());
    // `kv` prints the trap frame beside the frame that it interrupted.
    expect(report.analysis["TRAP_FRAME"]).toBe("ffffa704eeb6be40");
  });

  it("has every line, the bucket and its hash with the names that WinDbg had", async () => {
    const plain = await reportOf();
    const first = hex(plain.crashing_thread?.frames[0]?.offset);
    const frames = kvFrames();
    const report = await reportOf(recordsOf(frames, hex(plain.kernel?.base), first));
    expect((report.analysis["STACK_TEXT"] ?? "").split("\n")).toEqual(frames.map(({ line }) => line));
    expect(differing(report).sort()).toEqual(DIFFERENT.map(({ field }) => field).sort());
  });

  it("has the values of WinDbg's keys that tell of the dump", async () => {
    const { keys } = parseAnalysis(readFileSync(corpusPath(`${DUMP}.expected.windbg.analyze_v.txt`), "utf8"));
    const { bugcheck, analysis } = await reportOf();
    expect(bugcheck?.code).toBe(keys.get("Bugcheck.Code.LegacyAPI"));
    expect(analysis["DUMP_FILE_ATTRIBUTES"]).toBe(`0x${keys.get("Dump.Attributes.AsUlong")}`);
  });
});
