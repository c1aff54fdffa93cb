import { createHash } from "node:crypto";
import { virtualAddress } from "../../shared/dump/address.ts";
import { bareDump } from "../../shared/dump/bare-dump.ts";
import type { Dump, DumpModule } from "../../shared/dump/dump.ts";
import { Notes } from "../../shared/notes.ts";
import { analysisFields } from "../../shared/report/analysis-fields.ts";
import { failureIdHash } from "../../shared/report/failure-id.ts";
import type { VerdictFrame } from "../../shared/triage/candidates.ts";
import { crashReason } from "../../shared/triage/crash-reason.ts";
import { judge } from "../../shared/triage/judge.ts";
import { decodeStop } from "../../shared/triage/stop-codes/decode-stop.ts";
import { ALL_WORDS, loadWords, type Words } from "../../shared/triage/words/words.ts";
import {
  PUBLIC_FAILURES,
  PUBLIC_STOPS,
  type PublicBucket,
  type PublicFailure,
  type PublicStop,
} from "./analyze-texts/public-buckets.ts";

const md5 = (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest();
const IMAGE_SIZE = 0x400_0000;

/** Frames and the modules that they lie in, in a row from `base`. */
function stackOf(frames: string, base: bigint, fileOf: (module: string) => string, also: readonly string[] = []) {
  const parsed = frames.split(" ").map((frame) => {
    const [, module = "", symbol, offset = "0"] = /^([^!+]+)(?:!(.+?))?(?:\+([0-9a-f]+))?$/.exec(frame) ?? [];
    return { module, symbol, offset: Number.parseInt(offset, 16) };
  });
  const names = [...new Set([...parsed.map(({ module }) => module), ...also])];
  const baseOf = (name: string): bigint => base + BigInt(names.indexOf(name) * IMAGE_SIZE);
  const modules = names.map(
    (name): DumpModule => ({
      path: fileOf(name),
      base: virtualAddress(baseOf(name)),
      size: IMAGE_SIZE,
      identity: "absent",
    }),
  );
  const walked = parsed.map(({ module, symbol, offset }, index): VerdictFrame => {
    const at = symbol === undefined ? offset : 0x200_0000 + index * 0x1000;
    const address = virtualAddress(baseOf(module) + BigInt(at));
    return { address, trust: "cfi", ...(symbol === undefined ? {} : { symbol, symbolOffset: offset }) };
  });
  return { modules, walked, baseOf };
}

function stopFields({ code, args, process, frames }: PublicStop, words: Words) {
  const named = args.flatMap((text) => /^@([a-z]\w*)$/.exec(text)?.[1] ?? []);
  const fileOf = (name: string): string => (name === "nt" ? "ntoskrnl.exe" : `${name}.sys`);
  const { modules, walked, baseOf } = stackOf(frames, 0xffff_f800_0000_0000n, fileOf, [...named, "nt"]);
  const [p1 = 0n, p2 = 0n, p3 = 0n, p4 = 0n] = args.map((text) => {
    if (/^@\d+$/.test(text)) return walked[Number(text.slice(1))]?.address ?? 0n;
    return text.startsWith("@") ? baseOf(text.slice(1)) + 0x10n : BigInt(`0x${text}`);
  });
  const dump: Dump = {
    ...bareDump(1),
    kind: "kernel-triage",
    cpu: "amd64",
    pointerSize: 8,
    system: { os: "Windows NT", osBuild: 19041 },
    process: process === undefined ? {} : { name: process },
    modules,
    bugcheck: { code, parameters: [p1, p2, p3, p4] },
    kernel: {
      base: virtualAddress(baseOf("nt")),
      loadedModuleList: virtualAddress(0n),
      activeProcessHead: virtualAddress(0n),
      directoryTableBase: 0n,
      pfnDatabase: virtualAddress(0n),
      majorVersion: 15,
      minorVersion: 19041,
    },
  };
  const stop = decodeStop({ dump, words, notes: new Notes() });
  const verdict = judge({ dump, crashType: undefined, stop, frames: walked });
  return analysisFields({ dump, words, verdict, md5, stop });
}

function failureFields({ code, parameters, files, frames, verified }: PublicFailure, words: Words) {
  const fileOf = (name: string): string => files[name] ?? `${name}.dll`;
  const { modules, walked } = stackOf(frames, 0x7ff6_0000_0000n, fileOf, verified ? ["verifier"] : []);
  const dump: Dump = {
    ...bareDump(1),
    kind: "minidump",
    cpu: "amd64",
    pointerSize: 8,
    system: { os: "Windows NT", osBuild: 19041 },
    modules,
    exception: {
      code,
      flags: 0,
      address: walked[0]?.address ?? virtualAddress(0n),
      parameters: parameters.map((text) => BigInt(`0x${text}`)),
    },
  };
  const verdict = judge({ dump, crashType: crashReason(dump, words)?.type, frames: walked });
  return analysisFields({ dump, words, verdict, md5 });
}

function expectHash(mode: "km" | "um", { bucket, hash }: PublicBucket): void {
  if (hash !== undefined) expect(failureIdHash(mode, bucket, md5)).toBe(hash);
}

describe("buckets that people posted", () => {
  let words: Words;
  beforeAll(async () => {
    words = await loadWords(ALL_WORDS);
  });

  it.each(PUBLIC_STOPS)("$bucket", (one) => {
    expectHash("km", one);
    const fields = stopFields(one, words);
    expect(fields["FAILURE_BUCKET_ID"]).toBe(one.ours?.bucket ?? one.bucket);
    if (one.symbol !== undefined && !one.ours) expect(fields["SYMBOL_NAME"]).toBe(one.symbol);
    if (one.module !== undefined) expect(fields["MODULE_NAME"]).toBe(one.module);
  });

  it.each(PUBLIC_FAILURES)("$bucket", (one) => {
    expectHash("um", one);
    const fields = failureFields(one, words);
    expect(fields["FAILURE_BUCKET_ID"]).toBe(one.ours?.bucket ?? one.bucket);
    if (one.symbol !== undefined) expect(fields["SYMBOL_NAME"]).toBe(one.symbol);
    expect(fields["MODULE_NAME"]).toBe(one.module);
  });

  it("differ from ours only where a reason is given, and then do differ", () => {
    const explained = [...PUBLIC_STOPS, ...PUBLIC_FAILURES].filter(({ ours }) => ours !== undefined);
    for (const { bucket, ours } of explained) expect(ours?.bucket).not.toBe(bucket);
    expect(explained).toHaveLength(2);
  });
});
