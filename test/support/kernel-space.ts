import { countingSource, type IoCounts, memorySource } from "../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { readKernelHeader } from "../../shared/dump/kernel-dump/header.ts";
import { type KernelSpace, openKernelSpace } from "../../shared/dump/kernel-dump/memory/kernel-space.ts";
import { type Note, Notes } from "../../shared/notes.ts";

/** A kernel's memory opened from bytes, with the runner that fetches for it. */
export interface OpenedSpace {
  readonly space: KernelSpace | undefined;
  readonly runner: StepRunner;
  readonly notes: readonly Note[];
  readonly counts: IoCounts;
}

/** Opens the memory of a kernel dump that lies in an array; only what is asked for is fetched. */
export async function openSpace(bytes: Uint8Array): Promise<OpenedSpace> {
  const source = countingSource(memorySource(bytes));
  const runner = new StepRunner(source, { maxRoundsPerStep: 200 });
  const notes = new Notes();
  const header = await runner.run((fetched) => readKernelHeader(fetched));
  const space = await openKernelSpace(runner, header, notes);
  return { space, runner, notes: notes.list(), counts: source.counts };
}
