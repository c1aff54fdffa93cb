/**
 * Ours beside minidump-stackwalk (`cargo install minidump-stackwalk`) on the same files in the same run:
 * our warm in-process time, our cold command line, and the peer's whole process, in turn.
 *
 *   npm run -s bench:peers -- [--peer PATH] FILES…
 *
 * Prints medians and ratios to the peer; absolute times of a shared machine mean little.
 */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { warmMilliseconds } from "./warm.ts";

const RUNS = 5;
const { values, positionals } = parseArgs({
  options: { peer: { type: "string", default: "minidump-stackwalk" } },
  allowPositionals: true,
});
if (positionals.length === 0) {
  console.error("usage: npm run -s bench:peers -- [--peer PATH] FILES…");
  process.exit(2);
}
if (spawnSync(values.peer, ["--version"]).error) {
  console.error(`${values.peer} was not found: cargo install minidump-stackwalk, or --peer PATH`);
  process.exit(2);
}

const cli = new URL("../bin/stopcode.js", import.meta.url).pathname;
const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;

/** Milliseconds of a whole process, output thrown away; NaN when it fails. */
function processTime(command: string, args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command, args, { stdio: "ignore" });
  return status === 0 ? performance.now() - start : Number.NaN;
}

const sums = { warm: 0, cold: 0, peer: 0, files: 0 };
console.log("warm ms  cold ms  peer ms  warm/peer  cold/peer  file");
for (const file of positionals) {
  const cold: number[] = [];
  const peer: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const ours = processTime(process.execPath, [cli, "analyze", "--json", file]);
    const theirs = processTime(values.peer, ["--json", file]);
    if (run > 0) {
      cold.push(ours);
      peer.push(theirs);
    }
  }
  const row = { warm: await warmMilliseconds(file), cold: median(cold), peer: median(peer) };
  if (!Number.isNaN(row.peer) && !Number.isNaN(row.cold)) {
    sums.warm += row.warm;
    sums.cold += row.cold;
    sums.peer += row.peer;
    sums.files += 1;
  }
  print(row, basename(file));
}
print(sums, `sum over ${sums.files} files that both read`);

function print(row: { warm: number; cold: number; peer: number }, name: string): void {
  const cell = (value: number, digits: number): string =>
    (Number.isNaN(value) ? "-" : value.toFixed(digits)).padStart(7);
  console.log(
    `${cell(row.warm, 2)}  ${cell(row.cold, 1)}  ${cell(row.peer, 1)}  ${cell(row.warm / row.peer, 2).padStart(9)}  ${cell(row.cold / row.peer, 2).padStart(9)}  ${name}`,
  );
}
