import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import type { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { VirtualAddress } from "../../shared/dump/address.ts";
import type { Dump, DumpModule } from "../../shared/dump/dump.ts";
import type { Notes } from "../../shared/notes.ts";
import type { StackFrame } from "../../shared/stackwalk/frame.ts";
import { NO_SYMBOLS, type SymbolProvider } from "../../shared/stackwalk/symbol-provider.ts";
import type { SymbolSupplier } from "../../shared/symbols/symbol-supplier.ts";
import { Symbolizer } from "../../shared/symbols/symbolizer.ts";
import { openImage } from "../support/image-provider.ts";

/** Stacks of generated kernel dumps as their truth has them, and how ours compare. */

export interface TruthFrame {
  readonly ip: string;
  readonly module: string | null;
  /** `module!function+0xoffset`, by a PDB or the nearest export. */
  readonly symbol: string | null;
  /** Where the return address lies. */
  readonly ret_slot?: string | null;
  readonly user: boolean;
}

export interface StackTruth {
  readonly modules: readonly {
    readonly base: string;
    readonly image_file?: string | null;
    readonly pdb?: { readonly name: string; readonly guid: string; readonly age: number } | null;
  }[];
  readonly stack: readonly TruthFrame[];
  readonly other_threads?: readonly { readonly ethread: string; readonly stack: readonly TruthFrame[] }[];
  readonly scan?: { readonly of_them_stale: number };
  readonly expect: { readonly culprit: string };
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Images and symbol files that the generator used, by the base of the module; the dump need not identify them. */
export function providerOf(
  truth: StackTruth,
  generator: string,
  runner: StepRunner,
  notes: Notes,
): { provider: SymbolProvider; close: () => Promise<void> } {
  const folder = dirname(generator);
  const files = new Map<string, string>();
  const open: { close(): Promise<void> }[] = [];
  const supplier: SymbolSupplier = {
    find: async ({ debugFile }) => {
      const path = debugFile === undefined ? undefined : files.get(debugFile);
      if (path === undefined) return { files: [], lookedIn: [] };
      const file = await openFile(path);
      open.push(file);
      return { files: [{ kind: "pdb", origin: basename(path), source: file.source }], lookedIn: [] };
    },
  };
  const symbolizer = new Symbolizer({ supplier, attach: (source) => runner.attach(source), notes });
  const images = new Map<string, ReturnType<typeof openImage>>();
  const named = new Map<string, { debugFile: string; debugId: string }>();
  for (const { base, image_file, pdb } of truth.modules) {
    if (!image_file) continue;
    const path = image_file.startsWith("/") ? image_file : join(folder, image_file);
    images.set(base, openImage(path));
    const name = pdb?.name.split("\\").at(-1) ?? "";
    const file = join(dirname(path), name);
    if (!pdb || !existsSync(file)) continue;
    files.set(name, file);
    named.set(base, { debugFile: name, debugId: `${pdb.guid}${pdb.age.toString(16).toUpperCase()}` });
  }
  const identified = (module: DumpModule): DumpModule => ({ ...module, ...named.get(hex(module.base)) });
  const known = new Map<DumpModule, DumpModule>();
  const forModule = (module: DumpModule): ReturnType<SymbolProvider["forModule"]> => {
    const told = known.get(module) ?? identified(module);
    known.set(module, told);
    return told.debugId === undefined ? undefined : symbolizer.forModule(told);
  };
  return {
    provider: { ...NO_SYMBOLS, forModule, image: ({ base }) => images.get(hex(base))?.image },
    close: async () => void (await Promise.all(open.map((file) => file.close()))),
  };
}

/** How a stack of ours compares with its truth. */
export interface ComparedStack {
  /** Frames from the first on that are equal. */
  readonly right: number;
  /** Frames of the truth that what is in the dump can tell. */
  readonly wanted: number;
  /** Frames of ours that the whole truth does not have: stale return addresses. */
  readonly bogus: number;
  /** Of the right ones, those that the truth has a PDB's function of, and those whose function is the same. */
  readonly named: number;
  readonly sameName: number;
  readonly lines: readonly string[];
}

/** Compares frame by frame; `name` gives the function and offset of a frame. A step. */
export function compareStack(
  dump: Dump,
  all: readonly TruthFrame[],
  frames: readonly StackFrame[],
  name: (frame: StackFrame) => string | undefined,
): ComparedStack {
  // The registers in a header may be those of the fault, some frames up.
  const first = frames[0] ? all.findIndex(({ ip }) => ip === hex((frames[0] as StackFrame).ip)) : 0;
  const truth = all.slice(Math.max(0, first));
  const wanted = recoverable(dump, truth);
  let right = 0;
  while (right < wanted.length && frames[right] && hex((frames[right] as StackFrame).ip) === wanted[right]?.ip)
    right += 1;
  const known = new Set(truth.map(({ ip }) => ip));
  let named = 0;
  let sameName = 0;
  const lines: string[] = [];
  for (let at = 0; at < Math.max(wanted.length, frames.length); at++) {
    const [frame, is] = [frames[at], truth[at]];
    const ours = frame && name(frame);
    const theirs = is?.symbol?.split("!").at(-1)?.replace("+0x0", "");
    if (at < right && theirs !== undefined && ours !== undefined) {
      named += 1;
      if (ours.replace("+0x0", "") === theirs) sameName += 1;
    }
    const place = frame ? `${hex(frame.ip)} ${frame.trust} sp ${hex(frame.sp)} ${ours ?? ""}` : "-";
    lines.push(`    ${at} ${place} | ${is?.ip ?? "-"} ${is?.symbol ?? ""}`);
  }
  const bogus = frames.filter(({ ip }) => !known.has(hex(ip))).length;
  return { right, wanted: wanted.length, bogus, named, sameName, lines };
}

/** Frames up to the first whose return address is not in the dump. */
function recoverable(dump: Dump, stack: readonly TruthFrame[]): readonly TruthFrame[] {
  const lost = stack.findIndex(({ ret_slot }) => {
    if (!ret_slot) return false;
    return dump.memory.read(BigInt(ret_slot) as VirtualAddress, dump.pointerSize).bytes.length < dump.pointerSize;
  });
  return lost < 0 ? stack : stack.slice(0, lost + 1);
}
