import { dataView } from "../bytes/layout.ts";
import type { ImageBytes } from "./image-bytes.ts";

/**
 * What .xdata records of 32-bit ARM and ARM64 have in common: a head whose last two fields lie one bit apart, epilogue
 * scopes, and the codes that they share.
 * https://learn.microsoft.com/cpp/build/arm-exception-handling, …/arm64-exception-handling
 */

/** A record that is not longer than any compiler makes it. */
const MAX_SCOPES = 1024;
/** Steps of all epilogues together after which no further one is read: they share their codes. */
const MAX_STEPS = 4096;

/** Bit positions of a CPU's head, and the bytes that its lengths count. */
export interface XdataForm {
  /** Bytes of the smallest instruction. */
  readonly unit: number;
  readonly scopesShift: number;
  readonly codeWordsShift: number;
}

/** A record as it stands in the file. */
export interface XdataRecord {
  /** The head's first word, for what one CPU alone has there. */
  readonly head: number;
  /** Bytes of the function. */
  readonly length: number;
  /** The one epilogue at the function's end: index of its codes. */
  readonly single?: number;
  /** Words of the epilogue scopes. */
  readonly scopes: readonly number[];
  readonly codes: Uint8Array;
}

/**
 * Reads a record of at most 1,024 scopes.
 * @returns `hole` where it is not in memory, `unsupported` for versions but 0 and for longer ones
 */
export function readXdataRecord(image: ImageBytes, rva: number, form: XdataForm): XdataRecord | "hole" | "unsupported" {
  const first = image.read(rva, 4);
  if (first.length < 4) return "hole";
  const head = dataView(first).getUint32(0, true);
  const length = (head & 0x3ffff) * form.unit;
  let count = (head >>> form.scopesShift) & 31;
  let codeWords = head >>> form.codeWordsShift;
  let at = rva + 4;
  if (((head >>> 18) & 3) !== 0) return "unsupported";
  if (count === 0 && codeWords === 0) {
    const more = image.read(at, 4);
    if (more.length < 4) return "hole";
    count = dataView(more).getUint16(0, true);
    codeWords = more[2] as number;
    at += 4;
  }
  const isSingle = ((head >>> 21) & 1) !== 0;
  const scopeCount = isSingle ? 0 : count;
  if (scopeCount > MAX_SCOPES) return "unsupported";
  const size = (scopeCount + codeWords) * 4;
  const rest = image.read(at, size);
  if (rest.length < size) return "hole";
  const view = dataView(rest);
  const scopes = Array.from({ length: scopeCount }, (_, scope) => view.getUint32(scope * 4, true));
  return { head, length, ...(isSingle ? { single: count } : {}), scopes, codes: rest.subarray(scopeCount * 4) };
}

/**
 * Lists of steps by index of their first code, each decoded once. Hostile records have a thousand epilogues of a
 * thousand steps: after 4,096 steps no further list is read.
 * @param decode undefined where a code is not known
 */
export function sharedSteps<Step>(
  decode: (index: number) => readonly Step[] | undefined,
): (index: number) => readonly Step[] | undefined {
  const known = new Map<number, readonly Step[] | undefined>();
  let steps = 0;
  return (index) => {
    if (!known.has(index) && steps < MAX_STEPS) {
      const list = decode(index);
      steps += list?.length ?? 0;
      known.set(index, list);
    }
    return known.get(index);
  };
}
