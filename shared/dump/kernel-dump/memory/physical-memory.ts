import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import type { Notes } from "../../../notes.ts";
import type { HoleReason } from "../../memory.ts";
import type { KernelHeader } from "../header.ts";
import { readBitmapPages } from "./bitmap.ts";
import { readRangePages } from "./rdmp.ts";
import { readRunPages } from "./runs.ts";

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

/**
 * Reads the table of stored pages: the runs of a full dump, a bitmap, or the ranges of an RDMP dump.
 * @param notes gets one note for each thing in it that contradicts itself
 * @returns undefined for dump types without physical memory
 * @throws FormatError when the table cannot be read at all
 */
export function readPhysicalMemory(
  bytes: FetchedBytes,
  header: KernelHeader,
  notes: Notes,
): PhysicalMemory | undefined {
  switch (header.record.DumpType) {
    case 1:
      return readRunPages(bytes, header, notes);
    case 2:
    case 5:
    case 6:
    case 7:
      return readBitmapPages(bytes, header, notes);
    case 8:
    case 9:
    case 10:
      return readRangePages(bytes, header, notes);
    default:
      return undefined;
  }
}
