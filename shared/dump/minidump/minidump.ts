import type { FetchedBytes } from "../../bytes/block-cache.ts";
import type { ByteRange } from "../../bytes/range.ts";
import type { StepRunner } from "../../bytes/step-runner.ts";
import type { Notes } from "../../notes.ts";
import { pointerSizeOf, type VirtualAddress } from "../address.ts";
import type { Dump, DumpProcess, DumpSystem, DumpThread } from "../dump.ts";
import { type MemorySegment, segmentMemory } from "../memory.ts";
import { type MinidumpDirectory, readDirectory } from "./directory.ts";
import { readLastErrors } from "./last-error.ts";
import { toException } from "./streams/exception.ts";
import { stackSegments } from "./streams/memory-list.ts";
import { codeViewRange, readModule } from "./streams/module-list.ts";
import { osVersionText } from "./streams/system-info.ts";
import { contextRange, type RawThread, readContextAt } from "./streams/thread-list.ts";
import { nameThreads } from "./streams/thread-names.ts";
import { readUnloadedModule } from "./streams/unloaded-module-list.ts";
import { type MinidumpStreams, planStreams, readStreams } from "./streams.ts";
import { exactStrings, likelyString, NameReader } from "./strings.ts";

/**
 * Opens a user-mode minidump. Rounds of reading: the directory, all streams, then everything they
 * point to (names, identities, contexts); memory is read only when somebody asks for it.
 * What cannot be read becomes a note, and the dump comes without it.
 * @throws DumpError when this is no minidump that we read
 */
export async function openMinidump(runner: StepRunner, notes: Notes): Promise<Dump> {
  const directory = await runner.run((bytes) => readDirectory(bytes, notes));
  const streams = await runner.run((bytes) => {
    bytes.plan(planStreams(directory));
    return readStreams(bytes, directory, notes);
  });
  return runner.run((bytes) => {
    planDetails(bytes, streams);
    return buildDump(bytes, directory, streams, notes);
  });
}

/** Everything that streams point to, apart from memory: in one round, and a second one for long names. */
function planDetails(bytes: FetchedBytes, streams: MinidumpStreams): void {
  const { system, exception } = streams;
  const inFile = ({ start, end }: ByteRange): boolean => Number.isSafeInteger(end) && start < bytes.size;
  const names = [
    ...streams.modules.map((module) => likelyString(module.ModuleNameRva)),
    ...streams.unloadedModules.map((module) => likelyString(module.ModuleNameRva)),
    ...streams.threadNames.map((name) => likelyString(name.RvaOfThreadName)),
    ...(system?.csdVersionRva ? [likelyString(system.csdVersionRva)] : []),
  ].filter(inFile);
  const records = [
    ...streams.modules.map(codeViewRange),
    ...streams.threads.map((thread) => contextRange(thread.ThreadContext)),
    ...(exception ? [contextRange(exception.ThreadContext)] : []),
  ].filter(inFile);
  bytes.plan([...names, ...records]);
  bytes.plan(exactStrings(bytes, names));
}

function buildDump(bytes: FetchedBytes, directory: MinidumpDirectory, streams: MinidumpStreams, notes: Notes): Dump {
  const cpu = streams.system?.cpu ?? "unknown";
  const os = streams.system?.os ?? "unknown";
  const lists = [...streams.memory64, ...streams.memory];
  const runAt = runFinder(lists);
  const segments = [...lists, ...stackSegments(streams.threads)];
  const lost = segments.filter(({ offset, size }) => offset + size > bytes.size).length;
  if (lost > 0) notes.add("format.truncated", "memory", `${lost} of ${segments.length} runs leave the file`);
  const reader = new NameReader(bytes, notes);
  const names = nameThreads(streams.threadNames, reader);
  const crashing = crashingThread(streams);
  const exception = streams.exception;
  const memory = segmentMemory(bytes, segments);
  const tebs = streams.threads.map(({ Teb }) => (Teb === 0n ? undefined : Teb));
  const lastErrors = os === "Windows NT" ? readLastErrors(memory, cpu, tebs) : [];
  return {
    format: "MDMP",
    kind: "minidump",
    dumpType: directory.flags,
    size: bytes.size,
    created: directory.created * 1000,
    truncated: directory.truncated || lost > 0,
    sections: directory.sections,
    cpu,
    pointerSize: pointerSizeOf(cpu),
    system: systemOf(streams, reader),
    process: processOf(streams),
    modules: streams.modules.map((raw) => readModule(bytes, raw, os, reader, notes)),
    unloadedModules: streams.unloadedModules.map((raw) => readUnloadedModule(raw, reader)),
    threads: streams.threads.map((raw, index): DumpThread => {
      const lastError = lastErrors[index];
      const name = names.get(raw.ThreadId);
      const context = readContextAt(bytes, raw.ThreadContext, cpu, notes, "ThreadListStream");
      const stack = stackOf(raw, runAt, bytes.size);
      return {
        id: raw.ThreadId,
        ...(name === undefined ? {} : { name }),
        ...(raw.Teb === 0n ? {} : { teb: raw.Teb }),
        ...(lastError === undefined ? {} : { lastError }),
        ...(stack ? { stack } : {}),
        ...(context ? { context } : {}),
      };
    }),
    ...(crashing === undefined ? {} : { crashingThread: crashing }),
    ...(streams.breakpad?.dumpThreadId === undefined ? {} : { dumpThreadId: streams.breakpad.dumpThreadId }),
    ...(exception
      ? {
          exception: toException(
            exception,
            readContextAt(bytes, exception.ThreadContext, cpu, notes, "ExceptionStream"),
          ),
        }
      : {}),
    extras: streams.extras,
    memory,
  };
}

/** The thread of the exception, else the one that asked for the dump; never the one that wrote it. */
function crashingThread({ threads, exception, breakpad }: MinidumpStreams): number | undefined {
  const id = exception?.ThreadId ?? breakpad?.requestingThreadId;
  if (id === undefined || id === breakpad?.dumpThreadId) return undefined;
  const index = threads.findLastIndex(({ ThreadId }) => ThreadId === id);
  return index < 0 ? undefined : index;
}

function systemOf(streams: MinidumpStreams, names: NameReader): DumpSystem {
  const { system, misc, microcode } = streams;
  if (!system) return { os: "unknown" };
  const rva = system.csdVersionRva;
  const csdVersion = rva === 0 ? undefined : names.string(rva, "SystemInfoStream");
  return {
    ...system.system,
    osVersion: osVersionText(system, csdVersion),
    ...(microcode === undefined ? {} : { cpuMicrocode: microcode }),
    ...(misc?.buildString === undefined ? {} : { buildLab: misc.buildString }),
  };
}

/** MiscInfoStream says who the process was; only without it the copy of /proc/self/status does. */
function processOf({ misc, statusPid }: MinidumpStreams): DumpProcess {
  const pid = misc ? misc.pid : statusPid;
  return {
    ...(pid === undefined ? {} : { pid }),
    ...(misc?.createTime === undefined ? {} : { createTime: misc.createTime }),
  };
}

/**
 * Where a thread's stack lies. Windows writers of full memory leave the bytes out of the thread's own
 * entry: then it is the run of the memory lists that holds its start.
 */
function stackOf(
  { Stack }: RawThread,
  runAt: (address: VirtualAddress) => MemorySegment | undefined,
  size: number,
): DumpThread["stack"] {
  if (Stack.Rva !== 0 && Stack.DataSize !== 0 && Stack.Rva + Stack.DataSize <= size) {
    return { start: Stack.StartOfMemoryRange, size: Stack.DataSize };
  }
  const run = runAt(Stack.StartOfMemoryRange);
  return run && { start: run.address, size: run.size };
}

/** Finds the run that holds an address; a list is only sorted when the first one is looked for. */
function runFinder(runs: readonly MemorySegment[]): (address: VirtualAddress) => MemorySegment | undefined {
  let sorted: MemorySegment[] | undefined;
  return (address) => {
    sorted ??= [...runs].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    let low = 0;
    let high = sorted.length;
    // The last run that starts at or before the address.
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as MemorySegment).address <= address) low = middle + 1;
      else high = middle;
    }
    const run = sorted[low - 1];
    return run && address - run.address < BigInt(run.size) ? run : undefined;
  };
}
