/**
 * Ours beside minidump-stackwalk (`cargo install minidump-stackwalk`) on the same files in the same run:
 * our warm in-process time, our cold command line, and the peer's whole process, in turn.
 *
 *   npm run -s bench:peers -- [--peer PATH] [--symbols DIR]… [--peer-symbols DIR]… [--no-cold] FILES…
 *
 * With `--symbols`, each file is run without symbols and with them; the peer reads Breakpad layouts only, which
 * `--peer-symbols` names. Prints medians and ratios to the peer; absolute times of a shared machine mean little.
 */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { warmMilliseconds } from "./warm.ts";

const RUNS = 5;
const { values, positionals } = parseArgs({
  options: {
    peer: { type: "string", default: "minidump-stackwalk" },
    symbols: { type: "string", multiple: true, default: [] },
    "peer-symbols": { type: "string", multiple: true, default: [] },
    "no-cold": { type: "boolean", default: false },
  },
  allowPositionals: true,
});
if (positionals.length === 0) {
  console.error("usage: npm run -s bench:peers -- [--peer PATH] [--symbols DIR]… [--peer-symbols DIR]… FILES…");
  process.exit(2);
}
const version = spawnSync(values.peer, ["--version"]);
if (version.error) {
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

/** Medians of one file, milliseconds. */
interface Row {
  readonly warm: number;
  readonly cold: number;
  readonly peer: number;
}

async function measure(file: string, ours: readonly string[], theirs: readonly string[]): Promise<Row> {
  const cold: number[] = [];
  const peer: number[] = [];
  const places = ours.flatMap((place) => ["--symbols", place]);
  for (let run = 0; run <= RUNS; run++) {
    const own = values["no-cold"]
      ? Number.NaN
      : processTime(process.execPath, [cli, "analyze", "--json", file, ...places]);
    const other = processTime(values.peer, ["--json", file, ...theirs]);
    if (run > 0) {
      cold.push(own);
      peer.push(other);
    }
  }
  return { warm: await warmMilliseconds(file, ours), cold: median(cold), peer: median(peer) };
}

const modes = [
  { name: "without symbols", ours: [] as string[], theirs: [] as string[] },
  ...(values.symbols.length > 0
    ? [{ name: "with symbols", ours: values.symbols, theirs: values["peer-symbols"] }]
    : []),
].map((mode) => ({ ...mode, sums: { warm: 0, cold: 0, peer: 0 }, files: 0 }));

console.log(version.stdout.toString().trim());
console.log("warm ms  cold ms  peer ms  warm/peer  cold/peer  file");
for (const file of positionals) {
  for (const mode of modes) {
    const row = await measure(file, mode.ours, mode.theirs);
    if (!Number.isNaN(row.peer)) {
      mode.sums.warm += row.warm;
      mode.sums.cold += row.cold;
      mode.sums.peer += row.peer;
      mode.files += 1;
    }
    print(row, modes.length > 1 ? `${basename(file)} ${mode.name}` : basename(file));
  }
}
for (const { name, sums, files } of modes) print(sums, `sum over ${files} files that both read, ${name}`);

function print(row: Row, name: string): void {
  const cell = (value: number, digits: number): string =>
    (Number.isNaN(value) ? "-" : value.toFixed(digits)).padStart(7);
  console.log(
    `${cell(row.warm, 2)}  ${cell(row.cold, 1)}  ${cell(row.peer, 1)}  ${cell(row.warm / row.peer, 2).padStart(9)}  ${cell(row.cold / row.peer, 2).padStart(9)}  ${name}`,
  );
}
