import type { HoleReason } from "../../memory.ts";

/** Bytes of a page of physical memory, on every CPU that has kernel dumps. */
export const PAGE_SIZE = 4096;

/** Where a page of physical memory lies in the file, or why it does not. */
export type PageLocation = { readonly offset: number } | { readonly hole: HoleReason };

/** Which pages of the machine's physical memory a dump has, and where. */
export interface PhysicalMemory {
  /** One above the highest page number that the dump may have: tells swizzled page numbers from real ones. */
  readonly pageLimit: number;
  /** Pages that are in the dump by its own tables, whether or not the file is long enough. */
  readonly storedPages: number;
  /** File offset of the first page. */
  readonly firstPage: number;
  /** File offset behind the last page: where secondary data may start. */
  readonly end: number;
  /**
   * Finds a page by its number (physical address / 4096). Bytes of it may still lie past the end of a cut
   * file: then its offset is given when at least one byte is there.
   */
  locate(page: number): PageLocation;
}
