import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import { addOffset, type VirtualAddress } from "../address.ts";
import type { MemorySegment } from "../memory.ts";
import type { TriageHeader } from "./triage.ts";
import { TRIAGE_DATA_BLOCK, TRIAGE_DATA_BLOCK32 } from "./triage-format.ts";

/** Most data blocks that are read; real dumps have up to 2,700. */
const MAX_DATA_BLOCKS = 65_536;
/** Blocks that are looked at to choose between the two forms of 32-bit dumps. */
const FORM_SAMPLE = 64;
/** Kernel addresses of 32-bit systems start here; 3 GB switches move it down to 3 GiB only. */
const KERNEL_START32 = 0x8000_0000n;

/** The stack bytes of a triage dump and where they belong. */
export interface TriageStack extends MemorySegment {}

/**
 * The call stack: its bytes belong to [TopOfStack, TopOfStack+Size). Should the registers point below that
 * range and into the one before it, the writer meant TopOfStack as the end.
 */
export function triageStack(triage: TriageHeader, sp: VirtualAddress | undefined): TriageStack | undefined {
  const { TopOfStack: top, SizeOfCallStack: size, CallStackOffset: offset } = triage.record;
  if (offset === 0 || size === 0 || top === 0n) return undefined;
  const below = addOffset(top, -size);
  const belongsBelow = sp !== undefined && sp >= below && sp < top;
  return { address: belongsBelow ? below : top, size, offset };
}

/** Data blocks, data page and call stack; largest first, since the larger block wins where two overlap. */
export function triageSegments(
  bytes: FetchedBytes,
  triage: TriageHeader,
  stack: TriageStack | undefined,
  notes: Notes,
): MemorySegment[] {
  const segments = readDataBlocks(bytes, triage, notes);
  const { DataPageAddress: page, DataPageOffset: offset, DataPageSize: size } = triage.record;
  if (page !== 0n && offset !== 0 && size !== 0) segments.push({ address: page, size, offset });
  if (stack) segments.push(stack);
  // Of equal ones the later wins: sort is stable, so turn the list first.
  return segments.reverse().sort((a, b) => b.size - a.size);
}

function readDataBlocks(bytes: FetchedBytes, triage: TriageHeader, notes: Notes): MemorySegment[] {
  const { DataBlocksOffset: offset, DataBlocksCount: count } = triage.record;
  if (offset === 0 || count === 0) return [];
  const layout = triage.pointerSize === 4 && isNarrow(bytes, offset, count) ? TRIAGE_DATA_BLOCK32 : TRIAGE_DATA_BLOCK;
  const fit = Math.max(0, Math.floor((bytes.size - offset) / layout.size));
  const read = Math.min(count, fit, MAX_DATA_BLOCKS);
  if (read < count) notes.add("limit.data-blocks", "triage/data-blocks", `${count} are listed, ${read} are read`);
  const mask = triage.pointerSize === 4 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
  const segments: MemorySegment[] = [];
  let outside = 0;
  for (let index = 0; index < read; index++) {
    const block = layout.from(bytes.bytes(offset + index * layout.size, layout.size));
    if (block.Size === 0) continue;
    if (block.Offset < triage.offset || block.Offset >= bytes.size) {
      outside += 1;
      continue;
    }
    segments.push({ address: (block.Address & mask) as VirtualAddress, size: block.Size, offset: block.Offset });
  }
  if (outside > 0) {
    notes.add("format.truncated", "triage/data-blocks", `${outside} of ${read} blocks are not in the file`);
  }
  return segments;
}

/** Whether the blocks of a 32-bit dump have 12 bytes: the form under which more of them make sense. */
function isNarrow(bytes: FetchedBytes, offset: number, count: number): boolean {
  const score = (size: 12 | 16): number => {
    const sample = Math.min(count, FORM_SAMPLE);
    const list = bytes.upTo(offset, sample * size);
    const view = dataView(list);
    let good = 0;
    for (let at = 0; at + size <= list.length; at += size) {
      const high = size === 16 ? view.getUint32(at + 4, true) : 0;
      const [start, length] = [view.getUint32(at + size - 8, true), view.getUint32(at + size - 4, true)];
      const kernel = BigInt(view.getUint32(at, true)) >= KERNEL_START32 && (high === 0 || high === 0xffff_ffff);
      if (kernel && length > 0 && start + length <= bytes.size) good += 1;
    }
    return good;
  };
  return score(12) > score(16);
}
