import { FormatError } from "../../../bytes/errors.ts";
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
/**
 * Pages of the aligned window around a missing page that come with it where they follow each other in the file,
 * too, as in large pages: they cost no request, and what belongs together lies near.
 */
const WINDOW_PAGES = 4;

/** Longest single read; many addresses of a damaged dump may lead to one page, so bytes of the file do not bound it. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

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
 * Reads throw FormatError `format.limit-exceeded` beyond 64 MiB.
 */
export function pagedMemory(reader: PageReader, tables: PageTables): Memory {
  return new PagedMemory(reader, tables);
}

class PagedMemory implements Memory {
  readonly #reader: PageReader;
  readonly #tables: PageTables;
  readonly #halves = new Uint32Array(2);
  readonly #whole = new BigUint64Array(this.#halves.buffer);
  /** Which of the two is the low half depends on the machine that runs this. */
  readonly #low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

  constructor(reader: PageReader, tables: PageTables) {
    this.#reader = reader;
    this.#tables = tables;
  }

  read(address: VirtualAddress, length: number): MemoryPiece {
    return this.#readInPage(address, length) ?? this.#readAcross(address, length);
  }

  plan(wanted: ReadonlyArray<{ readonly address: VirtualAddress; readonly length: number }>): void {
    const { bytes } = this.#reader;
    const ranges: ByteRange[] = [];
    let pages = 0;
    for (const { address, length } of wanted) {
      const most = Math.min(length, (PLAN_PAGES - pages) * PAGE_SIZE);
      if (most <= 0) continue;
      pages += Math.ceil(most / PAGE_SIZE);
      const found = this.#locate(address, most, PLAN_PAGES);
      for (const range of found.missing) ranges.push(range);
      if (bytes.missing(found.ranges).length === 0) continue;
      for (const range of found.ranges) ranges.push(range);
      this.#addNeighbours(address, most, ranges);
    }
    if (ranges.length > 0) bytes.plan(ranges);
  }

  /** Number of the page that holds an address; `#halves` keeps the address for the place in it. */
  #pageOf(address: VirtualAddress): number {
    this.#whole[0] = address;
    return (this.#halves[1 - this.#low] as number) * 2 ** 20 + ((this.#halves[this.#low] as number) >>> 12);
  }

  /** Most reads stay in one page that was read before; undefined where they do not, or end in a hole. */
  #readInPage(address: VirtualAddress, length: number): MemoryPiece | undefined {
    const page = this.#pageOf(address);
    const inPage = (this.#halves[this.#low] as number) & (PAGE_SIZE - 1);
    if (inPage + length > PAGE_SIZE) return undefined;
    const physical = this.#tables.walk(page, []);
    const view = physical < 0 ? physical : this.#reader.page(physical, []);
    if (typeof view === "number" || inPage + length > view.byteLength) return undefined;
    return { bytes: new Uint8Array(view.buffer, view.byteOffset + inPage, length) };
  }

  #readAcross(address: VirtualAddress, length: number): MemoryPiece {
    const { bytes } = this.#reader;
    const { ranges, missing, length: there, hole } = this.#locate(address, length, LOOK_AHEAD_PAGES);
    if (missing.length > 0 || bytes.missing(ranges).length > 0) {
      const wanted: ByteRange[] = [...missing, ...ranges];
      if (there > 0) this.#addNeighbours(address, there, wanted);
      bytes.plan(wanted);
    }
    if (there > MAX_READ_BYTES) {
      throw new FormatError("format.limit-exceeded", `one read of memory has ${there} bytes`, {
        expected: MAX_READ_BYTES,
        actual: there,
      });
    }
    const content = new Uint8Array(there);
    let at = 0;
    for (const { start, end } of ranges) {
      content.set(bytes.bytes(start, end - start), at);
      at += end - start;
    }
    return hole === undefined ? { bytes: content } : { bytes: content, hole: { hole, at: addOffset(address, there) } };
  }

  #locate(address: VirtualAddress, length: number, pagesLeft: number): Located {
    const fileSize = this.#reader.bytes.size;
    let page = this.#pageOf(address);
    let inPage = (this.#halves[this.#low] as number) & (PAGE_SIZE - 1);
    const found: Located = { ranges: [], missing: [], length: 0 };
    let done = 0;
    for (let pages = 0; done < length; pages++) {
      // A read goes on to its end, however long; looking ahead behind something missing does not.
      if (pages >= pagesLeft && found.missing.length > 0) break;
      const wanted = Math.min(length - done, PAGE_SIZE - inPage);
      const physical = this.#tables.walk(page, found.missing);
      if (physical !== MISSING) {
        const offset = physical < 0 ? physical : this.#reader.offsetOf(physical);
        if (offset < 0) {
          found.hole = holeReason(offset);
          break;
        }
        const there = Math.min(wanted, Math.max(0, fileSize - offset - inPage));
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
  }

  /** The windows around the first and the last page, as far as they go on in the file. */
  #addNeighbours(address: VirtualAddress, length: number, ranges: ByteRange[]): void {
    const first = this.#pageOf(address);
    const last = this.#pageOf(addOffset(address, length - 1));
    for (const page of first === last ? [first] : [first, last]) {
      const offset = this.#fileOffset(page);
      if (offset < 0) continue;
      const start = page - (page % WINDOW_PAGES);
      for (let other = start; other < start + WINDOW_PAGES; other++) {
        const place = offset + (other - page) * PAGE_SIZE;
        if (other !== page && this.#fileOffset(other) === place) ranges.push({ start: place, end: place + PAGE_SIZE });
      }
    }
  }

  /** File offset of a virtual page, negative where it has none or its tables are not there yet. */
  #fileOffset(page: number): number {
    const physical = this.#tables.walk(page, []);
    return physical < 0 ? physical : this.#reader.offsetOf(physical);
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
