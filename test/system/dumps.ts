import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

/** The dumps that the system test uploads: the corpus of real ones where it is, else those in examples/. */

const root = process.cwd();
const corpus = resolve(process.env["STOPCODE_CORPUS"] ?? join(root, "../shared/corpus"));

/** A dump and what other tools say of it. */
export interface SampleDump {
  readonly name: string;
  readonly bytes: Buffer;
  /** What minidump-stackwalk said, for user dumps of the corpus. */
  readonly oracle?: {
    readonly system_info: { readonly cpu_arch: string };
    readonly modules: readonly unknown[];
    readonly pid: number;
  };
  /** Stop code of a kernel dump, from its header's place in wdm.h: 0x38 in 64-bit dumps, 0x28 in 32-bit ones. */
  readonly stopCode?: number;
}

export const corpusThere = existsSync(join(corpus, "kernel"));

const USER_DUMPS = [
  "mdmp/google_breakpad/ascii_read_av.dmp",
  "mdmp/electron_node-minidump/windows.dmp",
  "mdmp/getsentry_symbolic/symbolic-windows-mini.dmp",
  "mdmp/getsentry_symbolic/symbolic-macos-mini.dmp",
  "mdmp/rust-minidump_rust-minidump/simple-crashpad.dmp",
  "windows-x64/o0-abort.dmp",
  "linux-x64/rs_segv.dmp",
];

/** Every sample. */
export function sampleDumps(): SampleDump[] {
  const examples = () => dumpsIn(join(root, "examples"));
  if (!corpusThere) {
    console.warn("NO CORPUS of real dumps beside the repository: the system test uploads examples/*.dmp instead");
    return examples().map(sample);
  }
  return [...dumpsIn(join(corpus, "kernel")), ...USER_DUMPS.map((name) => join(corpus, name)).filter(existsSync)].map(
    sample,
  );
}

/** A file of another program that shares the ending. */
export function oracleExport(): Buffer {
  const folder = join(corpus, "oracle");
  const file = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" }).find((name) => /\.dmp$/i.test(name))
    : undefined;
  return file === undefined
    ? Buffer.from("\x03\x01EXPORT:V10.02.01\nDSCOTT\nRTABLES\n")
    : readFileSync(join(folder, file));
}

function dumpsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".dmp"))
    .sort()
    .map((name) => join(folder, name));
}

function sample(path: string): SampleDump {
  const bytes = readFileSync(path);
  const oracleFile = `${path}.expected.rust-minidump-0.27.json`;
  const signature = bytes.toString("latin1", 0, 8);
  return {
    name: basename(path),
    bytes,
    ...(existsSync(oracleFile) ? { oracle: JSON.parse(readFileSync(oracleFile, "utf8")) } : {}),
    ...(signature === "PAGEDU64" ? { stopCode: bytes.readUInt32LE(0x38) } : {}),
    ...(signature === "PAGEDUMP" ? { stopCode: bytes.readUInt32LE(0x28) } : {}),
  };
}
