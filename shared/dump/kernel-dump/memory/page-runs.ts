import type { PageLocation, PhysicalMemory } from "./physical-memory.ts";

/** Bytes of a page of physical memory, on every CPU that has kernel dumps. */
export const PAGE_SIZE = 4096;
/** Page numbers are physical addresses (52 bits) without their last 12. */
const MAX_PAGE = 2 ** 40;

/** Pages that follow each other in memory and in the file. */
export interface PageRun {
  /** Number of the first page. */
  readonly page: number;
  /** Pages. */
  readonly count: number;
  /** File offset of the first page. */
  readonly offset: number;
}

/** Whether a run can exist: whole numbers, at least one page, inside of 52 bits of address. */
export function isPlausibleRun(page: number, count: number): boolean {
  return Number.isSafeInteger(page) && Number.isSafeInteger(count) && count > 0 && page + count <= MAX_PAGE;
}

/** A count for a note; those that no number holds are `Infinity` in a layout. */
export function countText(count: number): string {
  return Number.isFinite(count) ? String(count) : "2^53 or more";
}

/** Whether any two runs share a page. */
export function overlaps(runs: readonly PageRun[]): boolean {
  const sorted = [...runs].sort((a, b) => a.page - b.page);
  return sorted.some((run, index) => run.page + run.count > (sorted[index + 1]?.page ?? Number.POSITIVE_INFINITY));
}

/**
 * Physical memory made of runs, found by binary search. Where runs overlap, the one that starts lower keeps
 * the pages: the other contradicts it, and either choice is a guess.
 * @param fileSize bytes of the file
 */
export function memoryOfRuns(runs: readonly PageRun[], firstPage: number, fileSize: number): PhysicalMemory {
  const sorted = runs.map((run, rank) => ({ ...run, rank })).sort((a, b) => a.page - b.page || a.rank - b.rank);
  const pages: PageRun[] = [];
  let limit = 0;
  let storedPages = 0;
  let end = firstPage;
  for (const { page, count, offset } of sorted) {
    const hidden = Math.max(0, limit - page);
    end = Math.max(end, offset + count * PAGE_SIZE);
    if (hidden >= count) continue;
    pages.push({ page: page + hidden, count: count - hidden, offset: offset + hidden * PAGE_SIZE });
    limit = page + count;
    storedPages += count - hidden;
  }
  return {
    pageLimit: limit,
    storedPages,
    firstPage,
    end,
    locate: (page) => {
      let low = 0;
      let high = pages.length - 1;
      while (low <= high) {
        const mid = (low + high) >> 1;
        const run = pages[mid] as PageRun;
        if (page < run.page) high = mid - 1;
        else if (page >= run.page + run.count) low = mid + 1;
        else return placeInFile(run.offset + (page - run.page) * PAGE_SIZE, fileSize);
      }
      return { hole: "not-in-dump" };
    },
  };
}

/** A page at a file offset, or the hole where the file ends before it. */
export function placeInFile(offset: number, fileSize: number): PageLocation {
  return offset < fileSize ? { offset } : { hole: "truncated" };
}
