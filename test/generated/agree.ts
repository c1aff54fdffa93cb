import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { attemptTogether, Notes } from "../../shared/notes.ts";
import { walkThreads } from "../../shared/stackwalk/walk-threads.ts";
import { ImageDirectories } from "../support/image-provider.ts";

/**
 * Walks every dump of a folder and writes the stacks as `OUT/NAME.dmp.json`, in the form that scorers of
 * stacks read (threads[].frames[].{module, module_offset, offset, trust}):
 * `node test/generated/agree.ts DUMPS OUT [--images DIR]...`
 * DIR holds PE images in SymStore's layout or flat.
 */

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

async function main([dumps, out, ...args]: readonly string[]): Promise<void> {
  if (!dumps || !out) throw new Error("usage: agree.ts DUMPS OUT [--images DIR]...");
  const images = args.flatMap((arg, at) => (arg === "--images" ? [args[at + 1] ?? ""] : []));
  mkdirSync(out, { recursive: true });
  const provider = new ImageDirectories(images);
  let milliseconds = 0;
  for (const name of readdirSync(dumps).filter((file) => file.endsWith(".dmp"))) {
    const local = await openFile(join(dumps, name));
    const notes = new Notes();
    const runner = new StepRunner(local.source);
    await runner.prefetch();
    const dump = await openDump(runner, notes);
    const started = performance.now();
    const walk = walkThreads(dump, provider);
    await attemptTogether(runner, notes, "stacks", walk.tasks);
    milliseconds += performance.now() - started;
    await local.close();
    const threads = walk.stacks.map(({ thread, frames, end }) => ({
      thread_id: dump.threads[thread]?.id,
      end,
      frames: frames.map((frame) => ({
        module: frame.module ? frame.module.path.replace(/^.*[\\/]/, "") : null,
        module_offset: frame.rva === undefined ? null : hex(frame.rva),
        offset: hex(frame.ip),
        trust: frame.trust,
      })),
    }));
    const crashing = dump.crashingThread;
    writeFileSync(join(out, `${name}.json`), JSON.stringify({ crash_info: { crashing_thread: crashing }, threads }));
  }
  process.stdout.write(`walked in ${milliseconds.toFixed(1)} ms\n`);
}

await main(process.argv.slice(2));
