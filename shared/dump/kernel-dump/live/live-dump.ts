import type { StepRunner } from "../../../bytes/step-runner.ts";
import { attemptStep, attemptTogether, type Notes } from "../../../notes.ts";
import type { VirtualAddress } from "../../address.ts";
import type { Dump, DumpListedProcess, DumpModule, DumpProcess, DumpProcessor } from "../../dump.ts";
import type { TypeLayout } from "../../type-layout.ts";
import { readBlobChain } from "../blobs.ts";
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
import type { KernelSpace } from "../memory/kernel-space.ts";
import { readPagePromise } from "../page-promise.ts";
import { offsetSources } from "../process-thread.ts";
import { CrashedThread } from "./crashed-thread.ts";
import { identityTasks, type ModuleIdentity, withIdentities } from "./identities.ts";
import { KernelTexts } from "./kernel-texts.ts";
import type { LiveContext } from "./live-context.ts";
import { ModuleList } from "./module-list.ts";
import { PageScan } from "./page-scan.ts";
import { ProcessList } from "./process-list.ts";
import { ProcessorList, type ProcessorRecord } from "./processor-list.ts";
import { allThreads, recordFacts } from "./record-facts.ts";
import { UnloadedList } from "./unloaded-list.ts";

/** Rounds that the lists may take: whole ones take about twenty, a hostile chain would go on for thousands. */
const MAX_ROUNDS = 256;

type Runner = Pick<StepRunner, "run" | "runTogether">;

/**
 * Reads what the kernel knew from a dump with page tables: all lists and records side by side, so that they
 * share their rounds. Whatever is damaged becomes a note, and the rest is still there.
 * @param types symbols of the kernel, where they are to be had
 */
export async function readLiveDump(
  space: KernelSpace,
  header: KernelHeader,
  runner: Runner,
  notes: Notes,
  types?: TypeLayout,
): Promise<Dump> {
  const { cpu, pointerSize } = header;
  const build = unlessFill(header.record.MinorVersion) ?? 0;
  const context: LiveContext = { memory: space.memory, cpu, pointerSize, build, kdbg: space.kdbg, types, notes };
  const registers = headerContext(header);
  const times = headerTimes(header);

  const scan = new PageScan(context);
  const modules = new ModuleList(context, listHead(space, header, "PsLoadedModuleList"), scan);
  const processes = new ProcessList(context, listHead(space, header, "PsActiveProcessHead"), scan);
  const unloaded = new UnloadedList(context);
  const crashed = new CrashedThread(context, registers?.sp);
  const texts = new KernelTexts(context);
  const count = unlessFill(header.record.NumberProcessors) ?? 0;
  const processors = new ProcessorList(context, count, (processor) => crashed.running(processor));
  const identities = new Map<VirtualAddress, ModuleIdentity>();
  const work = [
    ...modules.start(),
    ...processes.start(),
    ...processors.start(),
    ...unloaded.start(),
    ...texts.start(times.created === undefined || times.uptimeSeconds === undefined),
    ...kernelIdentity(space, times.created, identities),
  ];
  await attemptTogether(runner, notes, "kernel", work, MAX_ROUNDS);

  const all = processors.processors();
  const index = crashed.crashedIndex(all);
  const stopped = all.find((one) => one.index === index);
  await attemptTogether(runner, notes, "kernel/threads", [
    ...crashed.rest(index),
    ...(index === undefined ? processes.findOwner(header.record.DirectoryTableBase) : []),
  ]);

  const facts = recordFacts(context, crashed.process(index), crashed.thread(index));
  const blobs = await attemptStep(runner, notes, "secondary-data", (bytes) =>
    readBlobChain(bytes, space.physical.end, notes),
  );
  const promise = await attemptStep(runner, notes, "pages", (bytes) => ({
    ...readPagePromise(bytes, header),
    size: bytes.size,
  }));
  const cpuInfo = stopped?.cpuInfo;
  const bugcheck = headerBugcheck(header);
  const exception = headerException(header);
  const threads = allThreads(facts, registers, crashed.others(index, facts.process.pid), all, index);
  const threadId = threads[0]?.id;
  const kernelBase = space.kernelBase;
  return {
    format: header.format,
    kind: header.kind,
    dumpType: header.record.DumpType,
    size: promise?.size ?? 0,
    ...sharedTimes(texts),
    ...times,
    truncated: blobs?.truncated === true || (promise?.end !== undefined && promise.size < promise.end),
    sections: [...headerSections(header), ...(promise?.sections ?? []), ...(blobs?.sections ?? [])],
    cpu,
    pointerSize,
    system: {
      ...(texts.shared.productType === undefined ? {} : { productType: texts.shared.productType }),
      ...headerSystem(header),
      ...(cpuInfo === undefined ? {} : { cpuInfo }),
      ...(texts.buildLab === undefined ? {} : { buildLab: texts.buildLab }),
    },
    process: processes.owner ? ownerFacts(processes.owner) : facts.process,
    modules: withIdentities(modules.modules(), identities),
    unloadedModules: unloaded.unloaded(),
    threads,
    crashingThread: 0,
    ...(exception ? { exception: threadId ? { ...exception, threadId } : exception } : {}),
    ...(bugcheck ? { bugcheck } : {}),
    kernel: {
      ...headerKernel(header),
      ...(kernelBase === undefined ? {} : { base: kernelBase }),
      ...(space.kdbgAddress === undefined ? {} : { debuggerDataBlock: space.kdbgAddress }),
      ...offsetSources({
        process: facts.processFrom ?? processes.shape?.from,
        thread: facts.threadFrom,
        processor: stopped && processors.from,
        tableBuild: facts.tableBuild,
      }),
    },
    ...(stopped ? { processor: publicProcessor(stopped) } : {}),
    processors: all.map(publicProcessor),
    processes: processes.processes(),
    extras: {},
    memory: space.memory,
  };
}

/**
 * Reads identity and version of these modules, at most 24, and gives all modules back in their order.
 * @param modules the ones under suspicion first
 */
export async function readIdentities(
  runner: Runner,
  space: KernelSpace,
  modules: readonly DumpModule[],
  created: number | undefined,
  notes: Notes,
): Promise<DumpModule[]> {
  const found = new Map<VirtualAddress, ModuleIdentity>();
  const asked = modules.filter(({ identity }) => identity === "not-read");
  await attemptTogether(runner, notes, "kernel/identities", identityTasks(space.memory, asked, created, found));
  return withIdentities(modules, found);
}

/** The list's head as the debugger data has it, else the header's. */
function listHead(
  space: KernelSpace,
  header: KernelHeader,
  which: "PsLoadedModuleList" | "PsActiveProcessHead",
): VirtualAddress {
  return unlessFillWide(header.record[which]) || (space.kdbg?.address(which) ?? header.record[which]);
}

/** nt's own identity, which every symbol of the kernel needs. */
function kernelIdentity(
  { memory, kernelBase }: KernelSpace,
  created: number | undefined,
  found: Map<VirtualAddress, ModuleIdentity>,
): ReturnType<typeof identityTasks> {
  if (kernelBase === undefined) return [];
  // Its size stands in the headers that are read here.
  const kernel: DumpModule = { base: kernelBase, size: 0x4000_0000, path: "", identity: "not-read" };
  return identityTasks(memory, [kernel], created, found);
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
    ...(shared.systemTime === undefined ? {} : { created: shared.systemTime }),
    ...(shared.uptimeSeconds === undefined ? {} : { uptimeSeconds: shared.uptimeSeconds }),
  };
}
