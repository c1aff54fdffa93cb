import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { CORPUS_ROOT, corpusAvailable, corpusFiles } from "../support/corpus.ts";
import { EXAMPLES } from "../support/synth/examples.ts";

/** One dump to damage. */
export interface FuzzInput {
  readonly name: string;
  read(): Uint8Array;
}

/** Every dump of the corpus, or the project's own examples where there is no corpus. */
export function fuzzInputs(pattern?: string): FuzzInput[] {
  const all = [...corpusInputs(), ...exampleInputs()];
  const wanted = pattern === undefined ? undefined : globRegExp(pattern);
  return wanted ? all.filter(({ name }) => wanted.test(name) || wanted.test(basename(name))) : all;
}

function corpusInputs(): FuzzInput[] {
  if (!corpusAvailable) return [];
  return corpusFiles("", ".dmp", ".mdmp", ".dmp.gz", ".microdump").map((name) => ({
    name,
    read: () => new Uint8Array(readFileSync(join(CORPUS_ROOT, name))),
  }));
}

function exampleInputs(): FuzzInput[] {
  return Object.entries(EXAMPLES).map(([name, read]) => ({ name: `examples/${name}`, read }));
}

/** `*` stands for anything, `?` for one character. */
function globRegExp(glob: string): RegExp {
  const body = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${body}$`);
}
