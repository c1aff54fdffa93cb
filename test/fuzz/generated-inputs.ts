import { basename } from "node:path";
import { corpusFiles, corpusPath } from "../support/corpus.ts";

/** A dump that is too large to be damaged as a whole; it is read from its file. */
export interface LargeInput {
  readonly name: string;
  readonly file: string;
}

/** Damage that the generator itself makes. */
export const CORRUPTIONS = (
  "looped-modules wild-pointers huge-counts cyclic-page-tables overlapping-runs bad-popcount bad-context unwind-loop " +
  "zero-kdbg"
).split(" ");

const TYPES = "full bitmap-full bitmap-kernel active live kernel kernel-user complete summary triage".split(" ");

/** The generator's options of every input: each type on each CPU, then each kind of its own damage. */
export function generatedInputOptions(): string[][] {
  const of = (scenario: string, type: string, ...rest: string[]): string[] => [
    ...["--scenario", scenario, "--type", type, "--ram-gib", "1", ...rest],
  ];
  return [
    ...TYPES.map((type) => of("0x3B", type)),
    ...["0x9F_3", "0x124", "0x133_1", "0x7F_8", "0xCE"].map((scenario) =>
      of(scenario, "bitmap-kernel", "--filler", "0"),
    ),
    of("0x1000007E", "triage", "--triage-style", "kernel", "--blobs"),
    ...["full", "bitmap-kernel", "summary", "triage"].map((type) => of("0x7E", type, "--arch", "x86")),
    ...["full", "bitmap-kernel", "triage"].map((type) => of("0x7E", type, "--arch", "arm64")),
    ["--scenario", "0x3B", "--type", "bitmap-kernel", "--ram-gib", "4", "--exotic"],
    of("0x3B", "bitmap-kernel", "--modules", "200", "--processes", "300"),
    ...CORRUPTIONS.flatMap((kind) =>
      ["full", "bitmap-kernel", "complete"].map((type) => of("0xD1", type, "--corrupt", kind)),
    ),
  ];
}

/** The corpus' real kernel dumps. */
export function realInputs(): LargeInput[] {
  return corpusFiles("kernel", ".dmp").map((name) => ({ name: basename(name), file: corpusPath(name) }));
}
