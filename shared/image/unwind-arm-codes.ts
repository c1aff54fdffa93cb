/** How functions of 32-bit ARM images are undone, whichever form their unwind data have. */

/** Bit of a mask of popped registers: those below are the registers of that number. */
export const POPS_LR = 1 << 14;

/** One instruction of a prologue or epilogue, as it is undone: at most one of the three ways to move the stack pointer. */
export interface ArmStep {
  /** Bytes of the instruction, 0 where a code stands for none. */
  readonly size: 0 | 2 | 4;
  /** Registers that are popped, lowest first, by number; {@link POPS_LR} for the link register. */
  readonly pop?: number;
  /** Bytes that the stack pointer goes up. */
  readonly add?: number;
  /** The link register lies at the stack pointer, which then goes up by `add`. */
  readonly loadsLr?: true;
  /** What was interrupted lies at the stack pointer: its stack pointer and instruction, or a whole CONTEXT. */
  readonly interruption?: "machine-frame" | "context";
  /** Number of the register that the stack pointer was kept in. */
  readonly spFrom?: number;
}

/** How a function is undone. */
export interface ArmUnwind {
  /** Without the bit that says Thumb. */
  readonly begin: number;
  /** Bytes of the function. */
  readonly length: number;
  /** The prologue backwards: all of it is undone from the body. */
  readonly codes: readonly ArmStep[];
  /** False for parts of functions that start without one. */
  readonly hasProlog: boolean;
  /** Epilogues by where they start in the function, each with its return. */
  readonly epilogs: readonly { readonly start: number; readonly codes: readonly ArmStep[] }[];
}

/** Bytes of the instructions that steps stand for. */
export function codeSize(codes: readonly ArmStep[]): number {
  return codes.reduce((sum, { size }) => sum + size, 0);
}

/** The steps that are left to undo at an offset in a function. */
export function armCodesAt({ codes, hasProlog, epilogs }: ArmUnwind, offset: number): readonly ArmStep[] {
  const unexecuted = codeSize(codes) - offset;
  if (hasProlog && unexecuted > 0) return behind(codes, unexecuted);
  for (const epilog of epilogs) {
    const done = offset - epilog.start;
    if (done >= 0 && done < codeSize(epilog.codes)) return behind(epilog.codes, done);
  }
  return codes;
}

/** The steps behind the first that stand for so many bytes of code. */
function behind(codes: readonly ArmStep[], bytes: number): readonly ArmStep[] {
  let left = bytes;
  let at = 0;
  while (at < codes.length && left > 0) left -= (codes[at++] as ArmStep).size;
  return codes.slice(at);
}
