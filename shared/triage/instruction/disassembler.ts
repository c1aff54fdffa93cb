import type { CpuArch } from "../../dump/address.ts";

/**
 * Port: machine code in, one instruction out. Adapters implement it over kept libraries, which are loaded
 * only when a dump has an instruction to show.
 */

/** What an instruction does with memory. */
export type OperandAccess = "read" | "write" | "readwrite";

/** One run of memory that an instruction touches, in terms of registers. */
export interface MemoryOperand {
  readonly access: OperandAccess;
  /** Bytes; 0 where the instruction does not say. */
  readonly size: number;
  /** Registers in lower case, as the CPU's manual names them; 32-bit parts under their own name (`eax`, `w1`). */
  readonly base?: string;
  readonly index?: string;
  /** Factor of the index: 1, 2, 4, 8, 16. */
  readonly scale: number;
  /** Signed. For operands relative to the instruction it is the whole address. */
  readonly displacement: bigint;
  /** How ARM64 widens a 32-bit index. */
  readonly extend?: "uxtw" | "sxtw";
  /** x86 and x64. */
  readonly segment?: "cs" | "ds" | "es" | "fs" | "gs" | "ss";
  /** Width of the address: sums wrap there. */
  readonly addressBits: 16 | 32 | 64;
  /** False for what the text does not show: the stack slot of a push or call. */
  readonly explicit: boolean;
}

/** Where an instruction goes on. */
export type Flow = "next" | "jump" | "branch" | "call" | "return" | "trap";

/** A piece of an instruction's text that stands for an address, so that it may be shown under its name. */
export interface AddressPart {
  readonly address: bigint;
  /** What is written where the address has no name. */
  readonly plain: string;
  /** Stands between brackets when it has a name: an operand in memory. */
  readonly brackets: boolean;
}

/** A decoded instruction. */
export interface Instruction {
  /** Bytes. */
  readonly length: number;
  /** Text in the syntax of Microsoft's debuggers. */
  readonly parts: readonly (string | AddressPart)[];
  /** Explicit operands first. */
  readonly memory: readonly MemoryOperand[];
  readonly flow: Flow;
  /** Where a jump, branch or call leads to: an address, or the register that holds it. */
  readonly target?: bigint | string;
  /** It traps outside of the kernel. */
  readonly privileged: boolean;
  /** Register that an integer division divides by, or the memory operand. */
  readonly divisor?: string | MemoryOperand;
  /** Its memory operands must be aligned to their size. */
  readonly aligned: boolean;
}

/** Why there is no instruction: the bytes are none, or there are too few of them. */
export type Undecoded = "invalid" | "cut";

/** Longest instruction of any CPU, bytes. */
export const MAX_INSTRUCTION_BYTES = 15;

/** Decodes code of one CPU. */
export interface Disassembler {
  /** The instruction at the start of `code`, which lay at `address`. */
  decode(code: Uint8Array, address: bigint): Instruction | Undecoded;
  /** Bytes of the instruction at the start of `code`; 0 where it is none or cut. Much cheaper than decoding it. */
  length(code: Uint8Array): number;
}

/** Loads the disassembler of a CPU once; undefined for CPUs that have none. */
export type LoadDisassembler = (cpu: CpuArch) => Promise<Disassembler | undefined>;
