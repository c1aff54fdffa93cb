import { createHash } from "node:crypto";
import { virtualAddress } from "../../../shared/dump/address.ts";
import { bareDump } from "../../../shared/dump/bare-dump.ts";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import { Notes } from "../../../shared/notes.ts";
import { analysisFields } from "../../../shared/report/analysis-fields.ts";
import type { VerdictFrame } from "../../../shared/triage/candidates.ts";
import { judge } from "../../../shared/triage/judge.ts";
import { decodeStop } from "../../../shared/triage/stop-codes/decode-stop.ts";
import type { Words } from "../../../shared/triage/words/words.ts";
import type { PrintedAnalysis, PrintedFrame } from "./parse-text.ts";

/**
 * The crash that a log tells, as a dump: stop code, arguments, stack with symbols, process, system. Memory it has
 * none, so our rules see what the text says and nothing else. Answers are not taken from the log.
 */

const md5 = (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest();

/** Room for code before and after the addresses that a log shows of a module. */
const MARGIN = 0x40n;

interface PlacedFrame extends PrintedFrame {
  readonly ip: bigint;
}

/** A frame stands at the return address of the one before; the first one at the failing instruction or, raising the stop, nowhere told. */
function placed(text: PrintedAnalysis): PlacedFrame[] {
  const wide = !isNarrow(text);
  const [start, room] = wide ? [0xffff_8007_0000_0000n, 0x100_0000n] : [0xf000_0000n, 0x10_0000n];
  const told = text.keys.get("Failure.Exception.IP.Address");
  const transfer = /from [0-9a-f]+ to ([0-9a-f]+)/.exec(text.fields.get("LAST_CONTROL_TRANSFER") ?? "")?.[1];
  const top = told ?? (transfer === undefined ? undefined : `0x${transfer}`);
  return text.frames.map((frame, index) => {
    // A log without return addresses places no frame, so that modules keep apart.
    const first = top === undefined || frame.returnAddress === undefined ? undefined : BigInt(top);
    const before = text.frames[index - 1]?.returnAddress;
    // What no line tells gets addresses of its own, a page a frame.
    const invented = start + moduleNumber(text, frame.module) * room + BigInt(index) * 0x1000n;
    return { ...frame, ip: frame.address ?? before ?? (index === 0 ? first : undefined) ?? invented };
  });
}

function isNarrow({ frames }: PrintedAnalysis): boolean {
  return frames.some(({ args }) => args.length === 3);
}

function moduleNumber(text: PrintedAnalysis, module: string | undefined): bigint {
  return BigInt([...new Set(text.frames.map((frame) => frame.module))].indexOf(module));
}

/** Modules as far as their code is on the stack: WinDbg's names, with the extension that drivers have. */
function modulesOf(frames: readonly PlacedFrame[]): DumpModule[] {
  const shown = new Map<string, bigint[]>();
  for (const { module, symbol, offset, ip } of frames) {
    if (module === undefined) continue;
    const base = symbol === undefined ? ip - BigInt(offset) : ip;
    shown.set(module, [...(shown.get(module) ?? []), base, ip]);
  }
  const exact = new Set(frames.flatMap(({ module, symbol }) => (symbol === undefined ? [module] : [])));
  return [...shown].map(([name, addresses]) => {
    const sorted = [...addresses].sort((a, b) => (a < b ? -1 : 1));
    const [from = 0n, to = from] = [sorted[0], sorted.at(-1)];
    const base = exact.has(name) ? from : from - MARGIN;
    return {
      path: name === "nt" ? "ntoskrnl.exe" : `${name}.sys`,
      base: virtualAddress(base),
      size: Number(to + MARGIN - base),
      identity: "absent",
    };
  });
}

function frameOf({ ip, symbol, offset, args }: PlacedFrame): VerdictFrame {
  return {
    address: virtualAddress(ip),
    trust: "cfi",
    args,
    ...(symbol === undefined ? {} : { symbol, symbolOffset: offset }),
  };
}

/** The dump behind a log, and its stack. */
function dumpOf(text: PrintedAnalysis): { readonly dump: Dump; readonly frames: readonly VerdictFrame[] } {
  const { code = 0, args, fields } = text;
  const frames = placed(text);
  const modules = modulesOf(frames);
  const narrow = isNarrow(text);
  const nt = modules.find(({ path }) => path === "ntoskrnl.exe");
  const version = fields.get("OS_VERSION");
  const build = text.build ?? Number.NaN;
  const process = fields.get("PROCESS_NAME");
  const dump: Dump = {
    ...bareDump(1),
    kind: "kernel-triage",
    cpu: narrow ? "x86" : "amd64",
    pointerSize: narrow ? 4 : 8,
    system: {
      os: "Windows NT",
      ...(version === undefined ? {} : { osVersion: version }),
      ...(Number.isInteger(build) ? { osBuild: build } : {}),
    },
    process: process === undefined ? {} : { name: process },
    modules,
    threads: [{ id: 4 }],
    crashingThread: 0,
    bugcheck: { code, parameters: [args[0] ?? 0n, args[1] ?? 0n, args[2] ?? 0n, args[3] ?? 0n] },
    kernel: {
      ...(nt ? { base: nt.base } : {}),
      loadedModuleList: virtualAddress(0n),
      activeProcessHead: virtualAddress(0n),
      directoryTableBase: 0n,
      pfnDatabase: virtualAddress(0n),
      majorVersion: 15,
      minorVersion: Number.isInteger(build) ? build : 0,
    },
  };
  return { dump, frames: frames.map(frameOf) };
}

/** The fields that our rules give for the crash that a log tells. */
export function ourFields(text: PrintedAnalysis, words: Words): Readonly<Record<string, string>> {
  const { dump, frames } = dumpOf(text);
  const stop = decodeStop({ dump, words, notes: new Notes() });
  const verdict = judge({ dump, crashType: undefined, stop, frames });
  const lines = frames.map(({ address }) => ({ instruction: address }));
  return analysisFields({ dump, words, verdict, md5, stop, frames: lines });
}
