import { readXdataRecord, sharedSteps, type XdataForm } from "./arm-xdata.ts";
import type { ImageBytes } from "./image-bytes.ts";
import type { PdataEntry } from "./pdata.ts";
import { type ArmStep, type ArmUnwind, codeSize, POPS_LR } from "./unwind-arm-codes.ts";
import { packedArmCodes } from "./unwind-arm-packed.ts";

/**
 * Unwind data of 32-bit ARM images: .xdata records and packed words, both as lists of steps to undo.
 * https://learn.microsoft.com/cpp/build/arm-exception-handling
 */

const FORM: XdataForm = { unit: 2, scopesShift: 23, codeWordsShift: 28 };

/** Steps from an index of the codes, and what the end code stands for in an epilogue. */
interface CodeList {
  readonly steps: readonly ArmStep[];
  readonly end: ArmStep;
}

/**
 * The unwind data behind a record of the exception directory.
 * @returns `hole` where they are not in memory, `unsupported` where a code is not known
 */
export function readArmUnwind(image: ImageBytes, entry: PdataEntry): ArmUnwind | "hole" | "unsupported" {
  const [data] = entry.words;
  const begin = entry.begin & ~1;
  if ((data & 3) === 3) return "unsupported";
  return (data & 3) === 0 ? readXdata(image, begin, data) : packedArmCodes(begin, data);
}

function readXdata(image: ImageBytes, begin: number, rva: number): ArmUnwind | "hole" | "unsupported" {
  const record = readXdataRecord(image, rva, FORM);
  if (typeof record === "string") return record;
  const { head, length, single, scopes, codes: bytes } = record;
  const codes = decodeCodes(bytes, 0);
  if (!codes) return "unsupported";
  const hasProlog = ((head >>> 22) & 1) === 0;
  const epilogs: { start: number; codes: readonly ArmStep[] }[] = [];
  const epilogAt = sharedSteps((index) => {
    const list = decodeCodes(bytes, index);
    return list && [...list.steps, list.end];
  });
  if (single !== undefined) {
    const own = epilogAt(single);
    if (own) epilogs.push({ start: length - codeSize(own), codes: own });
  }
  for (const word of scopes) {
    const own = epilogAt(word >>> 24);
    if (own) epilogs.push({ start: (word & 0x3ffff) * 2, codes: own });
  }
  return { begin, length, codes: codes.steps, hasProlog, epilogs };
}

/** Steps from an index up to an end code; undefined where a code is not known or the list has no end. */
function decodeCodes(bytes: Uint8Array, start: number): CodeList | undefined {
  const steps: ArmStep[] = [];
  for (let at = start; at < bytes.length; ) {
    const first = bytes[at] as number;
    if (first >= 0xfd) return { steps, end: { size: first === 0xfd ? 2 : first === 0xfe ? 4 : 0 } };
    const length = lengthOf(first);
    const step = at + length <= bytes.length ? decodeCode(first, wholeCode(bytes, at, length)) : undefined;
    if (!step) return undefined;
    steps.push(step);
    at += length;
  }
  return undefined;
}

function lengthOf(first: number): number {
  if (first === 0xf8 || first === 0xfa) return 4;
  if (first === 0xf7 || first === 0xf9) return 3;
  const two = (first >= 0x80 && first < 0xc0) || (first >= 0xe8 && first < 0xf0) || first === 0xf5 || first === 0xf6;
  return two ? 2 : 1;
}

/** A code as one number, its first byte highest. */
function wholeCode(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 256 + (bytes[at + index] as number);
  return value;
}

/** @param code the whole code, highest byte first */
function decodeCode(first: number, code: number): ArmStep | undefined {
  if (first < 0x80) return { size: 2, add: first * 4 };
  if (first < 0xc0) return { size: 4, pop: (code & 0x1fff) | ((code & 0x2000) !== 0 ? POPS_LR : 0) };
  if (first < 0xd0) return { size: 2, spFrom: first & 15 };
  if (first < 0xe0) {
    const wide = first >= 0xd8;
    const last = (first & 3) + (wide ? 8 : 4);
    return { size: wide ? 4 : 2, pop: ((1 << (last + 1)) - 16) | ((first & 4) !== 0 ? POPS_LR : 0) };
  }
  if (first < 0xe8) return { size: 4, add: ((first & 7) + 1) * 8 };
  if (first < 0xec) return { size: 4, add: (code & 0x3ff) * 4 };
  if (first < 0xee) return { size: 2, pop: (code & 0xff) | ((code & 0x100) !== 0 ? POPS_LR : 0) };
  if (first === 0xef) return (code & 0xf0) === 0 ? { size: 4, add: (code & 15) * 4, loadsLr: true } : undefined;
  switch (first) {
    // Of Microsoft's own; the processor or the kernel pushed these, no instruction.
    case 0xee:
      if (code === 0xee01) return { size: 0, interruption: "machine-frame" };
      return code === 0xee02 ? { size: 0, interruption: "context" } : undefined;
    case 0xf5:
    case 0xf6: {
      const count = (code & 15) - ((code >> 4) & 15) + 1;
      return count > 0 ? { size: 4, add: count * 8 } : undefined;
    }
    case 0xf7:
    case 0xf9:
      return { size: first === 0xf7 ? 2 : 4, add: (code & 0xffff) * 4 };
    case 0xf8:
    case 0xfa:
      return { size: first === 0xf8 ? 2 : 4, add: (code & 0xff_ffff) * 4 };
    case 0xfb:
      return { size: 2 };
    case 0xfc:
      return { size: 4 };
    default:
      // 0xF0 to 0xF4: none yet.
      return undefined;
  }
}
