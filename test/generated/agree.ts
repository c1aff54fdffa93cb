import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { walkFile } from "../support/walk-file.ts";

/**
 * Walks every dump of a folder and writes the stacks as `OUT/NAME.dmp.json`, in the form that scorers of
 * stacks read (threads[].frames[].{module, module_offset, offset, trust, function, file, line, inlines}):
 * `node test/generated/agree.ts DUMPS OUT [--images DIR]... [--symbols DIR]...`
 * --images: PE images in SymStore's layout or flat, checked by time stamp and size; --symbols: stores of
 * symbol files and images.
 */

async function main([dumps, out, ...args]: readonly string[]): Promise<void> {
  if (!dumps || !out) throw new Error("usage: agree.ts DUMPS OUT [--images DIR]... [--symbols DIR]...");
  const all = (name: string): string[] => args.flatMap((arg, at) => (arg === name ? [args[at + 1] ?? ""] : []));
  const sources = { images: all("--images"), symbols: all("--symbols") };
  mkdirSync(out, { recursive: true });
  let milliseconds = 0;
  const started = performance.now();
  for (const name of readdirSync(dumps).filter((file) => file.endsWith(".dmp"))) {
    const { dump, threads, walkMs, notes } = await walkFile(join(dumps, name), sources);
    milliseconds += walkMs;
    for (const { code, where, detail } of notes) process.stderr.write(`${name}: ${code} ${where} ${detail}\n`);
    writeFileSync(
      join(out, `${name}.json`),
      JSON.stringify({ crash_info: { crashing_thread: dump.crashingThread }, threads }),
    );
  }
  const whole = performance.now() - started;
  process.stdout.write(`walked in ${milliseconds.toFixed(1)} ms, with opening and names ${whole.toFixed(1)} ms\n`);
}

await main(process.argv.slice(2));
