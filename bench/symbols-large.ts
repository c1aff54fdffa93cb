/**
 * What one address costs cold, straight from a large PDB by range: bytes, requests, rounds.
 *
 *   npm run -s bench:symbols -- --pdb FILE [RVA…]
 *   npm run -s bench:symbols -- --parts 250 [--clang clang-16] [--link lld-link-16]
 *
 * `--parts` builds a program of as many sources, 500 functions each, with clang and lld (250 parts: about 95 MB of PDB in
 * some minutes) and deletes it afterwards. Without addresses, some hundred spread over the image are asked for.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openFile } from "../shared/adapters/files/file-source.ts";
import { countingSource, type IoCounts, memorySource } from "../shared/bytes/byte-source.ts";
import { StepRunner } from "../shared/bytes/step-runner.ts";
import { openPdb } from "../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../shared/symbols/pdb/pdb-symbols.ts";
import { KEEP_NAMES } from "../shared/symbols/symbol-file.ts";

const FUNCTIONS = 500;
/** Addresses that are asked for where none are named, and how far apart they lie. */
const SAMPLES = 200;
const REACH = 0x60_0000;

const { values, positionals } = parseArgs({
  options: {
    pdb: { type: "string" },
    parts: { type: "string" },
    clang: { type: "string", default: "clang" },
    link: { type: "string", default: "lld-link" },
  },
  allowPositionals: true,
});
if (values.pdb === undefined && values.parts === undefined) {
  console.error("usage: npm run -s bench:symbols -- --pdb FILE [RVA…] | --parts N");
  process.exit(2);
}

/** A source of many functions with arguments, lines and inlined calls. */
function source(part: number): string {
  const functions = Array.from(
    { length: FUNCTIONS },
    (
      _,
      index,
    ) => `__attribute__((noinline)) int function_with_a_long_descriptive_name_${part}_${index}(Widget${part} *w, int p, const char *text) {
 int local = p * ${index + 1};
 if (text[0])
  local += mixed<int, ${index % 17}>(w->a);
 w->values[${index % 4}] = local;
 return local + Widget${part}::twice(w->b);
}`,
  );
  return `namespace part${part} {
struct Widget${part} { int a, b; double values[4]; static inline int twice(int x) { return x * 2; } };
template <typename T, int N> __attribute__((always_inline)) inline int mixed(T x) {
 int r = 0;
 for (int i = 0; i < N; i++)
  r += (int)(x * i) ^ N;
 return r;
}
${functions.join("\n")}
}
`;
}

/** Builds the program; its PDB lies in the folder. */
function build(folder: string, parts: number): string {
  const options = ["--target=x86_64-pc-windows-msvc", "-O1", "-g", "-gcodeview", "-c"];
  const compile = (name: string, text: string): string => {
    writeFileSync(join(folder, `${name}.cpp`), text);
    execFileSync(values.clang, [...options, `${name}.cpp`, "-o", `${name}.obj`], { cwd: folder });
    return `${name}.obj`;
  };
  const objects = Array.from({ length: parts }, (_, part) => compile(`part${part}`, source(part)));
  objects.push(compile("main", 'extern "C" int _fltused = 0; int main() { return 0; }\n'));
  writeFileSync(join(folder, "objects"), objects.join("\n"));
  const linking = ["/nodefaultlib", "/entry:main", "/debug", "/opt:noref", "/opt:noicf", "/out:large.exe"];
  execFileSync(values.link, [...linking, "/pdb:large.pdb", "@objects"], { cwd: folder });
  return join(folder, "large.pdb");
}

/** What one address cost, and what it was. */
interface Cost {
  readonly kind: string;
  readonly io: IoCounts;
}

async function ask(file: string, rva: number): Promise<Cost> {
  const io: IoCounts = { bytes: 0, requests: 0, rounds: 0 };
  const opened = await openFile(file);
  const runner = new StepRunner(memorySource(new Uint8Array(1)));
  const bytes = runner.attach(countingSource(opened.source, io));
  let symbols: PdbSymbols | undefined;
  const hit = await runner.run(() => {
    symbols ??= new PdbSymbols(openPdb(bytes), KEEP_NAMES);
    return symbols.lookup(rva);
  });
  await opened.close();
  const kind = !hit ? "nothing" : hit.size === undefined ? "public" : hit.inlines.length > 0 ? "inlined" : "function";
  return { kind, io };
}

const folder = values.pdb === undefined ? mkdtempSync(join(tmpdir(), "stopcode-pdb-")) : undefined;
try {
  const file = values.pdb ?? build(folder as string, Number(values.parts));
  const opened = await openFile(file);
  console.log(`${opened.source.size} bytes`);
  await opened.close();
  const wanted =
    positionals.length > 0
      ? positionals.map(Number)
      : Array.from({ length: SAMPLES }, (_, index) => 0x1000 + Math.floor((index * REACH) / SAMPLES));
  const worst = new Map<string, { count: number; bytes: number; requests: number; rounds: number }>();
  for (const rva of wanted) {
    const { kind, io } = await ask(file, rva);
    const before = worst.get(kind) ?? { count: 0, bytes: 0, requests: 0, rounds: 0 };
    worst.set(kind, {
      count: before.count + 1,
      bytes: Math.max(before.bytes, io.bytes),
      requests: Math.max(before.requests, io.requests),
      rounds: Math.max(before.rounds, io.rounds),
    });
  }
  for (const [kind, { count, bytes, requests, rounds }] of worst) {
    console.log(`${count} × ${kind}: at most ${bytes} bytes, ${requests} requests, ${rounds} rounds`);
  }
} finally {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
