import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpStack } from "../../dump.ts";
import { readExact } from "../../memory.ts";
import { isKernelPointer, pointerAt } from "../record-fields.ts";
import type { LiveContext } from "./live-context.ts";

/**
 * KERNEL_STACK_SIZE, ISR_STACK_SIZE; stacks for double faults, NMIs and machine checks are no larger. In the real dumps at
 * hand the interrupts' stack of the first processor ends seven pages above that for deferred calls: six and a guard page.
 */
const STACK_BYTES = { 4: 0x3000, 8: 0x6000 } as const;
/** KPCR.TssBase of x64, which never moved. */
const TSS_BASE = 0x08;
/** KTSS64: IST1 to IST7. */
const TSS_IST = 0x24;
const TSS_IST_COUNT = 7;

type Memory = Pick<LiveContext, "memory" | "pointerSize">;

/**
 * The stack of a processor's own that holds an address: deferred calls and interrupts run on one, on x64 also double
 * faults, NMIs and machine checks (the task state segment's IST). All records point to where a stack ends: how far one reaches
 * down is known by its size alone. The segment is read only where the others do not hold the address.
 * @param prcb KPRCB of the processor
 * @returns undefined where no stack holds it or records are not there. May throw MissingRanges.
 */
export function processorStack(context: LiveContext, prcb: VirtualAddress, address: bigint): DumpStack | undefined {
  const { kdbg, memory, pointerSize, cpu } = context;
  if (!isKernelPointer(address, pointerSize)) return undefined;
  const own = [kdbg?.value("OffsetPrcbDpcStack"), kdbg?.value("OffsetPrcbIsrStack")].flatMap((offset) =>
    offset === undefined ? [] : [addOffset(prcb, offset)],
  );
  const contained = kdbg?.value("OffsetPcrContainedPrcb");
  const tssBase = cpu === "amd64" && contained !== undefined ? addOffset(prcb, TSS_BASE - contained) : undefined;
  // One page that is there already, and it saves a round.
  const places = [...own, ...(tssBase === undefined ? [] : [tssBase])];
  memory.plan(places.map((place) => ({ address: place, length: pointerSize })));
  const tops = pointersAt(context, own);
  const found = stackBelow(tops, address, STACK_BYTES[pointerSize]);
  if (found || tssBase === undefined) return found;
  const [tss] = pointersAt(context, [tssBase]);
  if (tss === undefined) return undefined;
  const ist = Array.from({ length: TSS_IST_COUNT }, (_, index) => addOffset(tss, TSS_IST + index * 8));
  memory.plan([{ address: addOffset(tss, TSS_IST), length: TSS_IST_COUNT * 8 }]);
  return stackBelow([...tops, ...pointersAt(context, ist)], address, STACK_BYTES[pointerSize]);
}

function pointersAt({ memory, pointerSize }: Memory, places: readonly VirtualAddress[]): VirtualAddress[] {
  return places.flatMap((place) => {
    const bytes = readExact(memory, place, pointerSize);
    const value = bytes && pointerAt(bytes, 0, pointerSize);
    return value !== undefined && isKernelPointer(value, pointerSize) ? [value] : [];
  });
}

/** DpcStack points 0x50 bytes below its stack's end, where the first frame is put; the others to the end itself. */
function pageEnd(value: bigint): VirtualAddress {
  return BigInt.asUintN(64, (value + 0xfffn) & ~0xfffn) as VirtualAddress;
}

/** The stack with the nearest end above an address; another stack's end below it bounds it too. */
function stackBelow(places: readonly VirtualAddress[], address: bigint, size: number): DumpStack | undefined {
  const tops = places.map(pageEnd);
  const above = tops.filter((top) => top > address && top - address <= BigInt(size));
  const [end] = above.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  if (end === undefined) return undefined;
  let start = addOffset(end, -size);
  for (const top of tops) if (top > start && top <= address) start = top;
  return { start, size: Number(end - start) };
}
