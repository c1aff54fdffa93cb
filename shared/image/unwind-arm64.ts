import { readXdataRecord, sharedSteps, type XdataForm } from "./arm-xdata.ts";
import type { ImageBytes } from "./image-bytes.ts";
import type { PdataEntry } from "./pdata.ts";
import type { Arm64Code, Arm64Special, Arm64Unwind } from "./unwind-arm64-codes.ts";
import { packedCodes } from "./unwind-arm64-packed.ts";

/**
 * Unwind data of ARM64 images: .xdata records and packed words, both as lists of steps to undo.
 * https://learn.microsoft.com/cpp/build/arm64-exception-handling
 */

const FORM: XdataForm = { unit: 4, scopesShift: 22, codeWordsShift: 27 };

/**
 * The unwind data behind a record of the exception directory.
 * @returns `hole` where they are not in memory, `unsupported` where a code is not known
 */
export function readArm64Unwind(image: ImageBytes, { begin, words }: PdataEntry): Arm64Unwind | "hole" | "unsupported" {
  const [data] = words;
  if ((data & 3) === 3) return "unsupported";
  return (data & 3) === 0 ? readXdata(image, begin, data) : packedCodes(begin, data);
}

function readXdata(image: ImageBytes, begin: number, rva: number): Arm64Unwind | "hole" | "unsupported" {
  const record = readXdataRecord(image, rva, FORM);
  if (typeof record === "string") return record;
  const { length, single, scopes, codes: bytes } = record;
  const codes = decodeCodes(bytes, 0);
  if (!codes) return "unsupported";
  const epilogs: { start: number; codes: readonly Arm64Code[] }[] = [];
  const epilogAt = sharedSteps((index) => decodeCodes(bytes, index));
  if (single !== undefined) {
    const own = epilogAt(single);
    // The last instruction, the return, stands for the code `end`.
    if (own) epilogs.push({ start: length - (own.length + 1) * 4, codes: own });
  }
  for (const word of scopes) {
    const own = epilogAt(word >>> 22);
    if (own) epilogs.push({ start: (word & 0x3ffff) * 4, codes: own });
  }
  return { begin, length, codes, hasProlog: true, epilogs };
}

/** Steps from an index up to `end`; undefined where a code is not known or the list has no end. */
function decodeCodes(bytes: Uint8Array, start: number): Arm64Code[] | undefined {
  const codes: (Arm64Code | "save-next")[] = [];
  for (let at = start; at < bytes.length; ) {
    const first = bytes[at] as number;
    // `end_c` separates the codes of a part from those of its parent: both are undone.
    if (first === 0xe4) return withNextPairs(codes);
    const size = sizeOf(first);
    if (size === 0 || at + size > bytes.length) return undefined;
    if (first === 0xe6) codes.push("save-next");
    else if (first !== 0xe5) codes.push(decodeCode(bytes.subarray(at, at + size)));
    at += size;
  }
  return undefined;
}

function sizeOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  if (first === 0xe0) return 4;
  if (first === 0xe2) return 2;
  if (first === 0xe7) return 3;
  return first <= 0xec || first === 0xfc ? 1 : 0;
}

const pair = (register: number, offset: number, add = 0): Arm64Code => ({
  restore: [
    [register, offset],
    [register + 1, offset + 8],
  ],
  add,
});

function decodeCode(bytes: Uint8Array): Arm64Code {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const z = b & 63;
  const x = ((a & 3) << 2) | (b >> 6);
  if (a < 0x20) return { add: a * 16 };
  if (a < 0x40) return pair(19, 0, (a & 31) * 8);
  if (a < 0x80) return pair(29, (a & 63) * 8);
  if (a < 0xc0) return pair(29, 0, ((a & 63) + 1) * 8);
  if (a < 0xc8) return { add: (((a & 7) << 8) | b) * 16 };
  if (a < 0xcc) return pair(19 + x, z * 8);
  if (a < 0xd0) return pair(19 + x, 0, (z + 1) * 8);
  if (a < 0xd4) return { restore: [[19 + x, z * 8]] };
  if (a < 0xd6) return { restore: [[19 + (((a & 1) << 3) | (b >> 5)), 0]], add: ((b & 31) + 1) * 8 };
  if (a < 0xd8) {
    const register = 19 + 2 * (((a & 1) << 2) | (b >> 6));
    return {
      restore: [
        [register, z * 8],
        [30, z * 8 + 8],
      ],
    };
  }
  // Floating point registers are not followed; those saved with writeback move the stack pointer.
  if (a < 0xda) return { special: "nop" };
  if (a < 0xdc) return { add: (z + 1) * 8 };
  if (a === 0xdc || a === 0xdd) return { special: "nop" };
  if (a === 0xde) return { add: ((b & 31) + 1) * 8 };
  if (a === 0xe0) return { add: ((b << 16) | (c << 8) | d) * 16 };
  if (a === 0xe1) return { special: "set-fp", below: 0 };
  if (a === 0xe2) return { special: "set-fp", below: b * 8 };
  if (a === 0xe7) return anyRegister(b, c);
  return { special: SPECIALS[a] ?? "nop" };
}

const SPECIALS: Readonly<Record<number, Arm64Special>> = {
  232: "trap-frame",
  233: "machine-frame",
  234: "context",
  236: "interrupted",
  252: "strip",
};

/** save_any_reg: 0pxrrrrr ffoooooo. */
function anyRegister(b: number, c: number): Arm64Code {
  const isPair = (b & 0x40) !== 0;
  const writeback = (b & 0x20) !== 0;
  const register = b & 31;
  const offset = (c & 63) * (isPair || writeback || c >> 6 === 2 ? 16 : 8);
  const add = writeback ? offset + 16 : 0;
  if (c >> 6 !== 0) return { add };
  const at = writeback ? 0 : offset;
  return isPair ? pair(register, at, add) : { restore: [[register, at]], add };
}

/** `save_next` goes on with the registers and the place behind the pair that was saved before it: later in the list. */
function withNextPairs(codes: readonly (Arm64Code | "save-next")[]): Arm64Code[] {
  const out: Arm64Code[] = [];
  let base: readonly (readonly [number, number])[] | undefined;
  for (const code of [...codes].reverse()) {
    const saved: Arm64Code =
      code === "save-next"
        ? base && base.length === 2
          ? { restore: base.map(([register, offset]): [number, number] => [register + 2, offset + 16]) }
          : { special: "nop" }
        : code;
    if (saved.restore) base = saved.restore;
    out.push(saved);
  }
  return out.reverse();
}
