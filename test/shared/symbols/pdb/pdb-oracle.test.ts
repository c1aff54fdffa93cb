import { readFileSync } from "node:fs";
import type { SymbolHit } from "../../../../shared/stackwalk/symbol-provider.ts";
import type { PdbSymbols } from "../../../../shared/symbols/pdb/pdb-symbols.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { oracleFrames } from "../../../support/oracle-frames.ts";
import { corpusBytes, openPdbSymbols } from "../../../support/symbol-files.ts";

interface DbgHelpFrame {
  readonly module: string | null;
  readonly module_offset: string;
  readonly function: string | null;
  readonly function_offset: string | null;
  readonly file: string | null;
  readonly line: number | null;
}

const opened = new Map<string, PdbSymbols>();

/** The PDB with this identity in the store of the Windows set. */
function stored(file: string, id: string): PdbSymbols {
  let symbols = opened.get(id);
  if (!symbols) {
    symbols = openPdbSymbols(corpusBytes("windows-x64", "symstore", file, id, file));
    opened.set(id, symbols);
  }
  return symbols;
}

/** Debug ids of a dump's own modules, by file name. */
function ownModules(dump: string): Map<string, { file: string; id: string }> {
  const json = readFileSync(corpusPath(`${dump}.expected.rust-minidump-0.27.json`), "utf8");
  const { modules } = JSON.parse(json) as { modules: { filename: string; debug_file: string; debug_id: string }[] };
  return new Map(
    modules
      .filter(({ debug_file }) => /^(?:crashme|helper)\.pdb$/.test(debug_file ?? ""))
      .map(({ filename, debug_file, debug_id }) => [filename, { file: debug_file, id: debug_id }]),
  );
}

/** Function and the offset in it, file, line. Both other tools take the first underscore off every public name. */
function facts(hit: SymbolHit | undefined, offset: number): readonly unknown[] {
  const name = hit && hit.size === undefined ? hit.name.replace(/^_/, "") : hit?.name;
  return [name ?? null, hit ? offset - hit.rva : null, hit?.file ?? null, hit?.line ?? null];
}

describeCorpus("PDBs as Microsoft's own library reads them", () => {
  it("tells function and line of every frame in our own modules of the 98 dumps", () => {
    const suffix = ".expected.dbghelp.json";
    let [frames, named, lines, nameless] = [0, 0, 0, 0];
    const different: unknown[] = [];
    for (const path of corpusFiles("windows-x64", suffix)) {
      const own = ownModules(path.slice(0, -suffix.length));
      const { threads } = JSON.parse(readFileSync(corpusPath(path), "utf8")) as {
        threads: { frames: DbgHelpFrame[] }[];
      };
      for (const thread of threads) {
        for (const [depth, frame] of thread.frames.entries()) {
          const module = own.get(frame.module ?? "");
          if (!module) continue;
          const offset = Number(frame.module_offset);
          // A caller's address is where it goes on; the call stands before it. The library was asked for the former.
          const symbols = stored(module.file, module.id);
          const [exact, call] = [symbols.lookup(offset), symbols.lookup(depth === 0 ? offset : offset - 1)];
          frames += 1;
          if (frame.function === null) {
            // The start-up code of the C library: it saw no public symbol there.
            nameless += 1;
            continue;
          }
          // It knows no inlined calls: all of this function's first line is one, and ours is the line that called.
          if (frame.function === "scene::inlined" && offset === 0x1590) continue;
          const theirs = [frame.function, Number(frame.function_offset), frame.file, frame.line];
          const same = [facts(exact, offset), facts(call, offset)].some((ours) => equal(ours, theirs));
          if (same) {
            named += 1;
            if (frame.line !== null) lines += 1;
          } else {
            different.push([path, frame, facts(exact, offset), facts(call, offset)]);
          }
        }
      }
    }
    expect(different).toEqual([]);
    expect({ frames, named, lines, nameless }).toEqual({ frames: 8580, named: 8481, lines: 8353, nameless: 98 });
  });
});

function equal(ours: readonly unknown[], theirs: readonly unknown[]): boolean {
  return JSON.stringify(ours) === JSON.stringify(theirs);
}

describeCorpus("PDBs as rust-minidump reads their Breakpad files", () => {
  it("tells function, line and inlines of every frame of the Windows set", () => {
    const frames = oracleFrames("windows-x64");
    const different = frames.flatMap((frame) => {
      const symbols = stored(frame.debugFile, frame.debugId);
      // Stray scan results in data: their file knows code alone and names what lies before it.
      if (symbols.covers(frame.offset) === false) return [];
      const hit = symbols.lookup(frame.offset);
      const ours = [
        ...facts(hit, frame.offset),
        (hit?.inlines ?? []).map((inline) => [inline.name, inline.file ?? null, inline.line ?? null]).reverse(),
      ];
      const [name, ...rest] = frame.answer as [string | null, ...unknown[]];
      const inlines = (rest.at(-1) as unknown[][]).map(([inlined, ...place]) => [bare(inlined as string), ...place]);
      const theirs = [name === null ? null : bare(name), ...rest.slice(0, -1), inlines];
      return equal(ours, theirs) ? [] : [[frame.from, frame.offset, ours, theirs]];
    });
    expect(frames.length).toBeGreaterThan(100);
    expect(different).toEqual([]);
  });

  it("names the crash line of the sample dumps as their README does", () => {
    const frames = oracleFrames("mdmp", ".expected.rust-minidump-with-pdb.json");
    const symbols = openPdbSymbols(corpusBytes("symbols/KindTis_DumpAnalysisMCP/sample2/CppConsoleApplication.pdb"));
    const own = frames.filter(({ debugFile }) => debugFile === "CppConsoleApplication.pdb");
    expect(own.length).toBeGreaterThan(0);
    const different = own.flatMap((frame) => {
      if (symbols.covers(frame.offset) === false) return [];
      const hit = symbols.lookup(frame.offset);
      const [name, ...rest] = frame.answer as [string, ...unknown[]];
      const ours = facts(hit, frame.offset);
      return equal(ours.slice(1), rest.slice(0, 3)) && name.startsWith(String(ours[0])) ? [] : [[ours, frame.answer]];
    });
    expect(different).toEqual([]);
  });
});

describeCorpus("a stripped PDB as rizin reads it", () => {
  it("names the frames of a triage dump that lie in amdppm.sys", () => {
    const path = "symbols/symstore/amdppm.pdb/1C19FDDB27BB3399D9B45973EFEAFCF31/amdppm.pdb";
    const symbols = openPdbSymbols(corpusBytes(path));
    const text = readFileSync(corpusPath("kernel/triage_x64.dmp.expected.rizin-tests.txt"), "utf8");
    const frames = [...text.matchAll(/(0xfffff8048b5[0-9a-f]{5}) sp: .* pdb\.amdppm\.(\w+)\+(\d+)/g)];
    const ours = frames.map(([, address]) => {
      const rva = Number(BigInt(address as string) - 0xfffff8048b580000n);
      const hit = symbols.lookup(rva);
      return [hit?.name, hit && rva - hit.rva];
    });
    expect(ours.length).toBe(6);
    expect(ours).toEqual(frames.map(([, , name, offset]) => [name, Number(offset)]));
    expect(symbols.debugId).toBe("1C19FDDB27BB3399D9B45973EFEAFCF31");
  });
});

/** A function's name without its parameters. */
function bare(name: string): string {
  return name.replace(/\(.*$/s, "");
}
