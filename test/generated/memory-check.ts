import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { countingSource } from "../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../shared/bytes/coalescing-source.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import type { VirtualAddress } from "../../shared/dump/address.ts";
import { readKernelHeader } from "../../shared/dump/kernel-dump/header.ts";
import { openKernelSpace } from "../../shared/dump/kernel-dump/memory/kernel-space.ts";
import { type Memory, readExact } from "../../shared/dump/memory.ts";
import { Notes } from "../../shared/notes.ts";

/**
 * Compares kernel memory with the ground truth of a dump generator: KDBG, the first pages of images, and the
 * stack. Not part of the tests, because the generator is not part of this project.
 * usage: node test/generated/memory-check.ts --mkdump PATH/mkdump.py [--only TEXT] [--keep]
 */

interface TruthImage {
  readonly base: string;
  readonly timestamp: string;
  readonly size?: string;
  readonly headers?: string;
}

interface Truth {
  readonly header: { readonly dtb: string; readonly kdbg: string };
  readonly physical?: { readonly needed_pages_lazy: number; readonly stored_pages: number };
  readonly kdbg?: Readonly<Record<string, string>>;
  readonly modules: readonly TruthImage[];
  readonly processes?: ReadonlyArray<{ dtb?: string; modules?: readonly TruthImage[] }>;
  readonly stack: ReadonlyArray<{
    ret_slot?: string | null;
    ret?: string | null;
    stack_in_dump?: boolean;
    ret_signed?: unknown;
  }>;
}

const { values } = parseArgs({
  options: { mkdump: { type: "string" }, only: { type: "string" }, keep: { type: "boolean" } },
});
if (!values.mkdump) throw new Error("--mkdump PATH/mkdump.py is needed");
const mkdump = values.mkdump;

const debuggerDataLayout: Readonly<Record<string, [number, string]>> = JSON.parse(
  readFileSync(join(dirname(mkdump), "data", "kdbg_layout.json"), "utf8"),
);

const X64 = [
  "full",
  "bitmap-full",
  "bitmap-kernel",
  "automatic",
  "active",
  "live",
  "kernel",
  "kernel-user",
  "complete",
  "summary",
];
const X86 = ["full", "summary", "bitmap-full", "bitmap-kernel"];
/** Types that keep the pages of processes. */
const USER_TYPES = new Set(["full", "bitmap-full", "active", "live", "kernel-user", "complete"]);
const sets: string[][] = [
  ...X64.map((type) => ["--scenario", "0xD1", "--type", type]),
  ...X86.map((type) => ["--arch", "x86", "--scenario", "0xD1", "--type", type]),
  ...X64.map((type) => ["--arch", "arm64", "--scenario", "0xD1", "--type", type]),
  ...["7601", "9600", "10240", "15063", "17763"].map((build) => [
    "--scenario",
    "0x7E",
    "--type",
    "bitmap-kernel",
    "--build",
    build,
  ]),
  ...["full", "bitmap-kernel", "kernel-user"].map((type) => [
    "--exotic",
    "--scenario",
    "0x3B",
    "--type",
    type,
    "--ram-gib",
    "4",
  ]),
  ["--scenario", "0xD1", "--type", "bitmap-kernel", "--pte-swizzle", "0x200000000000"],
  ["--scenario", "0xD1", "--type", "full", "--pte-swizzle", "0x200000000000"],
  ["--scenario", "0xD1", "--type", "bitmap-kernel", "--pte-swizzle", "0x8000000000"],
  ["--scenario", "0xD1", "--type", "bitmap-kernel", "--encode-kdbg"],
  ["--scenario", "0xD1", "--type", "live", "--encode-kdbg", "--seed", "7"],
  ...["1", "8", "64"].flatMap((gib) =>
    ["full", "bitmap-full", "bitmap-kernel"].map((type) => ["--scenario", "0xD1", "--type", type, "--ram-gib", gib]),
  ),
  ...["looped-modules", "wild-pointers", "huge-counts", "cyclic-page-tables", "bad-context", "zero-kdbg"].flatMap(
    (corrupt) =>
      ["full", "bitmap-kernel", "complete"].map((type) => ["--scenario", "0xD1", "--type", type, "--corrupt", corrupt]),
  ),
  ...["full", "complete"].map((type) => ["--scenario", "0xD1", "--type", type, "--corrupt", "overlapping-runs"]),
  ["--scenario", "0xD1", "--type", "bitmap-kernel", "--corrupt", "bad-popcount"],
];

const folder = mkdtempSync(join(tmpdir(), "memory-check-"));
let failed = 0;
let ran = 0;
for (const options of sets) {
  const name = options.filter((option) => !option.startsWith("--sc")).join(" ");
  if (values.only && !name.includes(values.only)) continue;
  const file = join(folder, "x.dmp");
  try {
    execFileSync("python3", [mkdump, ...options, "--out", file], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    });
  } catch (error) {
    console.log(
      `SKIP ${name}: the generator refused (${String((error as { stderr?: Buffer }).stderr)
        .trim()
        .split("\n")
        .at(-1)})`,
    );
    continue;
  }
  ran += 1;
  const line = await check(file, USER_TYPES.has(options[options.indexOf("--type") + 1] ?? ""));
  // What such damage takes away is gone; everything else must still be right.
  if (name.includes("zero-kdbg")) line.bad = line.bad.filter((text) => text !== "no kdbg");
  if (name.includes("cyclic-page-tables")) line.bad = line.bad.filter((text) => !text.endsWith("is a hole"));
  if (line.bad.length > 0) failed += 1;
  console.log(
    `${line.bad.length > 0 ? "BAD " : "ok  "} ${name}\n     ${line.text}${line.bad.map((b) => `\n     - ${b}`).join("")}`,
  );
}
if (!values.keep) rmSync(folder, { recursive: true });
console.log(`${ran} dumps, ${failed} with differences`);
process.exitCode = failed > 0 ? 1 : 0;

async function check(file: string, withUser: boolean): Promise<{ text: string; bad: string[] }> {
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as Truth;
  const bad: string[] = [];
  const opened = await openFile(file);
  const source = countingSource(opened.source);
  const runner = new StepRunner(coalescingSource(source));
  await runner.prefetch();
  const header = await runner.run((bytes) => readKernelHeader(bytes));
  const notes = new Notes();
  const space = await openKernelSpace(runner, header, notes);
  const cost = { ...source.counts };
  if (!space) return { text: JSON.stringify(notes.list()), bad: ["no kernel space"] };
  checkDebuggerData(truth, space.kdbgBytes, bad);
  if (space.kernelBase !== BigInt(truth.modules[0]?.base ?? 0))
    bad.push(`kernelBase ${space.kernelBase?.toString(16)}`);
  const there = await checkImages(space.memory, runner, truth.modules, bad);
  let userImages = 0;
  for (const { dtb, modules = [] } of truth.processes ?? []) {
    if (!dtb || !withUser) continue;
    userImages += await checkImages(space.user(BigInt(dtb)), runner, modules, bad);
  }
  let slots = 0;
  for (const frame of truth.stack) {
    if (!frame.ret_slot || !frame.ret) continue;
    const word = await runner.run(() =>
      readExact(space.memory, BigInt(frame.ret_slot as string) as VirtualAddress, header.pointerSize),
    );
    if (!word) {
      if (frame.stack_in_dump !== false) bad.push(`stack slot ${frame.ret_slot} is a hole`);
      continue;
    }
    slots += 1;
    const view = new DataView(word.buffer, word.byteOffset, word.length);
    const value = header.pointerSize === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
    if (value !== BigInt(frame.ret))
      bad.push(`stack slot ${frame.ret_slot} holds ${value.toString(16)}, truth ${frame.ret}`);
  }
  const stored = truth.physical?.stored_pages ?? space.physical.storedPages;
  if (space.physical.storedPages !== stored) bad.push(`stored pages ${space.physical.storedPages}, truth ${stored}`);
  await opened.close();
  const codes = notes.list().map((note) => `${note.code}@${note.where}: ${note.detail}`);
  return {
    text: `${space.paging} kdbg ${space.kdbgSource ?? "none"}, ${there} image headers, ${userImages} of processes, ${slots} stack slots; opened with ${cost.bytes} bytes, ${cost.requests} requests, ${cost.rounds} rounds; in all ${source.counts.bytes}/${source.counts.requests}${codes.length > 0 ? `\n     notes: ${codes.join("; ")}` : ""}`,
    bad,
  };
}

/** Headers of images: there where the truth has them, with its time stamp and size. Gives how many were there. */
async function checkImages(memory: Memory, runner: StepRunner, images: readonly TruthImage[], bad: string[]) {
  let there = 0;
  for (const image of images) {
    const base = BigInt(image.base) as VirtualAddress;
    const page = await runner.run(() => readExact(memory, base, 0x400));
    const inDump = image.headers === undefined ? page !== undefined : image.headers === "present";
    if ((page !== undefined) !== inDump)
      bad.push(`header page of ${image.base}: ${page ? "read" : "hole"}, truth ${image.headers}`);
    if (!page) continue;
    there += 1;
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    const nt = view.getUint32(0x3c, true);
    const [stamp, size] = nt <= 0x3a0 ? [view.getUint32(nt + 8, true), view.getUint32(nt + 0x50, true)] : [];
    if (view.getUint16(0, true) !== 0x5a4d) bad.push(`no MZ at ${image.base}`);
    else if (stamp !== Number(image.timestamp))
      bad.push(`time stamp at ${image.base}: ${stamp}, truth ${Number(image.timestamp)}`);
    else if (image.size !== undefined && size !== Number(image.size))
      bad.push(`size at ${image.base}: ${size}, truth ${Number(image.size)}`);
  }
  return there;
}

/** Every KDBG field of the truth against the block's bytes; the generator's own table says where each one is. */
function checkDebuggerData(truth: Truth, bytes: Uint8Array | undefined, bad: string[]): void {
  if (!bytes) {
    bad.push("no kdbg");
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read: Readonly<Record<string, (at: number) => bigint>> = {
    u64: (at) => view.getBigUint64(at, true),
    u32: (at) => BigInt(view.getUint32(at, true)),
    u16: (at) => BigInt(view.getUint16(at, true)),
  };
  for (const [name, expected] of Object.entries(truth.kdbg ?? {})) {
    const [offset, type] = debuggerDataLayout[name] ?? [0, ""];
    const got = read[type]?.(offset);
    if (got !== BigInt(expected)) bad.push(`kdbg.${name} 0x${got?.toString(16)}, truth ${expected}`);
  }
}
