import { parseArgs } from "node:util";
import { retainedBytes } from "./child.ts";
import { damage, fuzzSymbols, symbolInputs } from "./symbols.ts";

/**
 * `npm run -s fuzz:symbols -- --count 20000 [--seed N] [--max-bytes N] [--only NAME,SEED]`
 *
 * Damages the symbol files, images and cabinets of the corpus in turn and asks each for everything. Exit code 1 when one ended in an
 * untyped error, took longer than {@link LIMIT_MS} of processor time, or the process passed {@link LIMIT_RSS}.
 */

const LIMIT_MS = 2000;
const LIMIT_RSS = 512 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    "max-bytes": { type: "string", default: `${2 * 1024 * 1024}` },
    only: { type: "string" },
  },
});
const count = Number(values.count);
const inputs = symbolInputs(Number(values["max-bytes"]));
if (inputs.length === 0 || !Number.isSafeInteger(count)) {
  console.error("there is no corpus of symbol files, or --count is no number");
  process.exit(2);
}

let bad = 0;
let slowest = { ms: 0, name: "", seed: 0 };
const statuses: Record<string, number> = {};
const kinds: Record<string, number> = {};
const [onlyName, onlySeed] = values.only?.split(",") ?? [];
let last: { name: string; bytes: Uint8Array } | undefined;
for (let index = 0; index < (onlyName === undefined ? count : 1); index++) {
  const input = inputs.find(({ name }) => name === onlyName) ?? inputs[Math.floor((index * inputs.length) / count)];
  if (!input) break;
  if (last?.name !== input.name) last = { name: input.name, bytes: input.read() };
  const seed = onlySeed === undefined ? (Number(values.seed) * 1_000_003 + index * 7919) >>> 0 : Number(onlySeed);
  const { bytes, made } = damage(last.bytes, seed, input.kind);
  const before = process.cpuUsage();
  const { status, crash } = await fuzzSymbols(bytes, input.kind);
  const cpu = process.cpuUsage(before);
  const ms = (cpu.user + cpu.system) / 1000;
  statuses[status] = (statuses[status] ?? 0) + 1;
  kinds[input.kind] = (kinds[input.kind] ?? 0) + 1;
  if (ms > slowest.ms) slowest = { ms, name: input.name, seed };
  if (crash !== undefined || ms > LIMIT_MS) {
    bad += 1;
    console.log(`--only ${input.name},${seed} (${made}): ${crash ?? `${ms} ms`}`);
  }
}
const peak = process.resourceUsage().maxRSS * 1024;
if (peak > LIMIT_RSS) bad += 1;
const retained = Math.round(((await retainedBytes()) ?? 0) / 2 ** 20);
console.log(
  JSON.stringify({
    inputs: inputs.length,
    kinds,
    statuses,
    retainedMiB: retained,
    bad,
    slowest,
    peakMiB: Math.round(peak / 2 ** 20),
  }),
);
process.exit(bad > 0 ? 1 : 0);
