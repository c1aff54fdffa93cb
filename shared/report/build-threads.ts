import { distance, hexAddress, type VirtualAddress } from "../dump/address.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpModule, DumpThread } from "../dump/dump.ts";
import type { NamedFrame } from "../symbols/name-frames.ts";
import { baseName, moduleAt, unloadedModuleAt } from "../triage/module-at.ts";
import type { Words } from "../triage/words/words.ts";
import type { CrashReport, ReportFrame, ReportThread } from "./crash-report.ts";

/**
 * The registers a thread is shown with: those at the exception for the crashing one. The thread
 * that wrote a Breakpad dump stood in the dump writer, which is nobody's crash.
 */
export function contextOf(dump: Dump, thread: DumpThread, index: number): CpuContext | undefined {
  if (dump.dumpThreadId !== undefined && thread.id === dump.dumpThreadId && index !== dump.crashingThread)
    return undefined;
  return (index === dump.crashingThread ? dump.exception?.context : undefined) ?? thread.context;
}

/** A thread with its frames; without a walk, the one of its registers. */
export function threadPart(
  dump: Dump,
  words: Words,
  thread: DumpThread,
  index: number,
  walked: readonly NamedFrame[] | undefined,
): ReportThread {
  const context = contextOf(dump, thread, index);
  const frames = walked?.length
    ? walked.map((named, at) => namedFramePart(dump, named, at))
    : context
      ? [contextFramePart(dump, context.pc)]
      : [];
  return {
    thread_id: thread.id,
    thread_name: thread.name ?? null,
    frame_count: frames.length,
    last_error_value: thread.lastError === undefined ? null : errorName(words, thread.lastError),
    frames,
  };
}

/** The crashing thread once more, as rust-minidump has it: with its index and the registers of frame 0. */
export function crashingThreadPart(
  dump: Dump,
  words: Words,
  walked: readonly NamedFrame[] | undefined,
): CrashReport["crashing_thread"] {
  const index = dump.crashingThread;
  const thread = index === undefined ? undefined : dump.threads[index];
  if (index === undefined || !thread) return null;
  const part = threadPart(dump, words, thread, index, walked);
  const context = contextOf(dump, thread, index);
  const [first, ...rest] = part.frames;
  const frames = first && context ? [{ ...first, registers: registersPart(dump, context) }, ...rest] : part.frames;
  return { ...part, frames, threads_index: index };
}

/** A frame of which only the address is known. */
function contextFramePart(dump: Dump, pc: VirtualAddress): ReportFrame {
  const module = moduleAt(dump, pc);
  return {
    ...placePart(dump, 0, pc, module),
    function: null,
    function_offset: null,
    file: null,
    line: null,
    inlines: null,
    trust: "context",
    missing_symbols: module !== undefined,
  };
}

function namedFramePart(dump: Dump, { frame, hit, hasSymbols }: NamedFrame, index: number): ReportFrame {
  // rust-minidump's `offset` of a caller lies inside of its call instruction, where its line is looked up.
  const { module, lookupIp, lookupRva } = frame;
  return {
    ...placePart(dump, index, lookupIp, module),
    function: hit?.name ?? null,
    function_offset: hit && lookupRva !== undefined ? hexAddress(BigInt(lookupRva - hit.rva), dump.pointerSize) : null,
    // Source paths are of the machine that built it: restricted by the schema.
    file: hit?.file ?? null,
    line: hit?.line ?? null,
    inlines: hit?.inlines.length
      ? // Innermost first, as rust-minidump has them.
        hit.inlines
          .toReversed()
          .map(({ name, file, line }) => ({ function: name, file: file ?? null, line: line ?? null }))
      : null,
    trust: frame.trust,
    missing_symbols: module !== undefined && !hasSymbols,
  };
}

function placePart(dump: Dump, index: number, ip: VirtualAddress, module: DumpModule | undefined) {
  const unloaded = module ? undefined : unloadedModuleAt(dump, ip);
  const hex = (value: bigint): string => hexAddress(value, dump.pointerSize);
  return {
    frame: index,
    offset: hex(ip),
    module: module ? baseName(module.path) : null,
    module_offset: module ? hex(ip - module.base) : null,
    unloaded_modules: unloaded
      ? [{ module: baseName(unloaded.path), offsets: [`0x${distance(unloaded.base, ip).toString(16)}`] }]
      : null,
  };
}

function registersPart(dump: Dump, context: CpuContext): Record<string, string> {
  return Object.fromEntries(
    Object.entries(context.registers).map(([name, value]) => [name, hexAddress(value, dump.pointerSize)]),
  );
}

/** A Win32 error or, as kernels put those there too, an NTSTATUS; else the number. */
function errorName(words: Words, code: number): string {
  return words.winError(code)?.name ?? words.ntstatus(code)?.name ?? `0x${code.toString(16).padStart(8, "0")}`;
}
