import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { dataView } from "../../../bytes/layout.ts";
import type { ByteRange } from "../../../bytes/range.ts";
import { PAGE_SIZE } from "./page-runs.ts";
import { holeCode, MISSING, type WalkResult } from "./page-tables.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

/** Remembered tables; then it starts anew: what is fetched stays in the block cache. */
const MEMO_LIMIT = 8192;

/** Physical pages as bytes, for walks and reads; remembers what it found. */
export class PageReader {
  readonly bytes: FetchedBytes;
  /** One above the highest page that the dump may have. */
  readonly pageLimit: number;
  readonly #physical: PhysicalMemory;
  readonly #views = new Map<number, DataView>();

  constructor(bytes: FetchedBytes, physical: PhysicalMemory) {
    this.bytes = bytes;
    this.#physical = physical;
    this.pageLimit = physical.pageLimit;
  }

  /** File offset of a page, or a hole as a walk's result. */
  offsetOf(page: number): number {
    const place = this.#physical.locate(page);
    return "offset" in place ? place.offset : holeCode(place.hole);
  }

  /**
   * A whole page, shorter only at the end of a cut file; or a hole, or {@link MISSING} with its range on the list.
   */
  page(page: number, missing: ByteRange[]): DataView | WalkResult {
    const known = this.#views.get(page);
    if (known) return known;
    const offset = this.offsetOf(page);
    if (offset < 0) return offset;
    const range = { start: offset, end: Math.min(offset + PAGE_SIZE, this.bytes.size) };
    if (this.bytes.missing([range]).length > 0) {
      missing.push(range);
      return MISSING;
    }
    const view = dataView(this.bytes.bytes(range.start, range.end - range.start));
    if (this.#views.size >= MEMO_LIMIT) this.#views.clear();
    this.#views.set(page, view);
    return view;
  }
}
