import { type ArmStep, type ArmUnwind, codeSize, POPS_LR } from "./unwind-arm-codes.ts";

/**
 * Packed unwind words of 32-bit ARM: functions whose prologue and epilogue have the canonical form.
 * https://learn.microsoft.com/cpp/build/arm-exception-handling#packed-unwind-data
 */

/** Flag of a part of a function, without prologue. */
const FRAGMENT = 2;
/** Stack adjustments from here on are folded into a push or pop. */
const FOLDED = 0x3f4;
/** Most words that a 16-bit instruction adds to the stack pointer. */
const SHORT_WORDS = 0x7f;
/** R11, the frame chain's register. */
const R11 = 1 << 11;
/** Registers of a 16-bit push or pop: r0 to r7 besides the link register. */
const LOW = 0xff;
/** r0 to r3. */
const HOMED_BYTES = 16;

/** The steps of a packed word. */
export function packedArmCodes(begin: number, data: number): ArmUnwind {
  const length = ((data >>> 2) & 0x7ff) * 2;
  const returns = (data >>> 13) & 3;
  const last = (data >>> 16) & 7;
  const [homes, isFloat, savesLr, chains] = [15, 19, 20, 21].map((bit) => ((data >>> bit) & 1) !== 0) as [
    boolean,
    boolean,
    boolean,
    boolean,
  ];
  const adjust = data >>> 22;
  const folds = adjust >= FOLDED;
  const [inPush, inPop] = [folds && (adjust & 4) !== 0, folds && (adjust & 8) !== 0];
  const words = folds ? (adjust & 3) + 1 : adjust;

  const saved = (isFolded: boolean, withLr: boolean): number =>
    (isFloat ? 0 : bits(4, 4 + last)) |
    (isFolded ? bits(4 - words, 3) : 0) |
    (chains ? R11 : 0) |
    (withLr ? POPS_LR : 0);
  const floats: ArmStep[] = isFloat && last !== 7 ? [{ size: 4, add: (last + 1) * 8 }] : [];
  const locals: ArmStep[] = words > 0 ? [{ size: words <= SHORT_WORDS ? 2 : 4, add: words * 4 }] : [];

  // In the order of the prologue, then turned round.
  const pushed = saved(inPush, savesLr);
  const chain: ArmStep[] = chains ? [{ size: (pushed & (R11 - 1)) === 0 ? 2 : 4 }] : [];
  const prolog: ArmStep[] = [
    ...(homes ? [{ size: 2, add: HOMED_BYTES } as const] : []),
    ...pops(pushed),
    ...chain,
    ...floats,
    ...(inPush ? [] : locals),
  ];
  // A return that also takes the homed parameters off leaves the link register to itself.
  const lrApart = homes && savesLr && returns === 0;
  // No 16-bit pop reads the link register: the short one of an epilogue reads the program counter.
  const isWide = savesLr && returns !== 0;
  const epilog: ArmStep[] = [
    ...(inPop ? [] : locals),
    ...floats,
    ...pops(saved(inPop, savesLr && !lrApart), isWide),
    ...(lrApart ? [{ size: 4, add: HOMED_BYTES + 4, loadsLr: true } as const] : []),
    ...(homes && !lrApart ? [{ size: 2, add: HOMED_BYTES } as const] : []),
    ...(returns === 0 ? [] : [{ size: returns === 1 ? 2 : 4 } as const]),
  ];
  return {
    begin,
    length,
    codes: prolog.reverse(),
    hasProlog: (data & 3) !== FRAGMENT,
    epilogs: returns === 3 ? [] : [{ start: length - codeSize(epilog), codes: epilog }],
  };
}

/** One push or pop, where it has any register. */
function pops(mask: number, isWide = false): ArmStep[] {
  return mask === 0 ? [] : [{ size: isWide || (mask & ~POPS_LR & ~LOW) !== 0 ? 4 : 2, pop: mask }];
}

/** A mask of the registers from one number to another. */
function bits(from: number, to: number): number {
  return ((1 << (to + 1)) - 1) & ~((1 << from) - 1);
}
