import { distance, hexAddress, type VirtualAddress } from "../dump/address.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpThread } from "../dump/dump.ts";
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

/** A thread with the frames that are known: the one of its registers. */
export function threadPart(dump: Dump, words: Words, thread: DumpThread, index: number): ReportThread {
  const context = contextOf(dump, thread, index);
  const frames = context ? [framePart(dump, context.pc)] : [];
  return {
    thread_id: thread.id,
    thread_name: thread.name ?? null,
    frame_count: frames.length,
    last_error_value: thread.lastError === undefined ? null : errorName(words, thread.lastError),
    frames,
  };
}

/** The crashing thread once more, as rust-minidump has it: with its index and the registers of frame 0. */
export function crashingThreadPart(dump: Dump, words: Words): CrashReport["crashing_thread"] {
  const index = dump.crashingThread;
  const thread = index === undefined ? undefined : dump.threads[index];
  if (index === undefined || !thread) return null;
  const part = threadPart(dump, words, thread, index);
  const context = contextOf(dump, thread, index);
  const [first, ...rest] = part.frames;
  const frames = first && context ? [{ ...first, registers: registersPart(dump, context) }, ...rest] : part.frames;
  return { ...part, frames, threads_index: index };
}

function framePart(dump: Dump, pc: VirtualAddress): ReportFrame {
  const module = moduleAt(dump, pc);
  const unloaded = module ? undefined : unloadedModuleAt(dump, pc);
  const hex = (value: bigint): string => hexAddress(value, dump.pointerSize);
  return {
    frame: 0,
    offset: hex(pc),
    module: module ? baseName(module.path) : null,
    module_offset: module ? hex(pc - module.base) : null,
    function: null,
    function_offset: null,
    file: null,
    line: null,
    inlines: null,
    trust: "context",
    missing_symbols: module !== undefined,
    unloaded_modules: unloaded
      ? [{ module: baseName(unloaded.path), offsets: [`0x${distance(unloaded.base, pc).toString(16)}`] }]
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
