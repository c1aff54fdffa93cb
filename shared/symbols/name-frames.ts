import { dataView } from "../bytes/layout.ts";
import type { Task } from "../bytes/step-runner.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import type { StackFrame } from "../stackwalk/frame.ts";
import type { SymbolHit, SymbolProvider } from "../stackwalk/symbol-provider.ts";

/** A frame with its function, and the words that debuggers print beside it. */
export interface NamedFrame {
  readonly frame: StackFrame;
  readonly hit?: SymbolHit;
  /** False where the module's symbols were not found. */
  readonly hasSymbols: boolean;
  /** x64: the caller's home space; x86: what lies above the return address. Absent where memory has a hole. */
  readonly args?: readonly bigint[];
}

/** Arguments are read for this many frames: deeper ones nobody prints. */
const MAX_ARGUMENT_FRAMES = 64;

/**
 * Asks for the names of all frames of all stacks, each address in a task of its own, so that what different files and
 * compilands are read for comes in the same rounds. The names stay with the provider: {@link nameFrames} takes them
 * without waiting.
 */
export function namesAhead(frames: Iterable<StackFrame>, provider: SymbolProvider): Task[] {
  const byModule = new Map<DumpModule, Set<number>>();
  for (const { module, lookupRva } of frames) {
    if (!module || lookupRva === undefined) continue;
    const known = byModule.get(module);
    if (known) known.add(lookupRva);
    else byModule.set(module, new Set([lookupRva]));
  }
  return [...byModule].map(([module, rvas]) => () => {
    const symbols = provider.forModule(module);
    // Neighbours belong to the same compiland, of which few are kept.
    const ascending = [...rvas].sort((a, b) => a - b);
    return ascending.map((rva): Task => {
      return () => {
        symbols?.lookup(rva);
        return [];
      };
    });
  });
}

/**
 * Names the frames of a walked stack, one task; what it found stays in `out` when it is cut short.
 * Each frame is named once however often the task runs again.
 */
export function nameFrames(
  dump: Dump,
  frames: readonly StackFrame[],
  provider: SymbolProvider,
  out: NamedFrame[],
  withArguments: boolean,
): Task {
  return () => {
    while (out.length < frames.length) {
      const frame = frames[out.length] as StackFrame;
      const symbols = frame.module ? provider.forModule(frame.module) : undefined;
      const hit = frame.lookupRva === undefined ? undefined : symbols?.lookup(frame.lookupRva);
      const args =
        withArguments && out.length < MAX_ARGUMENT_FRAMES ? argumentsOf(dump, frames, out.length) : undefined;
      out.push({
        frame,
        ...(hit ? { hit } : {}),
        hasSymbols: symbols?.status === "found",
        ...(args ? { args } : {}),
      });
    }
    return [];
  };
}

/** The first words of a callee's parameters as debuggers show them: where the caller's stack pointer points to. */
function argumentsOf(dump: Dump, frames: readonly StackFrame[], index: number): bigint[] | undefined {
  const caller = frames[index + 1];
  const frame = frames[index];
  // The 32-bit half of a stack does not return to the 64-bit one.
  if (!caller || caller.pointerSize !== frame?.pointerSize) return undefined;
  const pointerSize = frame?.pointerSize ?? dump.pointerSize;
  const count = pointerSize === 8 ? 4 : 3;
  const { bytes } = dump.memory.read(caller.sp, count * pointerSize);
  if (bytes.length < count * pointerSize) return undefined;
  const view = dataView(bytes);
  return Array.from({ length: count }, (_, at) =>
    pointerSize === 8 ? view.getBigUint64(at * 8, true) : BigInt(view.getUint32(at * 4, true)),
  );
}
