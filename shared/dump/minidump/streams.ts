import type { FetchedBytes } from "../../bytes/block-cache.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { attempt, type Notes } from "../../notes.ts";
import type { MemorySegment } from "../memory.ts";
import type { MinidumpDirectory } from "./directory.ts";
import { readExtras } from "./extras.ts";
import { MINIDUMP_MODULE, MINIDUMP_THREAD, MINIDUMP_THREAD_NAME, MINIDUMP_UNLOADED_MODULE } from "./format.ts";
import { STREAM, streamName } from "./stream-types.ts";
import { type BreakpadInfo, readBreakpadInfo } from "./streams/breakpad-info.ts";
import { type RawException, readException } from "./streams/exception.ts";
import { MAX_TEXT_BYTES, readMicrocode, readStatusPid } from "./streams/linux-text.ts";
import { MAX_MEMORY_RANGES, readMemory64List, readMemoryList } from "./streams/memory-list.ts";
import { type MiscInfo, readMiscInfo } from "./streams/misc-info.ts";
import { MAX_MODULES, readModuleList } from "./streams/module-list.ts";
import { readSystemInfo, type SystemInfo } from "./streams/system-info.ts";
import { MAX_THREADS, type RawThread, readThreadList } from "./streams/thread-list.ts";
import { type RawThreadName, readThreadNames } from "./streams/thread-names.ts";
import { MAX_UNLOADED_MODULES, readUnloadedModuleList } from "./streams/unloaded-module-list.ts";

/** All streams that are read, before what they point to. */
export interface MinidumpStreams {
  readonly system?: SystemInfo;
  readonly misc?: MiscInfo;
  readonly statusPid?: number;
  readonly microcode?: string;
  readonly modules: ReturnType<typeof readModuleList>;
  readonly unloadedModules: ReturnType<typeof readUnloadedModuleList>;
  readonly threads: readonly RawThread[];
  readonly threadNames: readonly RawThreadName[];
  readonly exception?: RawException;
  readonly breakpad?: BreakpadInfo;
  readonly memory: readonly MemorySegment[];
  readonly memory64: readonly MemorySegment[];
  readonly extras: Readonly<Record<string, unknown>>;
}

/** Longest part of each stream that is read: a stream's size is the file's claim, not a reason to fetch it. */
const LIMITS: ReadonlyMap<number, number> = new Map([
  [STREAM.ThreadList, 8 + MAX_THREADS * MINIDUMP_THREAD.size],
  [STREAM.ModuleList, 8 + MAX_MODULES * MINIDUMP_MODULE.size],
  [STREAM.MemoryList, 8 + MAX_MEMORY_RANGES * 16],
  [STREAM.Exception, 0xa8],
  [STREAM.SystemInfo, 0x38],
  [STREAM.Memory64List, 16 + MAX_MEMORY_RANGES * 16],
  [STREAM.UnloadedModuleList, 256 + MAX_UNLOADED_MODULES * 2 * MINIDUMP_UNLOADED_MODULE.size],
  [STREAM.MiscInfo, 0x558],
  [STREAM.ThreadNames, 8 + MAX_THREADS * MINIDUMP_THREAD_NAME.size],
  [STREAM.BreakpadInfo, 12],
  [STREAM.AssertionInfo, 0x308],
  [STREAM.LinuxCpuInfo, MAX_TEXT_BYTES],
  [STREAM.LinuxProcStatus, MAX_TEXT_BYTES],
  [STREAM.LinuxLsbRelease, MAX_TEXT_BYTES],
  [STREAM.LinuxMaps, 4 * MAX_TEXT_BYTES],
  [STREAM.MozMacosCrashInfo, 12 + 20 * 8],
  [STREAM.MozMacosBootargs, 12],
  [STREAM.MozLinuxLimits, MAX_TEXT_BYTES],
  [STREAM.MozSoftErrors, MAX_TEXT_BYTES],
]);

/** The bodies of all streams that will be read. */
export function planStreams(directory: MinidumpDirectory): ByteRange[] {
  return [...LIMITS.keys()].flatMap((type) => bodyRange(directory, type) ?? []);
}

function bodyRange({ streams }: MinidumpDirectory, type: number): ByteRange | undefined {
  const range = streams.get(type);
  return range && { start: range.start, end: Math.min(range.end, range.start + (LIMITS.get(type) ?? 0)) };
}

/** Reads every stream; one that cannot be read is left out with a note. */
export function readStreams(bytes: FetchedBytes, directory: MinidumpDirectory, notes: Notes): MinidumpStreams {
  const read = <T>(type: number, parse: (body: Uint8Array, notes: Notes) => T): T | undefined => {
    const range = bodyRange(directory, type);
    if (!range) return undefined;
    return attempt(notes, streamName(type), () => parse(bytes.bytes(range.start, range.end - range.start), notes));
  };
  for (const type of [STREAM.SystemInfo, STREAM.ThreadList, STREAM.ModuleList]) {
    if (!directory.streams.has(type)) notes.add("minidump.missing-stream", streamName(type), "the dump lacks it");
  }
  return defined({
    system: read(STREAM.SystemInfo, readSystemInfo),
    misc: read(STREAM.MiscInfo, readMiscInfo),
    statusPid: read(STREAM.LinuxProcStatus, readStatusPid),
    microcode: read(STREAM.LinuxCpuInfo, readMicrocode),
    modules: read(STREAM.ModuleList, readModuleList) ?? [],
    unloadedModules: read(STREAM.UnloadedModuleList, readUnloadedModuleList) ?? [],
    threads: read(STREAM.ThreadList, readThreadList) ?? [],
    threadNames: read(STREAM.ThreadNames, readThreadNames) ?? [],
    exception: read(STREAM.Exception, readException),
    breakpad: read(STREAM.BreakpadInfo, readBreakpadInfo),
    memory: read(STREAM.MemoryList, readMemoryList) ?? [],
    memory64: read(STREAM.Memory64List, readMemory64List) ?? [],
    extras: readExtras(bytes, read),
  });
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same record without keys whose value is undefined: absent means absent. */
function defined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}
