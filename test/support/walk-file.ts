import { openFile } from "../../shared/adapters/files/file-source.ts";
import { DirectorySupplier } from "../../shared/adapters/symbols/directory-supplier.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { Dump } from "../../shared/dump/dump.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { attemptTogether, type Note, Notes } from "../../shared/notes.ts";
import type { StackFrame } from "../../shared/stackwalk/frame.ts";
import type { SymbolProvider } from "../../shared/stackwalk/symbol-provider.ts";
import { type ThreadStack, walkThreads } from "../../shared/stackwalk/walk-threads.ts";
import { Symbolizer } from "../../shared/symbols/symbolizer.ts";
import { ImageDirectories } from "./image-provider.ts";

/** Where symbols and images of modules are looked for. */
export interface WalkSources {
  /** Folders of PE images only. */
  readonly images?: readonly string[];
  /** Stores of symbol files. */
  readonly symbols?: readonly string[];
}

/** A frame as reports of stack walkers have it. */
export interface WalkedFrame {
  readonly module: string | null;
  readonly module_offset: string | null;
  readonly offset: string;
  /** Inside of the call for callers: what minidump-stackwalk prints as the offset. */
  readonly lookup: string;
  readonly trust: string;
  readonly function: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly inlines: readonly { readonly function: string; readonly file?: string; readonly line?: number }[];
}

/** A walked dump. */
export interface WalkedFile {
  readonly dump: Dump;
  readonly stacks: readonly ThreadStack[];
  readonly threads: readonly {
    readonly thread_id: number | undefined;
    readonly end: string;
    readonly frames: readonly WalkedFrame[];
  }[];
  readonly notes: readonly Note[];
  /** Milliseconds of the walks alone. */
  readonly walkMs: number;
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Opens a dump, walks all of its threads and names the frames. */
export async function walkFile(path: string, { images = [], symbols = [] }: WalkSources): Promise<WalkedFile> {
  const local = await openFile(path);
  const notes = new Notes();
  const runner = new StepRunner(local.source);
  await runner.prefetch();
  const dump = await openDump(runner, new Notes());
  const files = new ImageDirectories(images);
  const supplier = new DirectorySupplier(symbols);
  const symbolizer =
    symbols.length > 0
      ? new Symbolizer({
          supplier,
          attach: (source) => runner.attach(source),
          notes,
        })
      : undefined;
  const provider: SymbolProvider = {
    forModule: (module) => symbolizer?.forModule(module),
    image: (module) => files.image(module) ?? symbolizer?.image(module),
  };
  const started = performance.now();
  const walk = walkThreads(dump, provider);
  await attemptTogether(runner, notes, "stacks", walk.tasks);
  const walkMs = performance.now() - started;
  const threads = [];
  for (const { thread, frames, end } of walk.stacks) {
    const named: WalkedFrame[] = [];
    for (const frame of frames) named.push(await runner.run(() => nameFrame(frame, provider)));
    threads.push({ thread_id: dump.threads[thread]?.id, end, frames: named });
  }
  await supplier.close();
  await local.close();
  return { dump, stacks: walk.stacks, threads, notes: notes.list(), walkMs };
}

function nameFrame(frame: StackFrame, provider: SymbolProvider): WalkedFrame {
  const hit =
    frame.module && frame.lookupRva !== undefined
      ? provider.forModule(frame.module)?.lookup(frame.lookupRva)
      : undefined;
  return {
    module: frame.module ? frame.module.path.replace(/^.*[\\/]/, "") : null,
    module_offset: frame.rva === undefined ? null : hex(frame.rva),
    offset: hex(frame.ip),
    lookup: hex(frame.lookupIp),
    trust: frame.trust,
    function: hit?.name ?? null,
    file: hit?.file ?? null,
    line: hit?.line ?? null,
    inlines: (hit?.inlines ?? []).map(({ name, file, line }) => ({
      function: name,
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
    })),
  };
}
