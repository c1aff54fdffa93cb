import type { ByteRange } from "../../../bytes/range.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { HoleReason, Memory, MemoryPiece } from "../../memory.ts";
import type { PageReader } from "./page-reader.ts";
import { PAGE_SIZE } from "./page-runs.ts";
import { holeReason, MISSING, type PageTables } from "./page-tables.ts";

/** Virtual page numbers of a 64-bit space: the address after the last is 0 again. */
const PAGE_NUMBERS = 2 ** 52;
/** Most pages of one read that are looked at ahead while others are missing: 16 MiB. */
const LOOK_AHEAD_PAGES = 4096;
/** Most pages that one plan asks for: 64 MiB, beyond every budget. */
const PLAN_PAGES = 16_384;

/** What a stretch of virtual memory is in the file. */
interface Located {
  /** File ranges in the order of the addresses, neighbours joined. */
  readonly ranges: { start: number; end: number }[];
  /** Tables that must be fetched before more is known. */
  readonly missing: ByteRange[];
  /** Bytes in `ranges`. */
  length: number;
  hole?: HoleReason;
}

/**
 * Memory behind page tables. A read that misses asks for everything that it needs and that is known at this
 * stage: data pages whose tables are there, and the next table of every way that is blocked.
 */
export function pagedMemory(reader: PageReader, tables: PageTables): Memory {
  const { bytes } = reader;
  const halves = new Uint32Array(2);
  const whole = new BigUint64Array(halves.buffer);
  /** Which of the two is the low half depends on the machine that runs this. */
  const low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

  const locate = (address: VirtualAddress, length: number, pagesLeft: number): Located => {
    whole[0] = address;
    const lowHalf = halves[low] as number;
    let page = (halves[1 - low] as number) * 2 ** 20 + (lowHalf >>> 12);
    let inPage = lowHalf & (PAGE_SIZE - 1);
    const found: Located = { ranges: [], missing: [], length: 0 };
    let done = 0;
    for (let pages = 0; done < length; pages++) {
      // A read goes on to its end, however long; looking ahead behind something missing does not.
      if (pages >= pagesLeft && found.missing.length > 0) break;
      const wanted = Math.min(length - done, PAGE_SIZE - inPage);
      const physical = tables.walk(page, found.missing);
      if (physical !== MISSING) {
        const offset = physical < 0 ? physical : reader.offsetOf(physical);
        if (offset < 0) {
          found.hole = holeReason(offset);
          break;
        }
        const there = Math.min(wanted, Math.max(0, bytes.size - offset - inPage));
        append(found, offset + inPage, there);
        if (there < wanted) {
          found.hole = "truncated";
          break;
        }
      }
      done += wanted;
      inPage = 0;
      page = page + 1 === PAGE_NUMBERS ? 0 : page + 1;
    }
    return found;
  };

  return {
    read: (address, length) => {
      const { ranges, missing, length: there, hole } = locate(address, length, LOOK_AHEAD_PAGES);
      if (missing.length > 0) bytes.plan([...missing, ...ranges]);
      return piece(ranges, there, hole === undefined ? undefined : { hole, at: addOffset(address, there) });
    },
    plan: (wanted) => {
      const ranges: ByteRange[] = [];
      let pages = 0;
      for (const { address, length } of wanted) {
        const most = Math.min(length, (PLAN_PAGES - pages) * PAGE_SIZE);
        if (most <= 0) continue;
        pages += Math.ceil(most / PAGE_SIZE);
        const found = locate(address, most, PLAN_PAGES);
        for (const range of found.missing) ranges.push(range);
        for (const range of found.ranges) ranges.push(range);
      }
      bytes.plan(ranges);
    },
  };

  function piece(ranges: readonly ByteRange[], length: number, hole: MemoryPiece["hole"]): MemoryPiece {
    const [first] = ranges;
    let content: Uint8Array;
    if (!first) content = new Uint8Array(0);
    else if (ranges.length === 1) content = bytes.bytes(first.start, length);
    else {
      bytes.plan(ranges);
      content = new Uint8Array(length);
      let at = 0;
      for (const { start, end } of ranges) {
        content.set(bytes.bytes(start, end - start), at);
        at += end - start;
      }
    }
    return hole ? { bytes: content, hole } : { bytes: content };
  }
}

function append(found: Located, start: number, length: number): void {
  if (length === 0) return;
  const last = found.ranges.at(-1);
  // Behind a missing table the order is not known yet: nothing is read from these ranges in that case.
  if (last?.end === start) last.end += length;
  else found.ranges.push({ start, end: start + length });
  found.length += length;
}
