import type { SymbolSupplier } from "../../../shared/symbols/symbol-supplier.ts";
import { storeOf } from "./symbol-store.ts";

/**
 * A symbol store for the Registry_File_Failure sample: the kernel's image, found by its time stamp and size as the
 * triage dump has them, and the symbol file that the image's debug directory names. The public names are those that
 * the sample prints; where each starts follows from its printed offset.
 */

const KERNEL_BASE = 0x804d4000;
const TIMESTAMP = 0x3ea80977;

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

/** The store; with another time stamp in the image, one of another build under the same name. */
export function seedStore(fileTimestamp = TIMESTAMP): SymbolSupplier {
  const records = NAMES.map(([at, name, offset]) => `PUBLIC ${(at - offset - KERNEL_BASE).toString(16)} 0 ${name}`);
  return storeOf({ name: "ntoskrnl.exe", timestamp: TIMESTAMP, size: 0x214000, cpu: "x86", records, fileTimestamp });
}
