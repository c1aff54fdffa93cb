import { dataView } from "../bytes/layout.ts";
import type { ImageBytes } from "./image-bytes.ts";
import type { PdataEntry } from "./pdata.ts";
import { type ArmStep, type ArmUnwind, codeSize, POPS_LR } from "./unwind-arm-codes.ts";
import { packedArmCodes } from "./unwind-arm-packed.ts";

/**
 * Unwind data of 32-bit ARM images: .xdata records and packed words, both as lists of steps to undo.
 * https://learn.microsoft.com/cpp/build/arm-exception-handling
 */

/** A record that is not longer than any compiler makes it. */
const MAX_SCOPES = 1024;
/** Steps of all epilogues together after which no further one is read: they share their codes. */
const MAX_STEPS = 4096;

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
  const head = image.read(rva, 4);
  if (head.length < 4) return "hole";
  const first = dataView(head).getUint32(0, true);
  const length = (first & 0x3ffff) * 2;
  const single = ((first >>> 21) & 1) !== 0;
  const hasProlog = ((first >>> 22) & 1) === 0;
  let scopes = (first >>> 23) & 31;
  let codeWords = first >>> 28;
  let at = rva + 4;
  if (((first >>> 18) & 3) !== 0) return "unsupported";
  if (scopes === 0 && codeWords === 0) {
    const more = image.read(at, 4);
    if (more.length < 4) return "hole";
    scopes = dataView(more).getUint16(0, true);
    codeWords = more[2] as number;
    at += 4;
  }
  const scopeCount = single ? 0 : scopes;
  if (scopeCount > MAX_SCOPES) return "unsupported";
  const size = scopeCount * 4 + codeWords * 4;
  const rest = image.read(at, size);
  if (rest.length < size) return "hole";
  const view = dataView(rest);
  const bytes = rest.subarray(scopeCount * 4);
  const codes = decodeCodes(bytes, 0);
  if (!codes) return "unsupported";
  const epilogs: { start: number; codes: readonly ArmStep[] }[] = [];
  const known = new Map<number, readonly ArmStep[] | undefined>();
  let steps = 0;
  const epilogAt = (index: number): readonly ArmStep[] | undefined => {
    if (!known.has(index) && steps < MAX_STEPS) {
      const list = decodeCodes(bytes, index);
      steps += list?.steps.length ?? 0;
      known.set(index, list && [...list.steps, list.end]);
    }
    return known.get(index);
  };
  if (single) {
    const own = epilogAt(scopes);
    if (own) epilogs.push({ start: length - codeSize(own), codes: own });
  }
  for (let scope = 0; scope < scopeCount; scope++) {
    const word = view.getUint32(scope * 4, true);
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
