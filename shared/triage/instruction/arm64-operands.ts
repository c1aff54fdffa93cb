import type { Flow, MemoryOperand, OperandAccess } from "./disassembler.ts";

/**
 * Operands of ARM64 loads, stores and branches, by the encoding tables of the Arm ARM (DDI 0487, C4.1): what
 * is needed to say which memory an instruction touched and where it goes on. Vectors and exotic forms
 * are as far as their address and size.
 */

/** What the encoding says besides its text. */
export interface Arm64Facts {
  readonly memory: readonly MemoryOperand[];
  readonly flow: Flow;
  readonly target?: bigint | string;
  /** The address that the text shows as a number. */
  readonly literal?: bigint;
}

/** Registers 29 and 30 under the names that contexts have. */
function register(number: number, bits: 32 | 64 = 64): string {
  if (bits === 32) return number === 31 ? "wzr" : `w${number}`;
  if (number === 29) return "fp";
  if (number === 30) return "lr";
  return number === 31 ? "xzr" : `x${number}`;
}

/** The base of an address, where 31 is the stack pointer. */
const baseRegister = (number: number): string => (number === 31 ? "sp" : register(number));

const field = (word: number, low: number, width: number): number => (word >>> low) & ((1 << width) - 1);
const bit = (word: number, at: number): boolean => ((word >>> at) & 1) === 1;
const signed = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

const NOTHING: Arm64Facts = { memory: [], flow: "next" };

/** Reads one instruction word. */
export function arm64Facts(word: number, address: bigint): Arm64Facts {
  return (
    branchFacts(word, address) ??
    systemFacts(word) ??
    literalFacts(word, address) ?? { ...NOTHING, memory: accesses(word) }
  );
}

function branchFacts(word: number, pc: bigint): Arm64Facts | undefined {
  const to = (offset: number): bigint => BigInt.asUintN(64, pc + BigInt(offset * 4));
  const direct = (flow: Flow, target: bigint): Arm64Facts => ({ memory: [], flow, target, literal: target });
  // B, BL
  if ((word & 0x7c00_0000) === 0x1400_0000)
    return direct(bit(word, 31) ? "call" : "jump", to(signed(field(word, 0, 26), 26)));
  // B.cond; CBZ, CBNZ; TBZ, TBNZ
  if ((word & 0xff00_0000) >>> 0 === 0x5400_0000) return direct("branch", to(signed(field(word, 5, 19), 19)));
  if ((word & 0x7e00_0000) === 0x3400_0000) return direct("branch", to(signed(field(word, 5, 19), 19)));
  if ((word & 0x7e00_0000) === 0x3600_0000) return direct("branch", to(signed(field(word, 5, 14), 14)));
  // BR, BLR, RET and their authenticating forms
  if ((word & 0xfe00_0000) >>> 0 !== 0xd600_0000) return undefined;
  const operation = field(word, 21, 4) & 7;
  const flow = operation === 0 ? "jump" : operation === 1 ? "call" : operation === 2 ? "return" : undefined;
  if (flow === undefined) return NOTHING;
  // RETAA and RETAB name no register.
  const number = flow === "return" && field(word, 5, 5) === 31 ? 30 : field(word, 5, 5);
  return { memory: [], flow, target: register(number) };
}

/** SVC, HVC, SMC, BRK, HLT, UDF, and the cache operation that writes memory. */
function systemFacts(word: number): Arm64Facts | undefined {
  if ((word & 0xff00_0000) >>> 0 === 0xd400_0000 || word >>> 16 === 0) return { memory: [], flow: "trap" };
  // DC ZVA: a block of as many bytes as DCZID_EL0 says, 64 on all processors that run Windows.
  if ((word & 0xffff_ffe0) >>> 0 !== 0xd50b_7420) return undefined;
  return { ...NOTHING, memory: [operand("write", 64, register(field(word, 0, 5)))] };
}

/** LDR (literal), LDRSW (literal); ADR and ADRP show an address and touch no memory. */
function literalFacts(word: number, pc: bigint): Arm64Facts | undefined {
  if ((word & 0x1f00_0000) === 0x1000_0000) {
    const offset = BigInt(signed((field(word, 5, 19) << 2) | field(word, 29, 2), 21));
    const page = bit(word, 31);
    return { ...NOTHING, literal: BigInt.asUintN(64, page ? (pc & ~0xfffn) + offset * 0x1000n : pc + offset) };
  }
  if ((word & 0x3b00_0000) !== 0x1800_0000) return undefined;
  const literal = BigInt.asUintN(64, pc + BigInt(signed(field(word, 5, 19), 19) * 4));
  const kind = field(word, 30, 2);
  const vector = bit(word, 26);
  // PRFM faults nowhere.
  if (kind === 3 && !vector) return { ...NOTHING, literal };
  const size = vector ? 4 << kind : kind === 1 ? 8 : 4;
  const memory: MemoryOperand = { ...operand("read", size), displacement: BigInt.asIntN(64, literal) };
  return { ...NOTHING, memory: [memory], literal };
}

function operand(access: OperandAccess, size: number, base?: string, displacement = 0): MemoryOperand {
  return {
    access,
    size,
    ...(base === undefined ? {} : { base }),
    scale: 1,
    displacement: BigInt(displacement),
    addressBits: 64,
    explicit: true,
  };
}

function accesses(word: number): readonly MemoryOperand[] {
  // Bit 27 set and bit 25 clear: loads and stores.
  if (!bit(word, 27) || bit(word, 25)) return [];
  const base = baseRegister(field(word, 5, 5));
  const group = field(word, 28, 2);
  if (group === 2) return pair(word, base);
  if (group === 3) return single(word, base);
  return bit(word, 26) ? structures(word, base) : exclusive(word, base);
}

/** LDP, STP, LDNP, STNP, LDPSW. */
function pair(word: number, base: string): readonly MemoryOperand[] {
  const kind = field(word, 30, 2);
  const vector = bit(word, 26);
  if (kind === 3) return [];
  const each = vector ? 4 << kind : kind === 2 ? 8 : 4;
  const postIndexed = field(word, 23, 2) === 1;
  const offset = postIndexed ? 0 : signed(field(word, 15, 7), 7) * each;
  return [operand(bit(word, 22) ? "read" : "write", each * 2, base, offset)];
}

/** LDR, STR and their kin: immediate, register offset, unscaled, atomic, authenticated. */
function single(word: number, base: string): readonly MemoryOperand[] {
  const vector = bit(word, 26);
  const opcode = field(word, 22, 2);
  const scale = vector && opcode >= 2 ? 4 : field(word, 30, 2);
  const size = 1 << scale;
  // PRFM and PRFUM
  if (!vector && field(word, 30, 2) === 3 && opcode === 2) return [];
  const access: OperandAccess = (vector ? (opcode & 1) === 0 : opcode === 0) ? "write" : "read";
  if (bit(word, 24)) return [operand(access, size, base, field(word, 10, 12) * size)];
  const form = field(word, 10, 2);
  const nine = signed(field(word, 12, 9), 9);
  // Unscaled, post-indexed, unprivileged, pre-indexed
  if (!bit(word, 21)) return [operand(access, size, base, form === 1 ? 0 : nine)];
  if (form === 2) return [indexed(word, access, size, base, scale)];
  // LDRAA, LDRAB: signed and scaled by 8
  if ((form & 1) === 1)
    return [operand("read", 8, base, signed((field(word, 22, 1) << 9) | field(word, 12, 9), 10) * 8)];
  // LDAPR reads; all other atomic operations read and write.
  const reads = bit(word, 15) && field(word, 12, 3) === 4;
  return vector ? [] : [operand(reads ? "read" : "readwrite", size, base)];
}

function indexed(word: number, access: OperandAccess, size: number, base: string, scale: number): MemoryOperand {
  const option = field(word, 13, 3);
  const narrow = option === 2 || option === 6;
  return {
    ...operand(access, size, base),
    index: register(field(word, 16, 5), narrow ? 32 : 64),
    scale: bit(word, 12) ? 1 << scale : 1,
    ...(narrow ? { extend: option === 2 ? ("uxtw" as const) : ("sxtw" as const) } : {}),
  };
}

/** Exclusive and ordered accesses, compare and swap; LDAPUR and STLUR share their bits. */
function exclusive(word: number, base: string): readonly MemoryOperand[] {
  const kind = field(word, 30, 2);
  if (field(word, 24, 2) === 1) {
    const access: OperandAccess = field(word, 22, 2) === 0 ? "write" : "read";
    return bit(word, 21) ? [] : [operand(access, 1 << kind, base, signed(field(word, 12, 9), 9))];
  }
  const ordered = bit(word, 23);
  const o1 = bit(word, 21);
  // CAS, and in the place of narrow pairs CASP
  if (ordered && o1) return [operand("readwrite", 1 << kind, base)];
  if (o1 && kind < 2) return [operand("readwrite", 8 << kind, base)];
  const size = o1 ? 2 * (1 << kind) : 1 << kind;
  return [operand(bit(word, 22) ? "read" : "write", size, base)];
}

/** LD1 to LD4 and ST1 to ST4: registers by opcode for whole vectors, one element each otherwise. */
function structures(word: number, base: string): readonly MemoryOperand[] {
  const access: OperandAccess = bit(word, 22) ? "read" : "write";
  if (!bit(word, 24)) {
    const registers = ({ 0: 4, 2: 4, 4: 3, 6: 3, 7: 1, 8: 2, 10: 2 } as Record<number, number>)[field(word, 12, 4)];
    return registers === undefined ? [] : [operand(access, registers * (bit(word, 30) ? 16 : 8), base)];
  }
  const count = (Number(bit(word, 13)) << 1) + Number(bit(word, 21)) + 1;
  const opcode = field(word, 14, 2);
  const width = opcode === 3 ? 1 << field(word, 10, 2) : opcode === 2 ? (bit(word, 10) ? 8 : 4) : 1 << opcode;
  return [operand(access, count * width, base)];
}
