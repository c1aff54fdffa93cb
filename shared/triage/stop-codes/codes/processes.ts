import { processAt, processOfThread } from "../objects/process.ts";
import { textAt } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** A process that Windows cannot live without ended: which one, and who ended it. */

function conclude(scene: StopScene, name: string | undefined): void {
  const by = scene.dump.process.name;
  const code = scene.code.toString(16).toUpperCase();
  scene.field("CRITICAL_PROCESS", name);
  scene.bucket({ class: `0x${code}`, qualifier: `${name ?? "unknown"}_BUGCHECK_CRITICAL_PROCESS` });
  if (name === undefined && by === undefined) return;
  // A process that ends itself or is ended by another: the current process is the one that did it.
  const killer = by !== undefined && by !== name;
  const seen = killer ? `${name ?? "a critical process"} was ended by ${by}` : `${name ?? by} ended itself`;
  scene.blame("decoder", { rule: "critical-process", seen, confidence: "medium", process: by ?? (name as string) });
}

/** 0xEF: argument 1 is the process, or with 1 in argument 2 the thread. */
export const CRITICAL_PROCESS: StopDecoder = {
  codes: [0xef],
  decode: (scene) => {
    const process = scene.arg(2) === 1n ? processOfThread(scene, scene.arg(1)) : scene.arg(1);
    scene.addressField("PROCESS_OBJECT", process);
    conclude(scene, process === undefined ? undefined : processAt(scene, process).name);
  },
};

const THREAD_KIND = 6;

/** 0xF4: the name comes along as a text in argument 3. */
export const CRITICAL_OBJECT: StopDecoder = {
  codes: [0xf4],
  decode: (scene) => {
    const isThread = scene.arg32(1) === THREAD_KIND;
    const process = isThread ? processOfThread(scene, scene.arg(2)) : scene.arg(2);
    scene.addressField("PROCESS_OBJECT", process);
    const name = processAt(scene, process ?? scene.arg(2)).name ?? textAt(scene, scene.arg(3));
    conclude(scene, name?.slice(0, 15));
  },
};
