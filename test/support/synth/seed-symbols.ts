import { memorySource } from "../../../shared/bytes/byte-source.ts";
import type {
  CandidateFile,
  ModuleIdentity,
  SymbolFileKind,
  SymbolSupplier,
} from "../../../shared/symbols/symbol-supplier.ts";
import { synthPe } from "./synth-pe.ts";

/**
 * A symbol store for the Registry_File_Failure sample: the kernel's image, found by its time stamp and size as the
 * triage dump has them, and the symbol file that the image's debug directory names. The public names are those that
 * the sample prints; where each starts follows from its printed offset.
 */

const KERNEL_BASE = 0x804d4000;
const TIMESTAMP = 0x3ea80977;
const SIZE = 0x214000;
const DEBUG_ID = "0123456789ABCDEF0123456789ABCDEF1";

/** Instruction, function, offset: each line of the sample's STACK_TEXT. */
const NAMES: readonly (readonly [number, string, number])[] = [
  [0x804f4103, "KeBugCheckEx", 0x19],
  [0x8062be87, "ExpSystemErrorHandler", 0x44c],
  [0x805e9f96, "ExpRaiseHardError", 0x9a],
  [0x805ea21c, "ExRaiseHardError", 0x13c],
  [0x805fb94c, "CmpLoadHiveThread", 0x16a],
  [0x805aa2b6, "PspSystemThreadStartup", 0x34],
  [0x805319c6, "KiThreadStartup", 0x16],
];

function symbolFile(): Uint8Array {
  const publics = NAMES.map(([at, name, offset]) => `PUBLIC ${(at - offset - KERNEL_BASE).toString(16)} 0 ${name}`);
  const lines = [`MODULE windows x86 ${DEBUG_ID} ntoskrnl.pdb`, ...publics.sort()];
  return new TextEncoder().encode(`${lines.join("\n")}\n`);
}

/** The image whose debug directory names {@link DEBUG_ID}. */
function imageFile(timestamp: number): Uint8Array {
  const guid = Uint8Array.of(
    0x67,
    0x45,
    0x23,
    0x01,
    0xab,
    0x89,
    0xef,
    0xcd,
    0x01,
    0x23,
    0x45,
    0x67,
    0x89,
    0xab,
    0xcd,
    0xef,
  );
  return synthPe({ timestamp, sizeOfImage: SIZE, guid, age: 1, pdb: "ntoskrnl.pdb" });
}

function fileOf(module: ModuleIdentity, kind: SymbolFileKind, timestamp: number): Uint8Array | undefined {
  if (kind === "pe" && module.codeFile?.toLowerCase() === "ntoskrnl.exe" && module.codeId === "3ea80977214000")
    return imageFile(timestamp);
  return kind === "breakpad" && module.debugFile === "ntoskrnl.pdb" && module.debugId === DEBUG_ID
    ? symbolFile()
    : undefined;
}

/** The store; with another time stamp in the image, one of another build under the same name. */
export function seedStore(timestamp = TIMESTAMP): SymbolSupplier {
  return {
    find: async (module, kinds) => ({
      files: kinds.flatMap((kind): CandidateFile[] => {
        const bytes = fileOf(module, kind, timestamp);
        return bytes ? [{ kind, origin: `seed/${kind}`, source: memorySource(bytes) }] : [];
      }),
      lookedIn: ["seed"],
    }),
  };
}
