import type { StepRunner, Task } from "../../../bytes/step-runner.ts";
import { attemptStep, attemptTogether, type Notes } from "../../../notes.ts";
import type { VirtualAddress } from "../../address.ts";
import type { Dump, DumpKernel, DumpListedProcess, DumpModule, DumpProcess, DumpProcessor } from "../../dump.ts";
import type { OpenedDump } from "../../opened-dump.ts";
import type { KernelTypesOf, TypeLayout } from "../../type-layout.ts";
import { unlessFill, unlessFillWide } from "../fill.ts";
import {
  headerBugcheck,
  headerContext,
  headerException,
  headerKernel,
  headerSystem,
  headerTimes,
  type KernelHeader,
} from "../header.ts";
import { headerSections } from "../header-sections.ts";
import { imageSize } from "../memory/kernel-image.ts";
import type { KernelSpace } from "../memory/kernel-space.ts";
import { HAS_USER_MEMORY, promisedMemory } from "../memory/user-memory.ts";
import { offsetSources } from "../process-thread.ts";
import { virtualMachine } from "../secondary/smbios.ts";
import { CrashedThread } from "./crashed-thread.ts";
import { FileFacts } from "./file-facts.ts";
import { Identities } from "./identities.ts";
import { KernelTexts } from "./kernel-texts.ts";
import { takeKernelTypes } from "./kernel-types.ts";
import type { LiveContext } from "./live-context.ts";
import { ModuleList } from "./module-list.ts";
import { PageScan } from "./page-scan.ts";
import { ProcessList } from "./process-list.ts";
import { ProcessorList, type ProcessorRecord } from "./processor-list.ts";
import { processorStack } from "./processor-stacks.ts";
import { allThreads, recordFacts } from "./record-facts.ts";
import { noteContradictions } from "./shared-data.ts";
import { UnloadedList } from "./unloaded-list.ts";
import { loaderAhead } from "./user-loader.ts";

/** Rounds that the lists which stacks wait for may take: whole ones take about ten, a hostile chain would go on for thousands. */
const MAX_ROUNDS = 48;
/** Round, counted from the first, after which nobody waits for further processes and threads: DESIGN allows 25. */
const LAST_ROUND = 24;

type Runner = Pick<StepRunner, "run" | "runTogether" | "beside" | "settle">;

/**
 * Reads what the kernel knew from a dump with page tables: all lists and records side by side, so that they
 * share their rounds. Whatever is damaged becomes a note, and the rest is still there.
 * @param typesOf symbols of the kernel, where they are to be had; lists then wait for them
 */
export async function openLiveDump(
  space: KernelSpace,
  header: KernelHeader,
  runner: Runner,
  notes: Notes,
  typesOf?: KernelTypesOf,
): Promise<OpenedDump> {
  const { cpu, pointerSize } = header;
  const build = unlessFill(header.record.MinorVersion) ?? 0;
  const { memory, kdbg } = space;
  const beside = (tasks: readonly Task[]): void => runner.beside(tasks);
  const identities = new Identities(space, headerTimes(header).created, notes);
  const types = typesOf && (await kernelTypes(identities, typesOf, runner, notes));
  const context: LiveContext = { memory, cpu, pointerSize, build, kdbg, types, notes, beside };
  const registers = headerContext(header);
  const times = headerTimes(header);

  const scan = new PageScan(context);
  const modules = new ModuleList(context, listHead(space, header, "PsLoadedModuleList"), scan);
  const processes = new ProcessList(context, listHead(space, header, "PsActiveProcessHead"), scan);
  const unloaded = new UnloadedList(context);
  const crashed = new CrashedThread(
    context,
    registers?.sp,
    (process) => processes.around(process),
    (teb) => (pointerSize === 8 && HAS_USER_MEMORY.has(header.kind) ? loaderAhead(memory, teb) : []),
  );
  const texts = new KernelTexts(context);
  const count = unlessFill(header.record.NumberProcessors) ?? 0;
  const processors: ProcessorList = new ProcessorList(context, count, (processor) =>
    crashed.running(processor, () => processors.whenThreadsAreKnown()),
  );
  const file = new FileFacts(context, header, space.physical.end);
  runner.beside(processes.start());
  const work = [
    ...modules.start(),
    ...processors.start(),
    ...unloaded.start(),
    ...texts.start(),
    ...identities.start(),
    ...file.start(),
  ];
  await attemptTogether(runner, notes, "kernel", work, MAX_ROUNDS);

  const all = processors.processors();
  const index = crashed.crashedIndex(all);
  const stopped = all.find((one) => one.index === index);
  if (index === undefined) await attemptSettle(runner, notes);
  await attemptTogether(
    runner,
    notes,
    "kernel/threads",
    [...crashed.rest(index), ...(index === undefined ? processes.findOwner(header.record.DirectoryTableBase) : [])],
    MAX_ROUNDS,
  );

  const listed = modules.modules();
  const kernelImage = await missingKernel(space, listed, runner, notes);
  const facts = recordFacts(context, crashed.process(index), crashed.thread(index));
  const cpuInfo = stopped?.cpuInfo;
  if (texts.shared) noteContradictions(header, texts.shared, notes);
  const machine = virtualMachine(file.secondaryData?.firmware);
  const bugcheck = headerBugcheck(header);
  const exception = headerException(header);
  const threads = allThreads(facts, registers, [], all, index);
  const threadId = threads[0]?.id;
  const kernelBase = space.kernelBase;
  const kernel = (): DumpKernel => ({
    ...headerKernel(header),
    ...(kernelBase === undefined ? {} : { base: kernelBase }),
    ...(space.kdbgAddress === undefined ? {} : { debuggerDataBlock: space.kdbgAddress }),
    ...offsetSources({
      process: facts.processFrom ?? processes.shape?.from,
      thread: facts.threadFrom,
      processor: stopped && processors.from,
      tableBuild: facts.tableBuild,
    }),
  });
  const dump: Dump = {
    format: header.format,
    kind: header.kind,
    dumpType: header.record.DumpType,
    size: file.size,
    ...sharedTimes(texts),
    ...times,
    truncated: file.truncated,
    sections: [...headerSections(header), ...file.sections],
    cpu,
    pointerSize,
    system: {
      ...(texts.shared?.productType === undefined ? {} : { productType: texts.shared.productType }),
      ...headerSystem(header),
      ...(cpuInfo === undefined ? {} : { cpuInfo }),
      ...(texts.buildLab === undefined ? {} : { buildLab: texts.buildLab }),
      ...(machine === undefined ? {} : { virtualMachine: machine }),
    },
    process: processes.owner ? ownerFacts(processes.owner) : facts.process,
    modules: [...kernelImage, ...listed].map((module) => identities.known(module)),
    unloadedModules: unloaded.unloaded(),
    threads,
    crashingThread: 0,
    ...(exception ? { exception: threadId ? { ...exception, threadId } : exception } : {}),
    ...(bugcheck ? { bugcheck } : {}),
    kernel: kernel(),
    ...(stopped ? { processor: publicProcessor(stopped) } : {}),
    processors: all.map(publicProcessor),
    ...(texts.shared ? { sharedData: texts.shared } : {}),
    ...(file.secondaryData ? { secondaryData: file.secondaryData } : {}),
    extras: {},
    memory: promisedMemory(memory, header.kind, pointerSize),
    identify: (module) => identities.read(module),
    processorStack: ({ address: prcb }, address) =>
      prcb === undefined ? undefined : processorStack(context, prcb, address),
  };
  const known = (): Dump => ({ ...dump, modules: dump.modules.map((module) => identities.known(module)) });
  const whole = async (): Promise<Dump> => {
    await attemptSettle(runner, notes);
    return {
      ...known(),
      threads: allThreads(facts, registers, crashed.others(index, facts.process.pid), all, index),
      kernel: kernel(),
      processes: processes.processes(),
    };
  };
  return { dump, known, whole };
}

/** nt by its own headers, where the list does not lead to it: damaged links or tables hide all else, but not the kernel. */
async function missingKernel(
  { kernelBase, memory }: KernelSpace,
  listed: readonly DumpModule[],
  runner: Runner,
  notes: Notes,
): Promise<DumpModule[]> {
  if (kernelBase === undefined || listed.some(({ base }) => base === kernelBase)) return [];
  const size = await attemptStep(runner, notes, "kernel/modules", () => imageSize(memory, kernelBase));
  if (size === undefined) return [];
  notes.add("kernel.module-list", "kernel/modules", "nt is not in the list: its own headers tell of it");
  return [{ base: kernelBase, size, path: "ntoskrnl.exe", identity: "not-read" }];
}

/** Offsets from the symbols of this very kernel. */
async function kernelTypes(
  identities: Identities,
  typesOf: KernelTypesOf,
  runner: Runner,
  notes: Notes,
): Promise<TypeLayout | undefined> {
  return attemptStep(runner, notes, "kernel/types", () => {
    const kernel = identities.kernel();
    const layout = kernel && typesOf(kernel);
    return layout && takeKernelTypes(layout);
  });
}

/** Waits for the lists that nobody waited for; budgets end that with a note. */
async function attemptSettle(runner: Runner, notes: Notes): Promise<void> {
  await attemptTogether({ runTogether: async () => void (await runner.settle(LAST_ROUND)) }, notes, "kernel/lists", []);
}

/** The list's head as the debugger data has it, else the header's. */
function listHead(
  space: KernelSpace,
  header: KernelHeader,
  which: "PsLoadedModuleList" | "PsActiveProcessHead",
): VirtualAddress {
  return unlessFillWide(header.record[which]) || (space.kdbg?.address(which) ?? header.record[which]);
}

/** The crashed process where only the list tells of it. */
function ownerFacts({ pid, name, createTime }: DumpListedProcess): DumpProcess {
  return { pid, ...(name === undefined ? {} : { name }), ...(createTime === undefined ? {} : { createTime }) };
}

/** A processor as dumps give it. */
function publicProcessor({ index: _, cpuInfo: __, ...processor }: ProcessorRecord): DumpProcessor {
  return processor;
}

/** Times of KUSER_SHARED_DATA, for dumps whose header has none. */
function sharedTimes({ shared }: KernelTexts): { created?: number; uptimeSeconds?: number } {
  return {
    ...(shared?.systemTime === undefined ? {} : { created: shared.systemTime }),
    ...(shared?.uptimeSeconds === undefined ? {} : { uptimeSeconds: shared.uptimeSeconds }),
  };
}
