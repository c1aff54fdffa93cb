import { extractCabinet } from "../../../../shared/adapters/symbols/cabinet.ts";
import { GeckoDemangler } from "../../../../shared/adapters/symbols/demangler.ts";
import type { SymbolHit } from "../../../../shared/stackwalk/symbol-provider.ts";
import { BreakpadIndexer } from "../../../../shared/symbols/breakpad/breakpad-index.ts";
import { BreakpadSymbols } from "../../../../shared/symbols/breakpad/breakpad-symbols.ts";
import { KEEP_NAMES } from "../../../../shared/symbols/symbol-file.ts";
import { describeCorpus } from "../../../support/corpus.ts";
import { corpusBytes, fetched, openPdbSymbols } from "../../../support/symbol-files.ts";

/**
 * PDBs beside the Breakpad files that mozilla's dump_syms made of them. What differs, and why ours stays:
 * - inlines: files without INLINE records know none (their dump_syms was older); in crashme 28F6 one line
 *   record joins two pieces of code although the second belongs to an inlined call.
 * - functions: folded functions share their code, and the file names another of them.
 * - lines: an old dump_syms writes 0xF00F00, a mark of the compiler, as a line number.
 * - publics: it calls nameless ones `<unknown in …>`; `_enc$textbss$end` lies behind its section; the demanglers
 *   differ in where conversion operators are const.
 * - win: it takes bit 10 of FPO_DATA, the highest of cbRegs, for fUseBP, which winnt.h has in bit 12.
 */
interface Case {
  readonly pdb: string;
  readonly sym: string;
  /** Records of the file. */
  readonly all: Counts;
  /** Those that differ. */
  readonly different: Partial<Counts>;
}

interface Counts {
  functions: number;
  publics: number;
  /** First and last address of every line record that lies in its function. */
  lines: number;
  inlines: number;
  win: number;
}

const W = "windows-x64";
const MOZILLA = "symbols/mozilla_dump_syms";
const SENTRY = "symbols/getsentry_symbolic";
const LAYOUT = "symbols/breakpad-layout";

const CASES: readonly Case[] = [
  {
    pdb: `${W}/symstore/crashme.pdb/28F6C561D6185D354C4C44205044422E1/crashme.pdb`,
    sym: `${W}/sym/crashme.pdb/28F6C561D6185D354C4C44205044422E1/crashme.sym`,
    all: { functions: 29, publics: 906, lines: 486, inlines: 486, win: 0 },
    different: { publics: 1, inlines: 1 },
  },
  {
    pdb: `${W}/symstore/crashme.pdb/E47CCEF7534CF1294C4C44205044422E1/crashme.pdb`,
    sym: `${W}/sym/crashme.pdb/E47CCEF7534CF1294C4C44205044422E1/crashme.sym`,
    all: { functions: 89, publics: 918, lines: 612, inlines: 612, win: 0 },
    different: { publics: 1 },
  },
  {
    pdb: `${W}/symstore/helper.pdb/B89095FCA1ED46FA4C4C44205044422E1/helper.pdb`,
    sym: `${W}/sym/helper.pdb/B89095FCA1ED46FA4C4C44205044422E1/helper.sym`,
    all: { functions: 3, publics: 52, lines: 20, inlines: 20, win: 0 },
    different: { publics: 1 },
  },
  {
    pdb: `${W}/symstore/helper.pdb/F05C3C4CA721EEC14C4C44205044422E1/helper.pdb`,
    sym: `${W}/sym/helper.pdb/F05C3C4CA721EEC14C4C44205044422E1/helper.sym`,
    all: { functions: 3, publics: 52, lines: 20, inlines: 20, win: 0 },
    different: { publics: 1 },
  },
  {
    pdb: `${SENTRY}/CrashWithException.pdb`,
    sym: `${SENTRY}/CrashWithException.pdb.sym`,
    all: { functions: 66, publics: 33, lines: 590, inlines: 590, win: 0 },
    different: { functions: 3, inlines: 35 },
  },
  {
    pdb: `${SENTRY}/crash.pdb`,
    sym: `${LAYOUT}/crash.pdb/3249D99D0C4049318610F4E4FB0B69361/crash.sym`,
    all: { functions: 92, publics: 35, lines: 1515, inlines: 1515, win: 154 },
    different: { functions: 3, lines: 2, inlines: 189 },
  },
  {
    pdb: `${MOZILLA}/basic32-min.pdb`,
    sym: `${MOZILLA}/basic32-min.sym`,
    all: { functions: 723, publics: 2452, lines: 0, inlines: 0, win: 4993 },
    different: { publics: 7, win: 3 },
  },
  {
    pdb: `${MOZILLA}/basic32.pd_`,
    sym: `${MOZILLA}/basic32.sym`,
    all: { functions: 3072, publics: 96, lines: 48_074, inlines: 48_074, win: 4993 },
    different: { publics: 1, inlines: 4849, win: 3 },
  },
  {
    pdb: "symbols/KindTis_DumpAnalysisMCP/sample2/CppConsoleApplication.pdb",
    sym: `${LAYOUT}/CppConsoleApplication.pdb/4F1CBD0C787F4165837B0D3AB7EFEA3A2/CppConsoleApplication.sym`,
    all: { functions: 1778, publics: 118, lines: 28_378, inlines: 28_378, win: 0 },
    different: { publics: 2 },
  },
];

const gecko = new GeckoDemangler();

/** Names without what only one of the two writers adds: parameters, storage classes, spaces, C decoration. */
function sameName(theirs: string, ours: string | undefined): boolean {
  if (ours === undefined) return false;
  const a = theirs
    .replace(/ const$/, "")
    .replace(/\s/g, "")
    .replaceAll("`anonymousnamespace'", "(anonymousnamespace)");
  const b = ours
    .replace(/ const$/, "")
    .replace(/\s/g, "")
    .replaceAll("`anonymousnamespace'", "(anonymousnamespace)");
  return a === b || `_${a}` === b || a === `_${b}` || a.includes(`${b}(`) || `_${a}`.startsWith(`${b}(`);
}

function place(hit: SymbolHit | undefined): string {
  return `${hit?.file?.toLowerCase()}:${hit?.line}`;
}

/** Each call's function without its parameters, file and line. */
function calls(hit: SymbolHit | undefined): string {
  return JSON.stringify(hit?.inlines.map(({ name, file, line }) => [name.replace(/[\s(].*$/s, ""), file, line]));
}

describeCorpus("PDBs beside their Breakpad files", () => {
  it.each(CASES)("tells the same of $pdb", async ({ pdb, sym, all, different }) => {
    const packed = corpusBytes(pdb);
    const bytes = pdb.endsWith("_") ? await extractCabinet(packed) : packed;
    const ours = openPdbSymbols(bytes ?? new Uint8Array(0), (name) => gecko.byLibrary(name));
    const text = corpusBytes(sym);
    const indexer = new BreakpadIndexer();
    indexer.push(text);
    const index = indexer.finish();
    const theirs = new BreakpadSymbols(fetched(text), index, KEEP_NAMES);
    expect(ours.debugId).toBe(theirs.debugId);

    const total: Counts = { functions: 0, publics: 0, lines: 0, inlines: 0, win: 0 };
    const wrong: Partial<Counts> = {};
    const count = (what: keyof Counts, equal: boolean): void => {
      total[what] += 1;
      if (!equal) wrong[what] = (wrong[what] ?? 0) + 1;
    };
    for (let i = 0; i < index.functions.count; i++) {
      const { start, size, offset, length } = index.functions.at(i);
      const [a, b] = [theirs.lookup(start), ours.lookup(start)];
      count("functions", sameName(a?.name ?? "", b?.name) && b?.rva === start && b.size === size);
      for (const line of new TextDecoder().decode(text.subarray(offset, offset + length)).split("\n")) {
        const record = /^([0-9a-f]+) ([0-9a-f]+) \d+ \d+/.exec(line);
        if (!record) continue;
        const first = Number.parseInt(record[1] as string, 16);
        for (const at of [first, first + Number.parseInt(record[2] as string, 16) - 1]) {
          const [x, y] = [theirs.lookup(at), ours.lookup(at)];
          if (!x || x.size === undefined) continue;
          count("lines", place(x) === place(y));
          count("inlines", calls(x) === calls(y));
        }
      }
    }
    for (let i = 0; i < index.publics.count; i++) {
      const { start } = index.publics.at(i);
      const [a, b] = [theirs.lookup(start), ours.lookup(start)];
      count("publics", sameName(a?.name ?? "", b?.name) || sameName(a?.name ?? "", b?.rawName));
    }
    for (const table of [index.frameData, index.fpo]) {
      for (let i = 0; i < table.count; i++) {
        const { start } = table.at(i);
        count("win", JSON.stringify(theirs.frameData(start)) === JSON.stringify(ours.frameData(start)));
      }
    }
    expect({ all: total, different: wrong }).toEqual({ all, different });
  });
});
