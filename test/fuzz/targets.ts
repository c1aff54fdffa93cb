import { createHash } from "node:crypto";
import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import { GeckoDemangler } from "../../shared/adapters/symbols/demangler.ts";
import { DirectorySupplier } from "../../shared/adapters/symbols/directory-supplier.ts";
import { type ByteSource, memorySource } from "../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import type { Platform } from "../../shared/pipeline/ports.ts";
import type { SymbolOptions } from "../../shared/pipeline/stacks.ts";
import { type CrashReport, crashReportSchema } from "../../shared/report/crash-report.ts";
import { renderText } from "../../shared/report/text.ts";

/** What the fuzzer runs: one whole analysis in this process. */

/** Hashes as an adapter makes them; the analysis itself has no crypto. */
export const fuzzPlatform: Platform = {
  hash: (parts) => createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32),
  md5: (bytes) => createHash("md5").update(bytes).digest(),
  gzip: async (bytes) => bytes,
  gunzip: async (bytes) => bytes,
};

/** What became of one input; `crash` is set when there is something to repair. */
export interface FuzzOutcome {
  readonly status: "analyzed" | "partial" | "rejected" | "crash";
  /** Error class or note code, and the place: never contents of the input. */
  readonly crash?: string;
  /** What the analysis read; absent after a crash. */
  readonly io?: CrashReport["io"];
}

/** Failures that prove the fuzzer itself: what each kind of finding would look like. */
const PLANTS: Readonly<Record<string, () => Promise<void>>> = {
  crash: async () => {
    throw new TypeError("planted");
  },
  hang: async () => {
    for (const start = performance.now(); performance.now() - start < 60_000; );
  },
  memory: async () => {
    const kept = Array.from({ length: 300 }, () => new Uint8Array(1024 * 1024).fill(1));
    await Promise.resolve(kept.length);
  },
  died: async () => process.exit(9),
};

/** What is wrong with a report: a step that failed by a bug, or a shape that its own schema refuses. */
function problemOf(report: CrashReport): string | undefined {
  const bug = report.notes.find(({ code }) => code.startsWith("internal."));
  if (bug) return `${bug.code} in ${bug.where}`;
  const fits = crashReportSchema.safeParse(JSON.parse(JSON.stringify(report)));
  if (!fits.success) return `the schema refuses ${fits.error.issues[0]?.path.join(".")}`;
  // A module's name may hold what steers a terminal; nothing of it may come through.
  if (/[^\P{Cc}\n\t]/u.test(renderText(report))) return "the text holds control characters";
  return undefined;
}

/** Symbols of the command line's kind for the analyses of one process; none without directories. */
export class FuzzSymbols {
  readonly #supplier: DirectorySupplier | undefined;
  readonly options: { readonly symbols?: SymbolOptions };

  constructor(directories: readonly string[]) {
    if (directories.length === 0) {
      this.options = {};
      return;
    }
    const supplier = new DirectorySupplier(directories);
    const demangler = new GeckoDemangler();
    this.#supplier = supplier;
    this.options = { symbols: { supplier, demangle: (name) => demangler.demangle(name) } };
  }

  /** Gives back the files that an analysis opened. */
  async close(): Promise<void> {
    await this.#supplier?.close();
  }
}

/** Analyses one input. Whatever is thrown is a crash, and so is a step that failed by a bug (`internal.*` notes).
 * `plant` makes it fail on purpose. */
export async function fuzzOne(bytes: Uint8Array, plant?: string, symbols?: FuzzSymbols): Promise<FuzzOutcome> {
  return fuzzSource(memorySource(bytes), plant, symbols);
}

/** The same for bytes that are not all in memory. */
export async function fuzzSource(source: ByteSource, plant?: string, symbols?: FuzzSymbols): Promise<FuzzOutcome> {
  try {
    if (plant !== undefined) await PLANTS[plant]?.();
    const options = {
      limits: DEFAULT_LIMITS,
      platform: fuzzPlatform,
      disassembler: loadDisassembler,
      ...symbols?.options,
    };
    const { status, report } = await analyzeSource(source, options);
    const crash = problemOf(report);
    if (crash !== undefined) return { status: "crash", crash };
    const header = await analyzeSource(source, { ...options, headerOnly: true });
    const headerCrash = problemOf(header.report);
    return headerCrash === undefined
      ? { status, io: report.io }
      : { status: "crash", crash: `header only: ${headerCrash}` };
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const place = stack.split("\n").find((line) => line.includes("shared/")) ?? "";
    return { status: "crash", crash: `${error instanceof Error ? error.name : typeof error}${place.trimEnd()}` };
  } finally {
    await symbols?.close();
  }
}
