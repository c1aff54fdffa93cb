/**
 * Warm in-process time of an analysis: the file is open and the code compiled, bytes are read anew. Symbol files are
 * opened, indexed and read anew in every run. The failing instruction is decoded as in the pipeline.
 *
 *   npm run -s bench:warm -- [--symbols DIR]… FILES…      prints `<ms> <file>` a line (median of 9)
 */
import { parseArgs } from "node:util";
import { loadDisassembler } from "../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../shared/adapters/node/platform.ts";
import { GeckoDemangler } from "../shared/adapters/symbols/demangler.ts";
import { DirectorySupplier } from "../shared/adapters/symbols/directory-supplier.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../shared/pipeline/analyze.ts";

const RUNS = 9;
const demangler = new GeckoDemangler();

/** Median milliseconds of `RUNS` analyses after two that do not count. */
export async function warmMilliseconds(path: string, symbols: readonly string[] = []): Promise<number> {
  const times: number[] = [];
  const opened = await openFile(path);
  try {
    for (let run = 0; run < RUNS + 2; run++) {
      const start = performance.now();
      const supplier = new DirectorySupplier(symbols);
      await analyzeSource(opened.source, {
        limits: DEFAULT_LIMITS,
        platform: nodePlatform,
        disassembler: loadDisassembler,
        ...(symbols.length > 0 && { symbols: { supplier, demangle: (name: string) => demangler.demangle(name) } }),
      });
      await supplier.close();
      if (run >= 2) times.push(performance.now() - start);
    }
  } finally {
    await opened.close();
  }
  return times.sort((a, b) => a - b)[RUNS >> 1] ?? Number.NaN;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { symbols: { type: "string", multiple: true, default: [] } },
    allowPositionals: true,
  });
  if (positionals.length === 0) {
    console.error("usage: npm run -s bench:warm -- [--symbols DIR]… FILES…");
    process.exitCode = 2;
  }
  for (const file of positionals) {
    console.log(`${(await warmMilliseconds(file, values.symbols)).toFixed(2)} ${file}`);
  }
}
