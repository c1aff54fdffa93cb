import { memorySource } from "../../../shared/bytes/byte-source.ts";
import type {
  CandidateFile,
  ModuleIdentity,
  SymbolFileKind,
  SymbolSupplier,
} from "../../../shared/symbols/symbol-supplier.ts";
import { hexBytes } from "./byte-writer.ts";
import { synthPe } from "./synth-pe.ts";

/** An image that a dump names by time stamp and size only, and the symbol file that its debug directory names. */
export interface StoredImage {
  /** Base name, in lower case. */
  readonly name: string;
  readonly timestamp: number;
  readonly size: number;
  /** As MODULE records of symbol files have it: `x86`, `x86_64`. */
  readonly cpu: string;
  /** Records of the symbol file behind its MODULE. */
  readonly records: readonly string[];
  /** Time stamp of the image file, where it is another build under the same name. */
  readonly fileTimestamp?: number;
}

/** GUID and age of every symbol file here, and the same GUID as it lies in memory. */
const DEBUG_ID = "0123456789ABCDEF0123456789ABCDEF1";
const GUID = hexBytes("67 45 23 01 ab 89 ef cd 01 23 45 67 89 ab cd ef");
const PDB = "kernel.pdb";

/** A store of one image and its symbol file. */
export function storeOf(stored: StoredImage): SymbolSupplier {
  return {
    find: async (module, kinds) => ({
      files: kinds.flatMap((kind): CandidateFile[] => {
        const bytes = fileOf(stored, module, kind);
        return bytes ? [{ kind, origin: `store/${kind}`, source: memorySource(bytes) }] : [];
      }),
      lookedIn: ["store"],
    }),
  };
}

function fileOf(stored: StoredImage, module: ModuleIdentity, kind: SymbolFileKind): Uint8Array | undefined {
  const { name, timestamp, size, cpu, records, fileTimestamp = timestamp } = stored;
  const codeId = `${timestamp.toString(16).padStart(8, "0")}${size.toString(16)}`;
  if (kind === "pe" && module.codeFile?.toLowerCase() === name && module.codeId === codeId)
    return synthPe({ timestamp: fileTimestamp, sizeOfImage: size, guid: GUID, age: 1, pdb: PDB });
  if (kind !== "breakpad" || module.debugFile !== PDB || module.debugId !== DEBUG_ID) return undefined;
  return new TextEncoder().encode(`${[`MODULE windows ${cpu} ${DEBUG_ID} ${PDB}`, ...records].join("\n")}\n`);
}
