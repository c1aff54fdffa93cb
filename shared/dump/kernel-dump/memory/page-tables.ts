import type { ByteRange } from "../../../bytes/range.ts";
import type { HoleReason } from "../../memory.ts";
import type { PageReader } from "./page-reader.ts";

/** How the page tables of the dump are built. */
export type PagingMode = "x64" | "x64-la57" | "x86-pae" | "x86" | "arm64";

/**
 * Outcome of a walk: the number of a physical page, or one of the negative numbers below. Numbers instead of
 * objects, because a walk is the hottest loop of a kernel dump (ADR 0002). Virtual page numbers (address / 4096)
 * have 52 bits and are exact in a number, too.
 */
export type WalkResult = number;

/** A table on the way was not fetched yet: its range was put on the caller's list. */
export const MISSING: WalkResult = -1;

const HOLES: readonly HoleReason[] = [
  "not-in-dump",
  "not-mapped",
  "paged-out",
  "demand-zero",
  "prototype",
  "truncated",
  "bad-page-table",
  "non-canonical",
];

/** A hole as a walk's result. */
export function holeCode(reason: HoleReason): WalkResult {
  return -2 - HOLES.indexOf(reason);
}

/** The reason behind a walk's result below {@link MISSING}. */
export function holeReason(code: WalkResult): HoleReason {
  return HOLES[-2 - code] ?? "bad-page-table";
}

const NOT_MAPPED = holeCode("not-mapped");
const PAGED_OUT = holeCode("paged-out");
const DEMAND_ZERO = holeCode("demand-zero");
const PROTOTYPE = holeCode("prototype");
const TRUNCATED = holeCode("truncated");
const BAD_TABLE = holeCode("bad-page-table");
const NON_CANONICAL = holeCode("non-canonical");

/** Bits of an entry's low half, the same on all CPUs where Windows chose them. */
const VALID = 0x1;
/** ARM64: a table or a page; 0 at the levels between is a block. */
const ARM_TABLE = 0x2;
/** Software entries of newer systems: the page number is not swizzled. */
const SWIZZLE_BIT = 0x10;
const LARGE = 0x80;
const PROTOTYPE_BIT = 0x400;
const TRANSITION = 0x800;

/**
 * The bit of InvalidPteMask (0x200000000000) in an entry's high half on most machines (46 bits of address):
 * systems that guard against L1TF set it in entries that are not valid.
 */
const COMMON_SWIZZLE_HIGH = 0x2000;

/**
 * Guard bits lie above 2^38 of address (a processor has 39 bits or more): page numbers below are never taken for
 * swizzled, whatever pages the dump has.
 */
const SWIZZLE_FROM = 2 ** 26;

/** Pages that one entry spans by its level, 512 entries a table. */
const SPAN = [1, 2 ** 9, 2 ** 18, 2 ** 27, 2 ** 36] as const;
const PAGE_NUMBERS_64 = 2 ** 52;
const PAGE_NUMBERS_32 = 2 ** 20;
/** The highest half of the two kinds of 64-bit spaces ends where sign extension says. */
const HALF_48 = 2 ** 35;
const HALF_57 = 2 ** 44;
/** Remembered translations; then it starts anew, since a hostile dump could make millions. */
const MEMO_LIMIT = 65_536;

/** Translates page numbers of one address space. */
export interface PageTables {
  /**
   * The physical page behind a virtual one.
   * @param page virtual address / 4096
   * @param missing gets the range of a table that was not fetched, when the result is {@link MISSING}
   */
  walk(page: number, missing: ByteRange[]): WalkResult;
}

/**
 * Page tables below a directory table base. A walk reads at most one entry a level and follows at most one
 * prototype entry, so tables that point at each other end like any others.
 * @param directoryTableBase as stored: flag bits are masked here
 * @param prototypes the space in which prototype entries lie: the kernel's; absent for the kernel itself
 */
export function pageTables(
  reader: PageReader,
  mode: PagingMode,
  directoryTableBase: bigint,
  prototypes?: PageTables,
): PageTables {
  const walker = mode === "x86" ? new NarrowTables(reader, directoryTableBase) : wideTables();
  const memo = new Map<number, WalkResult>();
  return {
    walk: (page, missing) => {
      const known = memo.get(page);
      if (known !== undefined) return known;
      const result = walker.walk(page, missing);
      if (result !== MISSING) {
        if (memo.size >= MEMO_LIMIT) memo.clear();
        memo.set(page, result);
      }
      return result;
    },
  };

  function wideTables(): WideTables {
    return new WideTables(reader, mode as Exclude<PagingMode, "x86">, directoryTableBase, prototypes);
  }
}

/** The page of the table that a valid entry of an upper table leads to; undefined for large pages and all others. */
export function tableBelow(low: number, high: number, mode: PagingMode): number | undefined {
  const leads = mode === "arm64" ? (low & ARM_TABLE) !== 0 : (low & LARGE) === 0;
  return (low & VALID) !== 0 && leads ? pageNumber(low, high, mode) : undefined;
}

/** The page number in an entry of eight bytes. */
function pageNumber(low: number, high: number, mode: PagingMode): number {
  return (high & (mode === "arm64" ? 0xffff : 0xf_ffff)) * 2 ** 20 + (low >>> 12);
}

/** Tables with entries of eight bytes: x64 of four and five levels, x86 with PAE, ARM64 with pages of 4 KiB. */
class WideTables implements PageTables {
  readonly #reader: PageReader;
  readonly #mode: Exclude<PagingMode, "x86">;
  readonly #root: number;
  /** Byte offset of the first table in its page: PAE's first table is 32 bytes long. */
  readonly #rootOffset: number;
  readonly #top: number;
  readonly #prototypes: PageTables | undefined;
  /** Largest level whose entries may be pages themselves. */
  readonly #largest: number;
  /** Page numbers of entries that are not valid are cut to this power of two when they lie beyond memory. */
  readonly #pageSpan: number;

  constructor(
    reader: PageReader,
    mode: Exclude<PagingMode, "x86">,
    directoryTableBase: bigint,
    prototypes: PageTables | undefined,
  ) {
    this.#reader = reader;
    this.#mode = mode;
    this.#prototypes = prototypes;
    const pae = mode === "x86-pae";
    const bits = pae ? 32 : mode === "arm64" ? 48 : 52;
    const base = Number(BigInt.asUintN(bits, directoryTableBase));
    this.#root = Math.floor(base / 4096);
    this.#rootOffset = pae ? base & 0xfe0 : 0;
    this.#top = pae ? 2 : mode === "x64-la57" ? 4 : 3;
    this.#largest = pae ? 1 : 2;
    this.#pageSpan = Math.max(SWIZZLE_FROM, 2 ** Math.ceil(Math.log2(Math.max(1, reader.pageLimit))));
  }

  walk(page: number, missing: ByteRange[]): WalkResult {
    return this.#walk(page, missing, true);
  }

  #walk(page: number, missing: ByteRange[], prototypesToo: boolean): WalkResult {
    if (!this.#isCanonical(page)) return NON_CANONICAL;
    let table = this.#root;
    for (let level = this.#top; ; level--) {
      const view = this.#reader.page(table, missing);
      if (typeof view === "number") return view;
      const span = SPAN[level] as number;
      const at = (level === this.#top ? this.#rootOffset : 0) + (Math.floor(page / span) % 512) * 8;
      if (at + 8 > view.byteLength) return TRUNCATED;
      const low = view.getUint32(at, true);
      const high = view.getUint32(at + 4, true);
      let next: WalkResult;
      if ((low & VALID) === 0) {
        next = this.#absent(low, high, level, prototypesToo ? missing : undefined);
      } else if (this.#isLarge(low, level)) {
        if (level > this.#largest) return BAD_TABLE;
        const base = this.#pageNumber(low, high);
        return base - (base % span) + (page % span);
      } else if (level === 0 && this.#mode === "arm64" && (low & ARM_TABLE) === 0) {
        return BAD_TABLE;
      } else {
        next = this.#pageNumber(low, high);
      }
      if (next < 0 || level === 0) return next;
      table = next;
    }
  }

  #isCanonical(page: number): boolean {
    if (this.#mode === "x86-pae") return page < PAGE_NUMBERS_32;
    const half = this.#mode === "x64-la57" ? HALF_57 : HALF_48;
    return page < half || page >= PAGE_NUMBERS_64 - half;
  }

  #isLarge(low: number, level: number): boolean {
    if (level === 0) return false;
    if (this.#mode === "arm64") return (low & ARM_TABLE) === 0;
    // The first table of PAE has no large pages: its bit 7 is reserved.
    return (low & LARGE) !== 0 && !(this.#mode === "x86-pae" && level === 2);
  }

  #pageNumber(low: number, high: number): number {
    return pageNumber(low, high, this.#mode);
  }

  /**
   * An entry that the processor would not take. One in transition still has its page; of the others the
   * reason stays. `missing` is absent where prototype entries are not followed any more.
   */
  #absent(low: number, high: number, level: number, missing: ByteRange[] | undefined): WalkResult {
    if (low === 0 && high === 0) return NOT_MAPPED;
    if ((low & PROTOTYPE_BIT) !== 0) {
      return level === 0 && missing ? this.#prototype(low, high, missing) : PROTOTYPE;
    }
    if ((low & TRANSITION) !== 0) return this.#transitionPage(low, high);
    if (level > 0) return PAGED_OUT;
    // The high half is the offset in the page file; without one the page was never written.
    const swizzled = this.#mode !== "x86-pae" && (low & SWIZZLE_BIT) === 0 && high === COMMON_SWIZZLE_HIGH;
    return high === 0 || swizzled ? DEMAND_ZERO : PAGED_OUT;
  }

  /**
   * The page of an entry in transition. InvalidPteMask is not known without symbols, but it lies above all
   * memory: a number beyond the highest page loses its bits there, unless the entry says that it is plain.
   */
  #transitionPage(low: number, high: number): WalkResult {
    const number = (high & 0xffff) * 2 ** 20 + (low >>> 12);
    const swizzled = this.#mode !== "x86-pae" && (low & SWIZZLE_BIT) === 0 && number >= this.#reader.pageLimit;
    return swizzled ? number % this.#pageSpan : number;
  }

  /** The page behind a prototype entry, which lies in the kernel's paged pool. */
  #prototype(low: number, high: number, missing: ByteRange[]): WalkResult {
    const plain = this.#prototypePage(low, high, missing);
    if (plain >= 0 || plain === MISSING || this.#mode === "x86-pae" || (low & SWIZZLE_BIT) !== 0) return plain;
    const other = this.#prototypePage(low, (high ^ COMMON_SWIZZLE_HIGH) >>> 0, missing);
    return other >= 0 || other === MISSING ? other : plain;
  }

  #prototypePage(low: number, high: number, missing: ByteRange[]): WalkResult {
    // A private page of a section view: only the address descriptor knows its entry.
    if (high === 0xffff_ffff && low >>> 16 === 0) return PROTOTYPE;
    const pae = this.#mode === "x86-pae";
    const inPage = pae ? high & 0xff8 : (low >>> 16) & 0xff8;
    const number = pae ? high >>> 12 : high * 16 + (low >>> 28) + (high >>> 31 === 1 ? 0xffff * 2 ** 36 : 0);
    const holder = this.#prototypes ? this.#prototypes.walk(number, missing) : this.#walk(number, missing, false);
    if (holder < 0) return holder === MISSING ? MISSING : PROTOTYPE;
    const view = this.#reader.page(holder, missing);
    if (typeof view === "number") return view === MISSING ? MISSING : PROTOTYPE;
    if (inPage + 8 > view.byteLength) return TRUNCATED;
    const entryLow = view.getUint32(inPage, true);
    const entryHigh = view.getUint32(inPage + 4, true);
    if ((entryLow & VALID) !== 0) return this.#pageNumber(entryLow, entryHigh);
    if (entryLow === 0 && entryHigh === 0) return DEMAND_ZERO;
    return this.#absent(entryLow, entryHigh, 0, undefined);
  }
}

/** Two levels of 1,024 entries of four bytes: x86 without PAE. */
class NarrowTables implements PageTables {
  readonly #reader: PageReader;
  readonly #root: number;

  constructor(reader: PageReader, directoryTableBase: bigint) {
    this.#reader = reader;
    this.#root = Number(BigInt.asUintN(32, directoryTableBase) >> 12n);
  }

  walk(page: number, missing: ByteRange[]): WalkResult {
    if (page >= PAGE_NUMBERS_32) return NON_CANONICAL;
    const directory = this.#entry(this.#root, page >>> 10, missing);
    if (directory < 0) return directory;
    if ((directory & VALID) !== 0 && (directory & LARGE) !== 0) {
      // 4 MiB; bits 13..20 are bits 32..39 of the address (PSE-36).
      return (directory >>> 22) * 1024 + ((directory >>> 13) & 0xff) * 2 ** 20 + (page & 0x3ff);
    }
    const table = this.#target(directory, true);
    if (table < 0) return table;
    const entry = this.#entry(table, page & 0x3ff, missing);
    return entry < 0 ? entry : this.#target(entry, false);
  }

  /** An entry as an unsigned number, or a negative result. */
  #entry(table: number, index: number, missing: ByteRange[]): number {
    const view = this.#reader.page(table, missing);
    if (typeof view === "number") return view;
    return index * 4 + 4 > view.byteLength ? TRUNCATED : view.getUint32(index * 4, true);
  }

  #target(entry: number, isTable: boolean): WalkResult {
    if ((entry & VALID) !== 0) return entry >>> 12;
    if (entry === 0) return NOT_MAPPED;
    // Prototype entries hold an index from a base that only symbols know.
    if ((entry & PROTOTYPE_BIT) !== 0) return PROTOTYPE;
    if ((entry & TRANSITION) !== 0) return entry >>> 12;
    return isTable || entry >>> 12 !== 0 ? PAGED_OUT : DEMAND_ZERO;
  }
}
