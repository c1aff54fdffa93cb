import type { CpuArch, VirtualAddress } from "../../dump/address.ts";
import { type Disassembler, MAX_INSTRUCTION_BYTES } from "./disassembler.ts";

/**
 * Whether an instruction pointer stands in the middle of an instruction: a jump that was not in the program,
 * which points to the processor or to what overwrote a return address. Debuggers call it MISALIGNED_IP.
 *
 * x86 code finds back into step: decoded from different starts, the sequences are the same after some
 * instructions. Where all of them step over the pointer, it was never meant to be reached.
 * Seen: a Windows 10 kernel (0x50) at the last byte of `movzx eax,word ptr [r10]`.
 */

/** Bytes before the pointer that are looked at, and the least that tell anything. */
export const LOOK_BACK = 64;
const LEAST = 32;
/** Sequences that are started, each one byte behind the other. */
const STARTS = 12;

/** Code around an instruction pointer. */
export interface Surroundings {
  /** Up to {@link LOOK_BACK} bytes that end at the pointer. */
  readonly before: Uint8Array;
  /** From the pointer on. */
  readonly code: Uint8Array;
  /** Distance from the pointer back to the start of its function, where that is known: decoding starts there. */
  readonly sinceStart?: number;
}

/** True when it does, false when it does not; undefined where the code around does not tell. */
export function isMisalignedIp(
  cpu: CpuArch,
  disassembler: Disassembler,
  pc: VirtualAddress,
  { before, code, sinceStart }: Surroundings,
): boolean | undefined {
  if (cpu === "arm64") return pc % 4n !== 0n;
  if (code.length < MAX_INSTRUCTION_BYTES) return undefined;
  const bytes = new Uint8Array(before.length + code.length);
  bytes.set(before);
  bytes.set(code, before.length);
  const lengths = new Map<number, number>();
  const lengthAt = (place: number): number => {
    const length = lengths.get(place) ?? disassembler.length(bytes.subarray(place, place + MAX_INSTRUCTION_BYTES));
    lengths.set(place, length);
    return length;
  };
  const at = before.length;
  // A function starts at an instruction: one sequence is enough.
  if (sinceStart !== undefined && sinceStart <= at) return negate(meets(lengthAt, at - sinceStart, at));
  if (at < LEAST) return undefined;
  const results = Array.from({ length: STARTS }, (_, start) => meets(lengthAt, start, at));
  return results.every((met) => met === results[0]) ? negate(results[0]) : undefined;
}

function negate(met: boolean | undefined): boolean | undefined {
  return met === undefined ? undefined : !met;
}

/** Whether a sequence from `start` has an instruction at `at`; undefined when it meets bytes that are none. */
function meets(lengthAt: (place: number) => number, start: number, at: number): boolean | undefined {
  let place = start;
  while (place < at) {
    const length = lengthAt(place);
    // Not in step yet: go on with the next byte, unless the pointer is near.
    if (length === 0 && at - place <= MAX_INSTRUCTION_BYTES) return undefined;
    place += length || 1;
  }
  return place === at;
}
