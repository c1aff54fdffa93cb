import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CrashReport } from "../../shared/report/crash-report.ts";
import { corpusPath, describeCorpus } from "../support/corpus.ts";
import { buildCabinet } from "../support/synth/synth-cabinet.ts";

/** What the program says of real dumps with real symbol files, in every layout of a symbol store. */

const root = join(import.meta.dirname, "../..");

function analyze(dump: string, ...symbols: string[]): CrashReport {
  const args = ["analyze", "--json", dump, ...symbols.flatMap((place) => ["--symbols", place])];
  const run = spawnSync(process.execPath, [join(root, "bin/stopcode.js"), ...args], { maxBuffer: 64 * 1024 * 1024 });
  expect([run.status, run.stderr.toString()]).toEqual([0, ""]);
  return JSON.parse(run.stdout.toString()) as CrashReport;
}

/** Function, file's own name and line of the frames of the crashing thread that have a line. */
function crashingFrames({ threads, crash_info }: CrashReport): string[] {
  const frames = threads?.[crash_info?.crashing_thread ?? 0]?.frames ?? [];
  return frames
    .filter(({ line }) => typeof line === "number")
    .map(({ function: name, file, line }) => `${name} ${file?.split(/[\\/]/).at(-1)}:${line}`);
}

function status(report: CrashReport, module: RegExp): string | undefined {
  return report.symbols?.find((entry) => module.test(entry.module))?.status;
}

describeCorpus("symbols through the command line", () => {
  const temporary: string[] = [];
  afterAll(() => {
    for (const path of temporary) rmSync(path, { recursive: true, force: true });
  });

  /** A store with these files. */
  function store(files: Readonly<Record<string, Uint8Array | string>>): string {
    const folder = mkdtempSync(join(tmpdir(), "stopcode-store-"));
    temporary.push(folder);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      if (typeof content === "string") cpSync(content, join(folder, path));
      else writeFileSync(join(folder, path), content);
    }
    return folder;
  }

  it("shows the chain of functions that the README of the sample dump names, each with its line", () => {
    const sample = corpusPath("mdmp/KindTis_DumpAnalysisMCP/sample2/CppConsoleApplication.dmp");
    const report = analyze(sample, corpusPath("symbols/KindTis_DumpAnalysisMCP/sample2"));
    const own = crashingFrames(report).filter((frame) => /CppConsoleApplication\.cpp/.test(frame));
    const chain = /^(?:Inventory::GetItem|Character::UseFirstItem|Warrior::Charge|BattleManager::|GameSession::|main )/;
    expect(own.filter((frame) => chain.test(frame))).toEqual([
      "Inventory::GetItem CppConsoleApplication.cpp:49",
      "Character::UseFirstItem CppConsoleApplication.cpp:148",
      "Warrior::Charge CppConsoleApplication.cpp:114",
      "BattleManager::TriggerChargeAbility CppConsoleApplication.cpp:187",
      "BattleManager::ApplyBattleEffect CppConsoleApplication.cpp:181",
      "BattleManager::ExecutePlayerTurn CppConsoleApplication.cpp:175",
      "BattleManager::StartBattle CppConsoleApplication.cpp:168",
      "GameSession::Initialize CppConsoleApplication.cpp:205",
      "GameSession::Run CppConsoleApplication.cpp:214",
      "main CppConsoleApplication.cpp:303",
    ]);
    expect(crashingFrames(report)[0]).toMatch(/^std::vector<.*>::operator\[\] vector:1940$/);
    expect(status(report, /^CppConsole/)).toBe("found");
  });

  it("does not use the PDB beside the other sample, which has the right GUID and another age", () => {
    const sample = corpusPath("mdmp/KindTis_DumpAnalysisMCP/sample3/CppConsoleApplication.dmp");
    const report = analyze(sample, corpusPath("symbols/KindTis_DumpAnalysisMCP/sample3"));
    expect([status(report, /^CppConsole/), crashingFrames(report)]).toEqual(["mismatched", []]);
  });

  const ID = "E47CCEF7534CF1294C4C44205044422E1";
  const DUMP = "windows-x64/o0-abort.dmp";
  const PDB = `windows-x64/symstore/crashme.pdb/${ID}/crashme.pdb`;
  let expected: string[];

  beforeAll(() => {
    const report = analyze(corpusPath(DUMP), store({ [`crashme.pdb/${ID}/crashme.pdb`]: corpusPath(PDB) }));
    expected = crashingFrames(report);
    expect(expected.length).toBeGreaterThan(1);
    expect(status(report, /^crashme/)).toBe("found");
  });

  it.each([
    ["SSQP, lower case", `crashme.pdb/${ID.toLowerCase()}/crashme.pdb`],
    ["SymStore with two tiers", `cr/crashme.pdb/${ID}/crashme.pdb`],
    ["SymStore in capitals", `CRASHME.PDB/${ID}/CRASHME.PDB`],
    ["a plain folder", "crashme.pdb"],
  ])("finds the same in a store: %s", (_, path) => {
    const report = analyze(corpusPath(DUMP), store({ [path]: corpusPath(PDB) }));
    expect(crashingFrames(report)).toEqual(expected);
  });

  it("finds the same in a compressed file", () => {
    const packed = buildCabinet("crashme.pdb", new Uint8Array(readFileSync(corpusPath(PDB))));
    const report = analyze(corpusPath(DUMP), store({ [`crashme.pdb/${ID}/crashme.pd_`]: packed }));
    expect(crashingFrames(report)).toEqual(expected);
  });

  it.each([
    ["cut", (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => new Uint8Array(0)],
    ["overwritten", (bytes: Uint8Array) => bytes.slice().fill(0x41, 0x20, 0x60)],
  ])("calls a PDB corrupt that was %s, and goes on", (_, damage) => {
    const bytes = damage(new Uint8Array(readFileSync(corpusPath(PDB))));
    const report = analyze(corpusPath(DUMP), store({ [`crashme.pdb/${ID}/crashme.pdb`]: bytes }));
    expect([status(report, /^crashme/), crashingFrames(report)]).toEqual(["corrupt", []]);
    expect(report.notes.some(({ where }) => where.startsWith("symbols/"))).toBe(true);
  });

  it("calls a damaged cabinet corrupt", () => {
    const packed = buildCabinet("crashme.pdb", new Uint8Array(readFileSync(corpusPath(PDB)))).fill(0x55, 4000, 5000);
    const report = analyze(corpusPath(DUMP), store({ [`crashme.pdb/${ID}/crashme.pd_`]: packed }));
    expect(status(report, /^crashme/)).toBe("corrupt");
  });

  it("walks x86 frames by the frame data of a PDB as by those of its Breakpad file", () => {
    const dump = corpusPath("mdmp/getsentry_symbolic/symbolic-windows-mini.dmp");
    const id = "3249D99D0C4049318610F4E4FB0B69361";
    const pdb = analyze(
      dump,
      store({ [`crash.pdb/${id}/crash.pdb`]: corpusPath("symbols/getsentry_symbolic/crash.pdb") }),
    );
    const sym = analyze(
      dump,
      store({ [`crash.pdb/${id}/crash.sym`]: corpusPath(`symbols/breakpad-layout/crash.pdb/${id}/crash.sym`) }),
    );
    const frames = ({ threads }: CrashReport): unknown[] =>
      (threads ?? []).flatMap(({ frames }) =>
        (frames ?? []).map(({ module, module_offset, trust, line }) => [module, module_offset, trust, line]),
      );
    expect(frames(pdb)).toEqual(frames(sym));
    expect(frames(pdb).length).toBeGreaterThan(10);
    expect(status(pdb, /^crash/)).toBe("found");
  });
});
