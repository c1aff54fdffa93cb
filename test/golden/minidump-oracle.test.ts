import { readFileSync } from "node:fs";
import { memorySource } from "../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { DumpError } from "../../shared/dump/errors.ts";
import { openMinidump } from "../../shared/dump/minidump/minidump.ts";
import { Notes } from "../../shared/notes.ts";
import { ALL_WORDS, loadWords, type Words } from "../../shared/triage/words/words.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";
import { explain, KNOWN_DIFFERENCES } from "./oracle-differences.ts";
import { compareFile, dumpsWithOracle } from "./oracle-run.ts";

describeCorpus("every minidump that minidump-stackwalk reads", () => {
  let words: Words;
  beforeAll(async () => {
    words = await loadWords(ALL_WORDS);
  });

  const files = dumpsWithOracle();

  it("are all there", () => {
    expect(files.length).toBeGreaterThanOrEqual(151);
  });

  it.each(files)("%s reads the same", async (path) => {
    const { compared, differences } = await compareFile(path, words);
    expect(compared.size).toBeGreaterThanOrEqual(30);
    expect(differences.filter((difference) => explain(path, difference) === undefined)).toEqual([]);
  });

  it.each(KNOWN_DIFFERENCES)("$file still differs in $field", async ({ file, field }) => {
    const { differences } = await compareFile(file, words);
    expect(differences.map((difference) => difference.field)).toContain(field);
  });
});

describeCorpus("every minidump that minidump-stackwalk refuses", () => {
  const suffix = ".expected.rust-minidump-0.27.error.txt";
  const files = corpusFiles("", suffix).map((path) => path.slice(0, -suffix.length));

  it.each(files)("%s opens with a note, or ends in a DumpError", async (path) => {
    const notes = new Notes();
    const runner = new StepRunner(memorySource(readFileSync(corpusPath(path))));
    const outcome = await openMinidump(runner, notes).then(
      () => notes.list().map((note) => note.code),
      (error: unknown) => error,
    );
    if (outcome instanceof DumpError) return;
    expect(outcome).toEqual(expect.arrayContaining([expect.stringMatching(/^(minidump|format)\./)]));
    expect(outcome).not.toEqual(expect.arrayContaining([expect.stringMatching(/^internal\./)]));
  });
});
