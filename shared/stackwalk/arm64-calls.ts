/**
 * Calls of ARM64, each one word: BL, BLR and the forms of BLR that authenticate their target.
 * https://developer.arm.com/documentation/ddi0602
 */

/** Mask and value of each form. */
const CALLS: readonly (readonly [mask: number, value: number])[] = [
  // BL
  [0xfc00_0000, 0x9400_0000],
  // BLR
  [0xffff_fc1f, 0xd63f_0000],
  // BLRAAZ, BLRABZ
  [0xffff_f81f, 0xd63f_081f],
  // BLRAA, BLRAB
  [0xffff_f800, 0xd73f_0800],
];

/** Whether a word is a call. */
export function isArm64Call(word: number): boolean {
  return CALLS.some(([mask, value]) => (word & mask) >>> 0 === value);
}
