/**
 * What the failing instruction costs: loading a disassembler in a fresh process, and warm analyses with and without.
 * Processor time, which a busy machine changes less than the clock.
 *
 *   npm run -s bench:instruction -- FILES…
 */
import { execFileSync } from "node:child_process";
import { loadDisassembler } from "../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../shared/adapters/node/platform.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../shared/pipeline/analyze.ts";

const LOADS = 9;
const RUNS = 60;
/** First ones do not count. */
const WARM_UP = 20;

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** Processor time in milliseconds from the import to the first decoded instruction, and what the process grows by, MB. */
function coldLoad(cpu: string): { ms: number; mb: number } {
  const script = [
    `const { loadDisassembler } = await import(${JSON.stringify(import.meta.resolve("../shared/adapters/disassembly/load-disassembler.ts"))});`,
    "const before = process.memoryUsage().rss;",
    "const start = process.cpuUsage();",
    `(await loadDisassembler(${JSON.stringify(cpu)})).decode(new Uint8Array([0x20, 0x04, 0x40, 0xf9]), 0n);`,
    "const { user, system } = process.cpuUsage(start);",
    "const ms = (user + system) / 1000;",
    "process.stdout.write(JSON.stringify([ms, (process.memoryUsage().rss - before) / 2 ** 20]));",
  ].join("\n");
  const runs = Array.from({ length: LOADS }, () => {
    const stdout = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    return JSON.parse(stdout) as [number, number];
  });
  return { ms: median(runs.map(([ms]) => ms)), mb: median(runs.map(([, mb]) => mb)) };
}

/** Mean processor time of warm analyses in milliseconds, taken by turns so that both see the same machine. */
async function warm(path: string): Promise<{ without: number; with: number }> {
  const opened = await openFile(path);
  const times = { without: 0, with: 0 };
  try {
    for (let run = 0; run < RUNS; run++) {
      for (const kind of ["without", "with"] as const) {
        const start = process.cpuUsage();
        const options = { limits: DEFAULT_LIMITS, platform: nodePlatform };
        await analyzeSource(opened.source, kind === "with" ? { ...options, disassembler: loadDisassembler } : options);
        const { user, system } = process.cpuUsage(start);
        if (run >= WARM_UP) times[kind] += (user + system) / 1000 / (RUNS - WARM_UP);
      }
    }
  } finally {
    await opened.close();
  }
  return times;
}

for (const cpu of ["amd64", "arm64"]) {
  const { ms, mb } = coldLoad(cpu);
  console.log(`cold ${cpu}: ${ms.toFixed(1)} ms, ${mb.toFixed(1)} MB`);
}
for (const file of process.argv.slice(2)) {
  const { without, with: decoded } = await warm(file);
  console.log(`warm ${without.toFixed(2)} ms, with the instruction ${decoded.toFixed(2)} ms  ${file}`);
}
