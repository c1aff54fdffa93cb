import { dataView } from "../bytes/layout.ts";
import type { ImageBytes } from "./image-bytes.ts";

/**
 * UNWIND_INFO of x64 images, versions 1 and 2.
 * https://learn.microsoft.com/cpp/build/exception-handling-x64
 */

/** UNWIND_CODE operations. 6 and 7 are epilogue places in version 2 and were other saves long ago. */
export const UNWIND_OP = {
  pushNonvolatile: 0,
  allocLarge: 1,
  allocSmall: 2,
  setFrameRegister: 3,
  saveNonvolatile: 4,
  saveNonvolatileFar: 5,
  epilog: 6,
  spare: 7,
  saveXmm128: 8,
  saveXmm128Far: 9,
  pushMachineFrame: 10,
} as const;

/** UNW_FLAG_CHAININFO: the record goes on with another function's. */
const CHAINED = 4;
/** Set in UnwindInfo when it leads to another RUNTIME_FUNCTION. */
const INDIRECT = 1;
/** RUNTIME_FUNCTION of x64. */
const FUNCTION_BYTES = 12;

/** One step of a prologue, in the order in which it is undone. */
export interface UnwindCode {
  /** Where the instruction ends, from the function's start. */
  readonly offset: number;
  /** {@link UNWIND_OP} */
  readonly op: number;
  /** Register number, or whether an error code was pushed. */
  readonly info: number;
  /** Bytes allocated, or the offset of a saved register. */
  readonly value: number;
}

/** RUNTIME_FUNCTION. */
export interface RuntimeFunction {
  readonly begin: number;
  readonly end: number;
  readonly unwind: number;
}

/** A function's record. */
export interface UnwindInfo {
  readonly prologSize: number;
  /** Register number of the frame pointer; 0: none. */
  readonly frameRegister: number;
  /** Bytes between the frame pointer and the stack pointer behind the prologue. */
  readonly frameOffset: number;
  readonly codes: readonly UnwindCode[];
  /** Version 2: where epilogues start, from the function's end, and how long each is. */
  readonly epilogs?: { readonly size: number; readonly fromEnd: readonly number[] };
  /** Record whose codes follow, of the function that this one is a part of. */
  readonly chained?: RuntimeFunction;
}

/** Slots of two bytes that an operation takes; 0 for what no compiler makes. */
function slotsOf(op: number, info: number): number {
  switch (op) {
    case UNWIND_OP.allocLarge:
      return info === 0 ? 2 : 3;
    case UNWIND_OP.saveNonvolatile:
    case UNWIND_OP.saveXmm128:
      return 2;
    case UNWIND_OP.saveNonvolatileFar:
    case UNWIND_OP.saveXmm128Far:
    case UNWIND_OP.spare:
      return 3;
    default:
      return op <= UNWIND_OP.pushMachineFrame ? 1 : 0;
  }
}

function operandOf(op: number, info: number, near: number, far: number): number {
  switch (op) {
    case UNWIND_OP.allocLarge:
      return info === 0 ? near * 8 : far;
    case UNWIND_OP.allocSmall:
      return info * 8 + 8;
    case UNWIND_OP.saveNonvolatile:
      return near * 8;
    case UNWIND_OP.saveXmm128:
      return near * 16;
    case UNWIND_OP.saveNonvolatileFar:
    case UNWIND_OP.saveXmm128Far:
      return far;
    default:
      return 0;
  }
}

/**
 * Reads the record at an address.
 * @returns `unsupported` for other versions and malformed codes, `hole` where it is not in memory
 */
export function readUnwindInfo(image: ImageBytes, rva: number): UnwindInfo | "hole" | "unsupported" {
  const head = image.read(rva, 4);
  if (head.length < 4) return "hole";
  const [first = 0, prologSize = 0, count = 0, frame = 0] = head;
  const version = first & 7;
  if (version !== 1 && version !== 2) return "unsupported";
  const slots = count + (count & 1);
  const chained = ((first >> 3) & CHAINED) !== 0;
  const bytes = image.read(rva + 4, slots * 2 + (chained ? FUNCTION_BYTES : 0));
  if (bytes.length < slots * 2 + (chained ? FUNCTION_BYTES : 0)) return "hole";
  const view = dataView(bytes);
  const codes: UnwindCode[] = [];
  const epilogs: { offset: number; info: number }[] = [];
  for (let slot = 0; slot < count; ) {
    const offset = view.getUint8(slot * 2);
    const op = view.getUint8(slot * 2 + 1) & 15;
    const info = view.getUint8(slot * 2 + 1) >> 4;
    if (version === 2 && op === UNWIND_OP.epilog) {
      epilogs.push({ offset, info });
      slot += 1;
      continue;
    }
    const used = op === UNWIND_OP.epilog ? 2 : slotsOf(op, info);
    if (used === 0 || slot + used > count) return "unsupported";
    const near = used >= 2 ? view.getUint16(slot * 2 + 2, true) : 0;
    const far = used >= 3 ? view.getUint32(slot * 2 + 2, true) : 0;
    codes.push({ offset, op, info, value: operandOf(op, info, near, far) });
    slot += used;
  }
  const parent = slots * 2;
  return {
    prologSize,
    frameRegister: frame & 15,
    frameOffset: (frame >> 4) * 16,
    codes,
    ...(epilogs.length > 0 ? { epilogs: epilogsOf(epilogs) } : {}),
    ...(chained
      ? {
          chained: {
            begin: view.getUint32(parent, true),
            end: view.getUint32(parent + 4, true),
            unwind: view.getUint32(parent + 8, true),
          },
        }
      : {}),
  };
}

/** The first place holds the length that all epilogues have, and whether one stands at the function's end. */
function epilogsOf(places: readonly { offset: number; info: number }[]): { size: number; fromEnd: number[] } {
  const [head, ...rest] = places;
  const size = head?.offset ?? 0;
  const fromEnd = rest.map(({ offset, info }) => offset | (info << 8)).filter((offset) => offset > 0);
  return { size, fromEnd: head && (head.info & 1) !== 0 ? [size, ...fromEnd] : fromEnd };
}

/** Follows the mark that a record's unwind data are another function's; one step, as no linker makes more. */
export function directFunction(image: ImageBytes, entry: RuntimeFunction): RuntimeFunction | "hole" {
  if ((entry.unwind & INDIRECT) === 0) return entry;
  const bytes = image.read(entry.unwind - INDIRECT, FUNCTION_BYTES);
  if (bytes.length < FUNCTION_BYTES) return "hole";
  const view = dataView(bytes);
  return {
    begin: view.getUint32(0, true),
    end: view.getUint32(4, true),
    unwind: view.getUint32(8, true) & ~INDIRECT,
  };
}
