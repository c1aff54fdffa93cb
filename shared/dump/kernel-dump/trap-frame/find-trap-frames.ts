import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type CpuArch, type VirtualAddress } from "../../address.ts";
import type { DumpStack } from "../../dump.ts";
import { isMachineFrame } from "./amd64.ts";
import { decodeTrapFrame, type TrapFrame, trapFrameSize } from "./trap-frame.ts";

/**
 * Trap frames recognised on a kernel stack by their form: no symbols, no unwinding. What the CPU pushes has
 * selectors and flags of few possible values in fixed places (formats/unwinding.md §5).
 */

/** A piece of stack, lowest address first. */
export interface StackBytes {
  readonly start: VirtualAddress;
  readonly bytes: Uint8Array;
}

/** What tells a true frame from residue. */
export interface TrapFrameSearch {
  readonly cpu: CpuArch;
  readonly build: number;
  /** Whether code may lie there: in a loaded or unloaded image, or where the bug check says. */
  readonly isCode: (address: VirtualAddress) => boolean;
  /** The stack that traps switched from, where the searched one is a processor's own: double faults, NMIs. */
  readonly interrupted?: DumpStack;
  /** Most frames that are returned. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 32;
const OVERFLOW_BYTES = 0x1000;
/** Offset of Rip in an x64 frame, of Eip in an x86 frame. */
const RIP = 0x168;
const EIP = 0x68;
/** Half of the addresses, where no user-mode program runs. */
const KERNEL_HALF64 = 0x8000_0000_0000_0000n;

/** All trap frames that lie whole in the stack piece, newest (lowest address) first. */
export function findTrapFrames(stack: StackBytes, search: TrapFrameSearch): TrapFrame[] {
  const size = trapFrameSize(search.cpu);
  if (size === undefined) return [];
  const found: TrapFrame[] = [];
  const view = dataView(stack.bytes);
  const limit = search.limit ?? DEFAULT_LIMIT;
  const step = search.cpu === "x86" ? 4 : 8;
  const first = Number(-stack.start & BigInt(step - 1));
  for (let at = first; at + size <= stack.bytes.length && found.length < limit; at += step) {
    if (!mayBeFrame(view, at, search.cpu)) continue;
    const address = addOffset(stack.start, at);
    const frame = decodeTrapFrame(search.cpu, stack.bytes.subarray(at, at + size), address, search.build);
    if (frame && isPlausible(frame, search, stack)) found.push(frame);
  }
  return found;
}

/** The cheap test: 32-bit reads only. */
function mayBeFrame(view: DataView, at: number, cpu: CpuArch): boolean {
  if (cpu === "amd64") {
    // Selectors are 16-bit; what stands above them is not always cleared.
    const cs = view.getUint16(at + RIP + 8, true);
    return isMachineFrame(cs, view.getUint32(at + RIP + 0x10, true), view.getUint16(at + RIP + 0x20, true));
  }
  if (cpu === "x86") {
    const cs = view.getUint16(at + EIP + 4, true);
    return cs === 0x08 || cs === 0x1b;
  }
  // ARM64: SPSR has no address above it in the same word, and PC is a kernel or user address.
  return view.getUint32(at + 0x14c, true) !== 0;
}

/** A stack that overflowed is left by a page or so before the fault is taken. */
function isOn({ start, size }: DumpStack, sp: VirtualAddress): boolean {
  return sp >= addOffset(start, -OVERFLOW_BYTES) && sp <= addOffset(start, size);
}

function isPlausible(frame: TrapFrame, search: TrapFrameSearch, stack: StackBytes): boolean {
  const { pc, sp } = frame.context;
  if (frame.fromUser)
    return search.cpu === "x86" ? pc > 0xffffn && pc < 0xc000_0000n : pc > 0xffffn && pc < KERNEL_HALF64;
  if (!search.isCode(pc)) return false;
  if (search.cpu === "x86") return true;
  // The interrupted code ran on this stack above the frame, unless the trap switched stacks.
  const end = addOffset(stack.start, stack.bytes.length);
  if (sp % 8n !== 0n) return false;
  return (sp > frame.address && sp <= end) || (search.interrupted !== undefined && isOn(search.interrupted, sp));
}
