import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { dataView } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import type { HoleReason } from "../../memory.ts";
import { VALID_DUMP32 } from "../format.ts";
import type { KernelHeader } from "../header.ts";
import { FDMP, readBitmapPages, SDMP } from "./bitmap.ts";
import { RDMP, readRangePages } from "./rdmp.ts";
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
 * Reads the table of stored pages: the runs of a full dump, a bitmap, or the ranges of an RDMP dump. What stands
 * behind the header decides, since tools have written types that the table contradicts.
 * @param notes gets one note for each thing in it that contradicts itself
 * @returns undefined for dumps without physical memory
 * @throws FormatError when the table cannot be read at all
 */
export function readPhysicalMemory(
  bytes: FetchedBytes,
  header: KernelHeader,
  notes: Notes,
): PhysicalMemory | undefined {
  const { DumpType } = header.record;
  const stated = TABLES[DumpType];
  const found = tableBehind(bytes, header.size) ?? stated;
  if (found !== stated && DumpType in TABLES) {
    notes.add(
      "format.bad-value",
      "pages",
      `dump type ${DumpType} does not say ${found}, which stands behind the header`,
    );
  }
  switch (found) {
    case "runs":
      return readRunPages(bytes, header, notes);
    case "bitmap":
      return readBitmapPages(bytes, header, notes);
    case "ranges":
      return readRangePages(bytes, header, notes);
    default:
      return undefined;
  }
}

/** Forms of the table of stored pages by the dump types that have them. */
const TABLES: Readonly<Record<number, "runs" | "bitmap" | "ranges">> = {
  1: "runs",
  2: "bitmap",
  5: "bitmap",
  6: "bitmap",
  7: "bitmap",
  8: "ranges",
  9: "ranges",
  10: "ranges",
};

/** The table whose signature stands behind the header; a full dump has a page there. */
export function tableBehind(bytes: FetchedBytes, start: number): "bitmap" | "ranges" | undefined {
  const head = bytes.upTo(start, 12);
  if (head.length < 12) return undefined;
  const view = dataView(head);
  const [first, second, third] = [0, 4, 8].map((at) => view.getUint32(at, true));
  if ((first === SDMP || first === FDMP) && second === VALID_DUMP32) return "bitmap";
  return second === RDMP && third === VALID_DUMP32 ? "ranges" : undefined;
}
