import { readFileSync } from "node:fs";
import { countingSource, type IoCounts, memorySource } from "../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { type Note, Notes } from "../../shared/notes.ts";

/** An opened dump, its notes, and what reading it cost. */
export interface Opened {
  readonly dump: Dump;
  readonly notes: readonly Note[];
  readonly counts: IoCounts;
}

/** Opens a dump that lies in memory. */
export async function openBytes(bytes: Uint8Array): Promise<Opened> {
  const source = countingSource(memorySource(bytes));
  const notes = new Notes();
  const dump = await openDump(new StepRunner(source), notes);
  return { dump, notes: notes.list(), counts: source.counts };
}

/** Opens a dump of the file system. */
export async function openFile(path: string): Promise<Opened> {
  return openBytes(new Uint8Array(readFileSync(path)));
}
