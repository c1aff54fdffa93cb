import { existsSync } from "node:fs";
import type { BreakpadSymbols } from "../../../../shared/symbols/breakpad/breakpad-symbols.ts";
import { corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { type OracleFrame, oracleFrames } from "../../../support/oracle-frames.ts";
import { corpusBytes, openBreakpad } from "../../../support/symbol-files.ts";

/** Folders of dumps, with those of their symbols and what rust-minidump found there. */
const SETS = [
  { dumps: "windows-x64", symbols: ["windows-x64/sym"], without: [] },
  { dumps: "linux-x64", symbols: ["linux-x64/sym"], without: [] },
  // rust-minidump had the debug information of these two macOS programs from elsewhere.
  { dumps: "mdmp", symbols: ["symbols/breakpad-layout"], without: ["rb_crash_macos", "symbolic-macos-mini"] },
] as const;

const opened = new Map<string, BreakpadSymbols | undefined>();

function symbolsOf({ debugFile, debugId }: OracleFrame, folders: readonly string[]): BreakpadSymbols | undefined {
  const place = `${debugFile}/${debugId}/${debugFile.replace(/\.pdb$/i, "")}.sym`;
  if (!opened.has(place)) {
    const folder = folders.find((one) => existsSync(corpusPath(one, place)));
    opened.set(place, folder === undefined ? undefined : openBreakpad(corpusBytes(folder, place)));
  }
  return opened.get(place);
}

describeCorpus("Breakpad files as rust-minidump reads them", () => {
  it.each(SETS)(
    "gives the same function, line and inlines for every frame of $dumps",
    ({ dumps, symbols, without }) => {
      const frames = oracleFrames(dumps).filter(({ from }) => !without.some((name) => from.includes(name)));
      expect(frames.length).toBeGreaterThan(20);
      const different = frames.filter((frame) => {
        const hit = symbolsOf(frame, symbols)?.lookup(frame.offset);
        const ours = [
          hit?.name ?? null,
          hit ? frame.offset - hit.rva : null,
          hit?.file ?? null,
          hit?.line ?? null,
          (hit?.inlines ?? []).map((inline) => [inline.name, inline.file ?? null, inline.line ?? null]).reverse(),
        ];
        return JSON.stringify(ours) !== JSON.stringify(frame.answer);
      });
      expect(different).toEqual([]);
    },
  );
});
