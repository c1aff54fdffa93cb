import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/**
 * The corpus of real dumps: read in place beside the repository, never copied into it.
 * `STOPCODE_CORPUS` names another folder. Tests that need it skip with a warning when it is not there.
 */

const { STOPCODE_CORPUS } = process.env;

/** Folder of the corpus. */
export const CORPUS_ROOT = resolve(STOPCODE_CORPUS ?? join(import.meta.dirname, "../../../shared/corpus"));

/** Whether the corpus is there. */
export const corpusAvailable = existsSync(join(CORPUS_ROOT, "README.md"));

/** Absolute path of a corpus file. */
export function corpusPath(...parts: string[]): string {
  return join(CORPUS_ROOT, ...parts);
}

/** All corpus files under a folder whose name ends so, as paths relative to the corpus, sorted. */
export function corpusFiles(folder = "", ...suffixes: string[]): string[] {
  if (!corpusAvailable) return [];
  const out: string[] = [];
  const walk = (dir: string): void => {
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (suffixes.length === 0 || suffixes.some((suffix) => name.endsWith(suffix))) out.push(path);
    }
  };
  const start = corpusPath(folder);
  if (existsSync(start)) walk(start);
  return out.map((path) => relative(CORPUS_ROOT, path));
}

/** `describe`, or without the corpus one placeholder test and a loud warning: once per file. */
export function describeCorpus(title: string, tests: () => void): void {
  if (corpusAvailable) {
    describe(title, tests);
    return;
  }
  console.warn(`SKIPPED: "${title}" needs the corpus of real dumps, which is not at ../shared/corpus`);
  describe(title, () => {
    it("has no corpus to run on", () => {
      expect(corpusAvailable).toBe(false);
    });
  });
}
