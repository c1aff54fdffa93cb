import type { IoCounts } from "../bytes/byte-source.ts";
import { sharedRounds } from "../bytes/shared-rounds.ts";
import type { StepRunner, Task } from "../bytes/step-runner.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import { attempt, attemptTogether, type Notes } from "../notes.ts";
import type { StackFrame } from "../stackwalk/frame.ts";
import type { ModuleSymbols, SymbolProvider } from "../stackwalk/symbol-provider.ts";
import { walkThreads } from "../stackwalk/walk-threads.ts";
import type { ChosenFile } from "../symbols/chosen-files.ts";
import { type NamedFrame, nameFrames, namesAhead } from "../symbols/name-frames.ts";
import type { Demangle } from "../symbols/symbol-file.ts";
import type { SymbolSupplier } from "../symbols/symbol-supplier.ts";
import { Symbolizer } from "../symbols/symbolizer.ts";
import type { VerdictFrame } from "../triage/candidates.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";
import { codeAhead, identifySuspects, suspectsAhead } from "./suspects.ts";

/** Where symbols come from. */
export interface SymbolOptions {
  readonly supplier: SymbolSupplier;
  readonly demangle?: Demangle;
  /** Files to use for modules of these names though their identity cannot be checked, or differs. */
  readonly chosen?: readonly ChosenFile[];
}

/** The symbols of one analysis. */
export interface AnalysisSymbols {
  readonly provider: Symbolizer;
  /** What reading them cost so far. */
  readonly io: IoCounts;
  /** Whether there are places where symbols may be found. */
  readonly areGiven: boolean;
}

/**
 * Makes the symbols of one analysis, whose reads share the rounds of the dump's. Without options stacks go by the
 * dump's own images, frame pointers and scans.
 */
export function symbolsOf(runner: StepRunner, notes: Notes, options: SymbolOptions | undefined): AnalysisSymbols {
  const io: IoCounts = { bytes: 0, requests: 0, rounds: 0 };
  const count = sharedRounds(() => runner.turns, io);
  const provider = new Symbolizer({
    attach: (source) => runner.attach(count(source)),
    count,
    notes,
    ...(options ? { supplier: options.supplier } : {}),
    ...(options?.demangle ? { demangle: options.demangle } : {}),
    ...(options?.chosen ? { chosen: options.chosen } : {}),
  });
  return { provider, io, areGiven: options !== undefined };
}

/** The stacks of a dump with names. */
export interface Stacks {
  /** Frames by index of the thread, innermost first. */
  readonly threads: ReadonlyMap<number, readonly NamedFrame[]>;
  /** The crashing thread from the fault on: what a verdict looks at. */
  readonly verdictFrames: readonly VerdictFrame[];
  /** What the stop code led to; absent for user dumps. */
  readonly stop: StopFacts | undefined;
  readonly provider: SymbolProvider;
  readonly symbolIo: IoCounts;
}

/**
 * Walks all threads and names their frames, and decodes the stop code beside it: neither waits for the other's reads.
 * Budgets and damage cut stacks short and leave a note.
 * @param decode what the stop code led to: the registers of the fault, which are not those of the bug check; a step
 */
export async function analyzeStacks(
  dump: Dump,
  runner: StepRunner,
  notes: Notes,
  { provider, io: symbolIo, areGiven }: AnalysisSymbols,
  decode: (() => StopFacts) | undefined,
): Promise<Stacks> {
  const asked = new IdentifiedSymbols(dump, provider);
  runner.beside(guarded(notes, "kernel/identities", suspectsAhead(dump)));
  // Without files to look for, a walk has no use for identities.
  const walk = walkThreads(dump, areGiven ? asked : provider);
  let stop: StopFacts | undefined;
  const decoding: Task = () => {
    stop = decode?.();
    if (stop) runner.beside(guarded(notes, "instruction", codeAhead(dump, stop)));
    return [];
  };
  await attemptTogether(runner, notes, "stacks", [
    ...guarded(notes, "stop-code", [decoding]),
    ...guarded(notes, "stacks", walk.tasks),
  ]);
  const all = walk.stacks.flatMap(({ frames }) => frames);
  await together(runner, notes, "kernel/identities", identifySuspects(dump, all, stop));
  const threads = new Map(walk.stacks.map(({ thread }) => [thread, [] as NamedFrame[]]));
  const naming = walk.stacks.map(({ thread, frames }) =>
    nameFrames(dump, frames, asked, threads.get(thread) as NamedFrame[], thread === dump.crashingThread),
  );
  if (areGiven) await together(runner, notes, "symbols", namesAhead(all, asked));
  await together(runner, notes, "symbols", naming);
  const crashing = dump.crashingThread === undefined ? undefined : threads.get(dump.crashingThread);
  const fault = stop?.faultingContext;
  const verdictFrames = await framesFromFault(dump, runner, notes, asked, crashing ?? [], fault);
  return {
    threads: renewed(threads, (module) => asked.known(module)),
    verdictFrames: verdictFrames.map(verdictFrame),
    stop,
    provider,
    symbolIo,
  };
}

/**
 * Symbols of the modules on the stacks, as reports list them. A step of its own: a walk or a naming that was cut short
 * has not asked for all of them, and identities that became known since may lead to other files.
 */
export async function symbolsOnStacks(
  { threads, provider }: Stacks,
  runner: StepRunner,
  notes: Notes,
): Promise<ReadonlyMap<DumpModule, ModuleSymbols>> {
  const modules = new Set([...threads.values()].flat().flatMap(({ frame }) => (frame.module ? [frame.module] : [])));
  const found = new Map<DumpModule, ModuleSymbols>();
  const asking = [...modules].map(
    (module): Task =>
      () => {
        const symbols = provider.forModule(module);
        if (symbols) found.set(module, symbols);
        return [];
      },
  );
  await together(runner, notes, "symbols", asking);
  return new Map(
    [...modules].flatMap((module) => {
      const symbols = found.get(module);
      return symbols ? [[module, symbols] as const] : [];
    }),
  );
}

/** The stacks of a dump whose modules have become known better since: frames name the modules of that dump. */
export function withModulesOf(stacks: Stacks, dump: Dump): Stacks {
  const modules = new Map(dump.modules.map((module) => [module.base, module]));
  return { ...stacks, threads: renewed(stacks.threads, (module) => modules.get(module.base) ?? module) };
}

function renewed(
  threads: ReadonlyMap<number, readonly NamedFrame[]>,
  known: (module: DumpModule) => DumpModule,
): ReadonlyMap<number, readonly NamedFrame[]> {
  const renew = (named: NamedFrame): NamedFrame => {
    const { frame } = named;
    const module = frame.module && known(frame.module);
    return module && module !== frame.module ? { ...named, frame: { ...frame, module } } : named;
  };
  return new Map([...threads].map(([thread, frames]) => [thread, frames.map(renew)]));
}

/** Symbols that are asked for by identities which are read when they are needed. */
class IdentifiedSymbols implements SymbolProvider {
  readonly #dump: Dump;
  readonly #provider: SymbolProvider;
  readonly #known = new Map<DumpModule, DumpModule>();

  constructor(dump: Dump, provider: SymbolProvider) {
    this.#dump = dump;
    this.#provider = provider;
  }

  forModule(module: DumpModule): ReturnType<SymbolProvider["forModule"]> {
    return this.#provider.forModule(this.#identify(module));
  }

  image(module: DumpModule): ReturnType<SymbolProvider["image"]> {
    return this.#provider.image(this.#identify(module));
  }

  /** A module as it was asked for: those of user mode are in no list of the dump. */
  known(module: DumpModule): DumpModule {
    return this.#known.get(module) ?? module;
  }

  #identify(module: DumpModule): DumpModule {
    const identified = this.#dump.identify?.(module) ?? module;
    this.#known.set(module, identified);
    return identified;
  }
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
  await together(runner, notes, "symbols", namesAhead(frames, provider));
  await together(runner, notes, "symbols", [nameFrames(dump, frames, provider, named, false)]);
  return named;
}

function verdictFrame({ frame, hit, hasSymbols, args }: NamedFrame): VerdictFrame {
  return {
    address: frame.ip,
    trust: frame.trust,
    ...(hit ? { symbol: hit.name } : {}),
    ...(hit && frame.rva !== undefined ? { symbolOffset: frame.rva - hit.rva } : {}),
    ...(hit && !hasSymbols ? { exported: true } : {}),
    ...(args ? { args } : {}),
  };
}

/** Runs tasks side by side; one that fails leaves a note and the others alone. */
function together(runner: StepRunner, notes: Notes, where: string, tasks: readonly Task[]): Promise<void> {
  return attemptTogether(runner, notes, where, guarded(notes, where, tasks));
}

/** Tasks, with the work that they find, that leave a note where they fail. */
function guarded(notes: Notes, where: string, tasks: readonly Task[]): Task[] {
  return tasks.map(
    (task): Task =>
      (bytes) =>
        guarded(notes, where, attempt(notes, where, () => task(bytes)) ?? []),
  );
}
