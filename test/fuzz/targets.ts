import { createHash } from "node:crypto";
import { memorySource } from "../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import type { Platform } from "../../shared/pipeline/ports.ts";

/** What the fuzzer runs: one whole analysis in this process. */

/** Hashes as an adapter makes them; the analysis itself has no crypto. */
const platform: Platform = {
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
}

/** Analyses one input. Whatever is thrown is a crash, and so is a step that failed by a bug (`internal.*` notes). */
export async function fuzzOne(bytes: Uint8Array): Promise<FuzzOutcome> {
  try {
    const { status, report } = await analyzeSource(memorySource(bytes), { limits: DEFAULT_LIMITS, platform });
    JSON.stringify(report);
    const bug = report.notes.find(({ code }) => code.startsWith("internal."));
    return bug ? { status: "crash", crash: `${bug.code} in ${bug.where}` } : { status };
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const place = stack.split("\n").find((line) => line.includes("shared/")) ?? "";
    return { status: "crash", crash: `${error instanceof Error ? error.name : typeof error}${place.trimEnd()}` };
  }
}
