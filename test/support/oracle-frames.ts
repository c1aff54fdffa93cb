import { readFileSync } from "node:fs";
import { corpusFiles, corpusPath } from "./corpus.ts";

/** A frame of rust-minidump's walks with the module that it lies in. */
export interface OracleFrame {
  /** Corpus file that states it. */
  readonly from: string;
  readonly debugFile: string;
  readonly debugId: string;
  /** Address to look up, from the module's base: callers' are already one byte back. */
  readonly offset: number;
  /** `[function, offset in it, file, line, inlines (innermost first)]` */
  readonly answer: readonly unknown[];
}

interface Expected {
  readonly modules?: readonly {
    readonly filename: string;
    readonly base_addr: string;
    readonly debug_file: string | null;
    readonly debug_id: string | null;
    readonly loaded_symbols: boolean;
  }[];
  readonly threads?: readonly { readonly frames?: readonly ExpectedFrame[] }[];
}

interface ExpectedFrame {
  readonly module: string | null;
  readonly offset: string;
  readonly module_offset: string;
  readonly function: string | null;
  readonly function_offset: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly inlines: readonly { function: string; file: string | null; line: number | null }[] | null;
}

/** All frames in modules whose symbols rust-minidump had, under a corpus folder. */
export function oracleFrames(folder: string, suffix = ".expected.rust-minidump-0.27.json"): OracleFrame[] {
  return corpusFiles(folder, suffix).flatMap((from) => {
    const { modules = [], threads = [] } = JSON.parse(readFileSync(corpusPath(from), "utf8")) as Expected;
    return threads.flatMap(({ frames = [] }) =>
      frames.flatMap((frame) => {
        const module = modules.find(
          (one) =>
            frame.module === one.filename &&
            BigInt(one.base_addr) + BigInt(frame.module_offset) === BigInt(frame.offset),
        );
        if (!module?.loaded_symbols || !module.debug_file || !module.debug_id) return [];
        const debugFile = module.debug_file.split(/[\\/]/).pop() as string;
        return [
          { from, debugFile, debugId: module.debug_id, offset: Number(frame.module_offset), answer: answer(frame) },
        ];
      }),
    );
  });
}

function answer(frame: ExpectedFrame): readonly unknown[] {
  return [
    frame.function,
    frame.function_offset === null ? null : Number(frame.function_offset),
    frame.file,
    frame.line,
    (frame.inlines ?? []).map((inline) => [inline.function, inline.file, inline.line]),
  ];
}
