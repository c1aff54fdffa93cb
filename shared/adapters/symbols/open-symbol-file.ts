import { basename } from "node:path";
import { FormatError } from "../../bytes/errors.ts";
import type { CandidateFile, SymbolFileKind } from "../../symbols/symbol-supplier.ts";
import { openFile } from "../files/file-source.ts";

/** First bytes of each kind of file. */
const STARTS: readonly (readonly [string, SymbolFileKind])[] = [
  ["Microsoft C/C++ MSF 7.00", "pdb"],
  ["MODULE ", "breakpad"],
  ["MZ", "pe"],
];
const LONGEST_START = 32;

/** A symbol file or image that must be closed. */
export interface OpenedSymbolFile {
  readonly file: CandidateFile;
  close(): Promise<void>;
}

/**
 * Opens a symbol file or image that somebody named; its first bytes say of which kind it is.
 * @throws SourceError when it cannot be read, FormatError when it is of no kind that we read
 */
export async function openSymbolFile(path: string): Promise<OpenedSymbolFile> {
  const { source, close } = await openFile(path);
  try {
    const [bytes] = await source.read([{ start: 0, end: Math.min(source.size, LONGEST_START) }]);
    const start = Buffer.from(bytes ?? []).toString("latin1");
    const kind = STARTS.find(([text]) => start.startsWith(text))?.[1];
    if (!kind) throw new FormatError("format.unsupported", `${basename(path)} is no PDB, Breakpad file or PE image`);
    return { file: { kind, origin: basename(path), source }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
