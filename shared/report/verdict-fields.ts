import type { Dump } from "../dump/dump.ts";
import { plainFunction } from "../triage/function-name.ts";
import { baseName, moduleLabel } from "../triage/module-at.ts";
import type { Verdict } from "../triage/verdict.ts";
import { failureIdHash, failureIdText } from "./failure-id.ts";
import { oneLine } from "./text/format.ts";

/** Fields of `!analyze -v` that say who is blamed and under which strings (formats/analyze.md §2 and §4). */

type Fields = Record<string, string>;

/** First build whose buckets leave the offset out and tell it apart, in BUCKET_ID_FUNC_OFFSET. */
const WINDOWS_8 = 9200;

function isRecent(dump: Dump): boolean {
  return (dump.system.osBuild ?? 0) >= WINDOWS_8;
}

/** `module!function+off`, `module+off` without symbols, `<Unloaded_x.sys>+off` for images that are gone. */
export function symbolName(dump: Dump, verdict: Verdict): string | undefined {
  const label = imageLabel(dump, verdict);
  const { symbol, symbolOffset, offset } = verdict;
  if (label === undefined) return undefined;
  if (symbol !== undefined) {
    const within = symbolOffset === undefined ? "" : `+${symbolOffset.toString(16)}`;
    return `${label}!${oneLine(plainFunction(symbol))}${within}`;
  }
  return offset === undefined ? label : `${label}+${offset.toString(16)}`;
}

function imageLabel(dump: Dump, verdict: Verdict): string | undefined {
  if (verdict.module) return oneLine(moduleLabel(dump, verdict.module));
  return verdict.unloadedModule && `<Unloaded_${oneLine(baseName(verdict.unloadedModule.path))}>`;
}

/** MODULE_NAME, IMAGE_NAME, IMAGE_VERSION, DEBUG_FLR_IMAGE_TIMESTAMP. */
export function imageFields(dump: Dump, verdict: Verdict): Fields {
  const image = verdict.module ?? verdict.unloadedModule;
  const label = imageLabel(dump, verdict);
  if (!image || label === undefined) return dump.bugcheck ? namesWithoutImage(verdict.imageName) : {};
  const version = verdict.module?.version;
  return {
    MODULE_NAME: label,
    IMAGE_NAME: oneLine(kernelImage(dump, verdict) ?? baseName(image.path)),
    ...(version === undefined ? {} : { IMAGE_VERSION: oneLine(version) }),
    // Images of other systems have no link time.
    ...(image.timestamp === undefined || dump.system.os !== "Windows NT"
      ? {}
      : { DEBUG_FLR_IMAGE_TIMESTAMP: image.timestamp.toString(16) }),
  };
}

/**
 * The kernel is loaded as ntoskrnl.exe whatever it was built as; debuggers print the name of its symbol file as that
 * of the image: `ntkrnlmp.exe`.
 */
function kernelImage(dump: Dump, { module }: Verdict): string | undefined {
  if (module?.debugFile === undefined || module.base !== dump.kernel?.base) return undefined;
  const stem = /^(nt(?:os|kr)\w+)\.pdb$/i.exec(baseName(module.debugFile))?.[1];
  return stem && `${stem}.exe`;
}

/** What WinDbg prints where no image of the dump is to blame: memory, a processor, a file that is not loaded, nobody. */
function namesWithoutImage(name: string | undefined): Fields {
  const known = name === undefined ? undefined : oneLine(name);
  if (known === "hardware") return { MODULE_NAME: known, IMAGE_NAME: known };
  if (known === "memory") return { MODULE_NAME: "hardware", IMAGE_NAME: "memory_corruption" };
  if (known === "GenuineIntel" || known === "AuthenticAMD") return { MODULE_NAME: known, IMAGE_NAME: `${known}.sys` };
  const file = /^(.+)\.(sys|dll|exe)$/i.exec(known ?? "");
  if (file) return { MODULE_NAME: file[1] as string, IMAGE_NAME: file[0] };
  return { MODULE_NAME: "Unknown_Module", IMAGE_NAME: "Unknown_Image" };
}

/**
 * FAILURE_BUCKET_ID, BUCKET_ID and PRIMARY_PROBLEM_CLASS. Debuggers of Windows 7 and before print the symbol with
 * its offset in BUCKET_ID; later ones print the failure's bucket and the offset apart.
 */
export function bucketFields(dump: Dump, verdict: Verdict): Fields {
  const bucket = oneLine(verdict.bucketString);
  const name = symbolName(dump, verdict);
  const offset = verdict.symbol === undefined ? verdict.offset : verdict.symbolOffset;
  const kernel = dump.bugcheck !== undefined && isRecent(dump);
  const older = name === undefined ? undefined : `${verdict.bugcheckStr}_${name}`;
  const id = kernel ? bucket : older;
  return {
    ...(kernel && name !== undefined && offset !== undefined ? { BUCKET_ID_FUNC_OFFSET: offset.toString(16) } : {}),
    FAILURE_BUCKET_ID: bucket,
    ...(id === undefined ? {} : { BUCKET_ID: id, PRIMARY_PROBLEM_CLASS: id }),
  };
}

/**
 * PROBLEM_CLASSES of a process: the class, and the thread and frame that showed it.
 * @param frame index of the blamed frame in STACK_TEXT; -1 where it is not there
 */
export function problemClasses(dump: Dump, verdict: Verdict, frame: number): Fields {
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  const label = imageLabel(dump, verdict);
  if (dump.bugcheck || !dump.exception || dump.system.os !== "Windows NT" || !thread || label === undefined) return {};
  const place = verdict.symbol === undefined ? label : `${label}!${oneLine(plainFunction(verdict.symbol))}`;
  const at = frame === -1 ? [] : [`    Frame  [0x${frame.toString(16).padStart(2, "0")}]: ${place}`];
  return { PROBLEM_CLASSES: [verdict.bugcheckStr, `    Tid    [0x${thread.id.toString(16)}]`, ...at].join("\n") };
}

/** FAILURE_ID_HASH and the text that it is made of. */
export function hashFields(dump: Dump, verdict: Verdict, md5: (bytes: Uint8Array) => Uint8Array): Fields {
  const mode = dump.bugcheck ? "km" : "um";
  const hash = failureIdHash(mode, verdict.bucketString, md5);
  if (hash === undefined) return {};
  return { FAILURE_ID_HASH_STRING: oneLine(failureIdText(mode, verdict.bucketString)), FAILURE_ID_HASH: hash };
}
