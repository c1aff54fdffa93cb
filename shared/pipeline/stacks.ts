import { countingSource, type IoCounts } from "../bytes/byte-source.ts";
import type { StepRunner, Task } from "../bytes/step-runner.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump } from "../dump/dump.ts";
import { attempt, attemptTogether, type Notes } from "../notes.ts";
import type { StackFrame } from "../stackwalk/frame.ts";
import type { SymbolProvider } from "../stackwalk/symbol-provider.ts";
import { walkThreads } from "../stackwalk/walk-threads.ts";
import { type NamedFrame, nameFrames } from "../symbols/name-frames.ts";
import type { Demangle } from "../symbols/symbol-file.ts";
import type { SymbolSupplier } from "../symbols/symbol-supplier.ts";
import { Symbolizer } from "../symbols/symbolizer.ts";
import type { VerdictFrame } from "../triage/candidates.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";

/** Where symbols come from. */
export interface SymbolOptions {
  readonly supplier: SymbolSupplier;
  readonly demangle?: Demangle;
}

/** Finds nothing: stacks then go by the dump's own images, frame pointers and scans. */
const NO_SUPPLIER: SymbolSupplier = { find: async () => ({ files: [], lookedIn: [] }) };

/** The stacks of a dump with names. */
export interface Stacks {
  /** Frames by index of the thread, innermost first. */
  readonly threads: ReadonlyMap<number, readonly NamedFrame[]>;
  /** The crashing thread from the fault on: what a verdict looks at. */
  readonly verdictFrames: readonly VerdictFrame[];
  readonly provider: SymbolProvider;
  readonly symbolIo: IoCounts;
}

/**
 * Walks all threads and names their frames. Budgets and damage cut stacks short and leave a note.
 * @param stop what the stop code led to: the registers of the fault, which are not those of the bug check
 */
export async function analyzeStacks(
  dump: Dump,
  runner: StepRunner,
  notes: Notes,
  symbols: SymbolOptions | undefined,
  stop: StopFacts | undefined,
): Promise<Stacks> {
  const symbolIo: IoCounts = { bytes: 0, requests: 0, rounds: 0 };
  const provider = new Symbolizer({
    supplier: symbols?.supplier ?? NO_SUPPLIER,
    attach: (source) => runner.attach(countingSource(source, symbolIo)),
    notes,
    ...(symbols?.demangle ? { demangle: symbols.demangle } : {}),
  });
  const walk = walkThreads(dump, provider);
  await together(runner, notes, "stacks", walk.tasks);
  const threads = new Map(walk.stacks.map(({ thread }) => [thread, [] as NamedFrame[]]));
  const naming = walk.stacks.map(({ thread, frames }) =>
    nameFrames(dump, frames, provider, threads.get(thread) as NamedFrame[], thread === dump.crashingThread),
  );
  await together(runner, notes, "symbols", naming);
  const crashing = dump.crashingThread === undefined ? undefined : threads.get(dump.crashingThread);
  const fault = stop?.faultingContext;
  const verdictFrames = await framesFromFault(dump, runner, notes, provider, crashing ?? [], fault);
  return { threads, verdictFrames: verdictFrames.map(verdictFrame), provider, symbolIo };
}

/** The crashing stack from the fault on: a part of it where the walk came through the fault, else a walk of its own. */
async function framesFromFault(
  dump: Dump,
  runner: StepRunner,
  notes: Notes,
  provider: SymbolProvider,
  crashing: readonly NamedFrame[],
  fault: CpuContext | undefined,
): Promise<readonly NamedFrame[]> {
  if (!fault || dump.crashingThread === undefined) return crashing;
  const at = crashing.findIndex(({ frame }) => frame.interrupted && frame.ip === fault.pc);
  if (at >= 0) return crashing.slice(at);
  const contexts = new Map([[dump.crashingThread, fault]]);
  const walk = walkThreads(dump, provider, { contexts, threads: [dump.crashingThread] });
  await together(runner, notes, "stacks/fault", walk.tasks);
  const frames: readonly StackFrame[] = walk.stacks[0]?.frames ?? [];
  const named: NamedFrame[] = [];
  await together(runner, notes, "symbols", [nameFrames(dump, frames, provider, named, false)]);
  return named;
}

function verdictFrame({ frame, hit }: NamedFrame): VerdictFrame {
  return {
    address: frame.ip,
    trust: frame.trust,
    ...(hit ? { symbol: hit.name } : {}),
  };
}

/** Runs tasks side by side; one that fails leaves a note and the others alone. */
function together(runner: StepRunner, notes: Notes, where: string, tasks: readonly Task[]): Promise<void> {
  const guarded = tasks.map(
    (task): Task =>
      (bytes) =>
        attempt(notes, where, () => task(bytes)) ?? [],
  );
  return attemptTogether(runner, notes, where, guarded);
}
