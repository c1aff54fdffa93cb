import { addOffset, type VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump, DumpThread } from "../../dump/dump.ts";
import { readPointer } from "../../dump/memory.ts";
import { regionAt } from "../../dump/minidump/memory-regions.ts";
import type { AddressMap } from "./address-map.ts";
import type { ReportedAccess } from "./reported-access.ts";

/**
 * Whether a thread ran out of stack. Windows says so itself with STATUS_STACK_OVERFLOW as long as its guard
 * page is in place; after that, in kernels and elsewhere it is an access violation right below the stack.
 */

/** Farthest that a function reaches below its stack pointer or below the stack's end: large frames are probed page by page. */
const REACH = 0x1_0000n;

/** The lowest address of a thread's stack that may be used; undefined where the dump does not say. */
function stackFloor(dump: Dump, thread: DumpThread, map: AddressMap): bigint | undefined {
  const { stack, teb } = thread;
  if (dump.kernel) return stack?.start;
  // The top of the stack lies in its region, wherever the stack pointer has got to.
  const top = stack && addOffset(stack.start, stack.size - 1);
  const region = top === undefined ? undefined : regionAt(map.regions, top);
  if (region) return region.start;
  if (dump.system.os !== "Windows NT" || teb === undefined) return undefined;
  // NT_TIB.StackLimit
  return readPointer(dump.memory, addOffset(teb, dump.pointerSize * 2), dump.pointerSize);
}

/** UNEXPECTED_KERNEL_MODE_TRAP, and the trap in its first argument that a full stack leads to. */
const UNEXPECTED_KERNEL_MODE_TRAP = 0x7f;
const DOUBLE_FAULT = 8n;
const MODIFIERS = 0x0fff_ffff;
/** A kernel has used up its stack when less than a page is left: traps need as much. */
const PAGE = 0x1000n;

/** A double fault has no failed access: the processor could not even push what it stopped at. */
export function isDoubleFaultAtStackEnd(dump: Dump, { sp }: CpuContext): boolean {
  const { bugcheck } = dump;
  const doubleFault =
    bugcheck !== undefined &&
    (bugcheck.code & MODIFIERS) === UNEXPECTED_KERNEL_MODE_TRAP &&
    bugcheck.parameters[0] === DOUBLE_FAULT;
  const floor = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread]?.stack?.start;
  return doubleFault && floor !== undefined && sp < floor + PAGE && sp + REACH > floor;
}

/** True when the failed access is the end of the stack. */
export function isStackExhausted(
  dump: Dump,
  context: CpuContext,
  fault: ReportedAccess | undefined,
  accessed: VirtualAddress | undefined,
  map: AddressMap,
): boolean {
  if (fault?.stackOverflow) return true;
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  if (!thread || !fault || accessed === undefined || accessed < REACH) return false;
  // Cheap first: only what lies around the stack pointer can be the stack's end.
  const gap = accessed > context.sp ? accessed - context.sp : context.sp - accessed;
  if (gap > REACH) return false;
  const floor = stackFloor(dump, thread, map);
  return floor !== undefined && accessed < floor && floor - accessed <= REACH;
}
