import { type ByteSource, countingSource, memorySource } from "../../../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../../../shared/bytes/step-runner.ts";
import type { Dump } from "../../../../shared/dump/dump.ts";
import { openMinidump } from "../../../../shared/dump/minidump/minidump.ts";
import { type Note, Notes } from "../../../../shared/notes.ts";

/** A minidump opened in a test, with what it cost. */
export interface Opened {
  readonly dump: Dump;
  readonly notes: readonly Note[];
  readonly runner: StepRunner;
  readonly counts: { readonly bytes: number; readonly requests: number; readonly rounds: number };
}

/** Opens a minidump as the analysis does: coalesced, counted, first read ahead. */
export async function open(source: ByteSource | Uint8Array): Promise<Opened> {
  const counting = countingSource(source instanceof Uint8Array ? memorySource(source) : source);
  const runner = new StepRunner(coalescingSource(counting));
  const notes = new Notes();
  await runner.prefetch();
  const dump = await openMinidump(runner, notes);
  return { dump, notes: notes.list(), runner, counts: counting.counts };
}
