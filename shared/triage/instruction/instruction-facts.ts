import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { HoleReason } from "../../dump/memory.ts";
import type { SourcePlace } from "../../stackwalk/symbol-provider.ts";
import type { Access } from "../stop-codes/stop-facts.ts";
import type { Instruction, MemoryOperand, Undecoded } from "./disassembler.ts";

/** What is known of the instruction that failed. Values of registers and memory are restricted. */

/** Code at an address, decoded where it is there. */
export interface CodeAt {
  readonly address: VirtualAddress;
  /** Of the instruction; when it was not decoded, what there is, at most 15. */
  readonly bytes: Uint8Array;
  readonly instruction?: Instruction;
  /** The first four bytes as a number. */
  readonly dword?: number;
  /** Why there is no instruction. */
  readonly missing?: Undecoded | "no-code" | "no-disassembler";
}

/** Code with the names of the places that its text shows. */
export interface ListedCode extends CodeAt {
  readonly places: ReadonlyMap<bigint, string>;
  /** Where it was written, innermost inlined function first asked. */
  readonly source?: SourcePlace;
}

/** A memory operand with what its registers and the dump say. */
export interface OperandFacts {
  readonly operand: MemoryOperand;
  /** Effective address; absent where a register is not known. */
  readonly address?: VirtualAddress;
  /** Registers of the address with their values. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** What is there, when the dump has all of it. */
  readonly value?: Uint8Array;
  /** Why it is not there. */
  readonly hole?: HoleReason;
  /** The access that failed was this one. */
  readonly faulting: boolean;
}

/** Why an access failed, most telling first. */
export type FaultCause =
  | "stack-exhausted"
  | "null-pointer"
  | "non-canonical"
  | "misaligned"
  | "guard-page"
  | "unloaded-image"
  | "not-executable"
  | "read-only"
  | "unmapped"
  | "kernel-address";

/** A single bit that, changed back, makes an address valid. */
export interface BitFlip {
  /** The address without the flip. */
  readonly address: VirtualAddress;
  /** Register that held the flipped value; absent: the address itself. */
  readonly register?: string;
  readonly wasNonCanonical: boolean;
  readonly isNull: boolean;
  /** How many registers point near the address. */
  readonly nearbyRegisters: number;
  /** A register holds a pattern that allocators fill freed memory with: more likely a use after free. */
  readonly poisonRegisters: boolean;
  /** 0 to 1. */
  readonly confidence: number;
}

/** Contradictions between an exception and its instruction, under rust-minidump's names and one of our own. */
export type Inconsistency =
  | "int_div_by_zero_not_possible"
  | "int_div_by_zero_divisor_not_zero"
  | "priv_instruction_crash_without_priv_instruction"
  | "non_canonical_address_falsely_reported"
  | "access_violation_when_access_allowed"
  | "crashing_access_not_found_in_memory_accesses";

/** What the exception says of an access, and what the instruction makes of it. */
export interface FaultFacts {
  /** The address in the record. */
  readonly reported: VirtualAddress;
  /** The address that was accessed: of the operand where the processor reports none. */
  readonly address?: VirtualAddress;
  readonly access?: Access;
  /** Bytes of the access. */
  readonly size?: number;
  /** Whether the address follows from the registers; absent where that cannot be told. */
  readonly follows?: boolean;
  readonly cause?: FaultCause;
  /** Distance from null, signed, where the pointer was null. */
  readonly nullOffset?: bigint;
}

/** All about the instruction that failed. */
export interface InstructionFacts extends ListedCode {
  readonly operands: readonly OperandFacts[];
  /** Segment registers at the fault, where the record holds them. */
  readonly segments?: NonNullable<CpuContext["segments"]>;
  /** Where it would have gone on, for jumps, calls and returns. */
  readonly target?: VirtualAddress;
  /** Absent where the exception is no failed access. */
  readonly fault?: FaultFacts;
  readonly stackExhausted: boolean;
  /** The instruction pointer stands in the middle of an instruction. */
  readonly misaligned: boolean;
  readonly bitFlips: readonly BitFlip[];
  readonly inconsistencies: readonly Inconsistency[];
  /** Guard pages among the operands, by address. */
  readonly guardPages: ReadonlySet<bigint>;
}
