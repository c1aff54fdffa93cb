import type { CpuArch, VirtualAddress } from "./address.ts";

/** Registers of one thread or processor at one moment, whatever CPU they are of. */
export interface CpuContext {
  readonly cpu: CpuArch;
  /** Instruction pointer. */
  readonly pc: VirtualAddress;
  /** Stack pointer. */
  readonly sp: VirtualAddress;
  /** ContextFlags as stored. */
  readonly flags: number;
  /**
   * General-purpose registers under the names that rust-minidump prints (`rax`, `eip`, `x0`, `lr`),
   * in the order of the CPU's own list; zero-extended.
   */
  readonly registers: Readonly<Record<string, bigint>>;
  /** Segment registers of x86 and x64, where the record holds them. */
  readonly segments?: Readonly<Record<"cs" | "ds" | "es" | "fs" | "gs" | "ss", number>>;
}
