/**
 * Warm in-process time of an analysis: the file is open and the code compiled, bytes are read anew.
 *
 *   npm run -s bench:warm -- FILES…      prints `<ms> <file>` a line (median of 9)
 */
import { openFile } from "../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../shared/adapters/node/platform.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../shared/pipeline/analyze.ts";

const RUNS = 9;

/** Median milliseconds of `RUNS` analyses after two that do not count. */
export async function warmMilliseconds(path: string): Promise<number> {
  const times: number[] = [];
  const opened = await openFile(path);
  try {
    for (let run = 0; run < RUNS + 2; run++) {
      const start = performance.now();
      await analyzeSource(opened.source, { limits: DEFAULT_LIMITS, platform: nodePlatform });
      if (run >= 2) times.push(performance.now() - start);
    }
  } finally {
    await opened.close();
  }
  return times.sort((a, b) => a - b)[RUNS >> 1] ?? Number.NaN;
}

if (import.meta.main) {
  const files = process.argv.slice(2);
  if (files.length === 0) {
    console.error("usage: npm run -s bench:warm -- FILES…");
    process.exitCode = 2;
  }
  for (const file of files) console.log(`${(await warmMilliseconds(file)).toFixed(2)} ${file}`);
}
