import type { StepRunner } from "../../../bytes/step-runner.ts";
import type { Notes } from "../../../notes.ts";
import type { VirtualAddress } from "../../address.ts";
import type { Memory } from "../../memory.ts";
import type { DebuggerData } from "../debugger-data.ts";
import type { KernelHeader } from "../header.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

/** How the page tables of the dump are built. */
export type PagingMode = "x64" | "x64-la57" | "x86-pae" | "x86" | "arm64";

/** The crashed machine's memory as the kernel saw it, with what was needed to get there. */
export interface KernelSpace {
  readonly header: KernelHeader;
  readonly physical: PhysicalMemory;
  readonly paging: PagingMode;
  /** The kernel's address space, under the header's DirectoryTableBase. */
  readonly memory: Memory;
  /**
   * The address space of a process.
   * @param directoryTableBase KPROCESS.DirectoryTableBase as stored, flag bits included; the same value gives the same Memory
   */
  user(directoryTableBase: bigint): Memory;
  /** KDDEBUGGER_DATA64, decoded; absent where it is not in the dump or could not be decoded. */
  readonly kdbg?: DebuggerData;
  /** Where the block lies; it may differ from the header's pointer. */
  readonly kdbgAddress?: VirtualAddress;
  /** How the block was found: by the header's pointer, the same but decoded, or by its tag in nt's image. */
  readonly kdbgSource?: "header" | "decoded" | "found";
  /** The block's bytes, decoded, as long as its own size field says. */
  readonly kdbgBytes?: Uint8Array;
  /** Image base of nt: KDBG.KernBase, else the first loaded module, else the PE header below known kernel data. */
  readonly kernelBase?: VirtualAddress;
}

/**
 * Reads the page map, chooses the form of the page tables, and finds the kernel and its debugger data.
 * @param notes gets one note for each thing that is missing or contradicts itself
 * @returns undefined where the dump has no physical memory that can be read, with a note
 */
export async function openKernelSpace(
  _runner: StepRunner,
  _header: KernelHeader,
  notes: Notes,
): Promise<KernelSpace | undefined> {
  notes.add("kernel.memory-not-read", "header", "the memory of this type of dump is not read yet");
  return undefined;
}
