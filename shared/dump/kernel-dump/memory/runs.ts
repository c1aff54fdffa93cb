import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { FormatError } from "../../../bytes/errors.ts";
import { dataView, u64AsNumber } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import { unlessFill } from "../fill.ts";
import { PHYSICAL_MEMORY_DESCRIPTOR32, PHYSICAL_MEMORY_DESCRIPTOR64 } from "../format.ts";
import type { KernelHeader } from "../header.ts";
import { countText, isPlausibleRun, memoryOfRuns, overlaps, PAGE_SIZE, type PageRun } from "./page-runs.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const WHERE = "pages/runs";

/**
 * Full dumps: the header's PHYSICAL_MEMORY_DESCRIPTOR lists the runs of pages that follow it in the file.
 * @throws FormatError when the header has no runs
 */
export function readRunPages(bytes: FetchedBytes, header: KernelHeader, notes: Notes): PhysicalMemory {
  const wide = header.pointerSize === 8;
  const layout = wide ? PHYSICAL_MEMORY_DESCRIPTOR64 : PHYSICAL_MEMORY_DESCRIPTOR32;
  const block = header.record.PhysicalMemoryBlock;
  const { NumberOfRuns, NumberOfPages } = layout.from(block);
  if (unlessFill(NumberOfRuns) === undefined) {
    throw new FormatError("format.bad-value", "the header of a full dump has no list of its pages");
  }
  const stride = wide ? 16 : 8;
  const room = Math.floor((block.length - layout.size) / stride);
  if (NumberOfRuns > room) {
    notes.add("format.limit-exceeded", WHERE, `${NumberOfRuns} runs are stated, ${room} fit the header`);
  }
  const view = dataView(block);
  const runs: PageRun[] = [];
  let offset = header.size;
  for (let index = 0; index < Math.min(NumberOfRuns, room); index++) {
    const at = layout.size + index * stride;
    const page = wide ? u64AsNumber.read(view, at) : view.getUint32(at, true);
    const count = wide ? u64AsNumber.read(view, at + 8) : view.getUint32(at + 4, true);
    if (count === 0 && Number.isSafeInteger(page)) continue;
    // Fill reads as a number of pages that no machine has: whatever follows is not a run either.
    if (!isPlausibleRun(page, count)) {
      notes.add("format.bad-value", WHERE, `run ${index} cannot exist, the list ends there`);
      break;
    }
    runs.push({ page, count, offset });
    offset += count * PAGE_SIZE;
  }
  if (runs.length === 0) throw new FormatError("format.bad-value", "the list of pages of a full dump is empty");
  const total = (offset - header.size) / PAGE_SIZE;
  if (total !== NumberOfPages) {
    notes.add("format.bad-value", WHERE, `the runs hold ${total} pages, their header says ${countText(NumberOfPages)}`);
  }
  if (!overlaps(runs)) return memoryOfRuns(runs, header.size, bytes.size);
  const apart = withoutOverlaps(runs, header.size);
  const fits = pagesEnd(apart, header.size) <= bytes.size && offset > bytes.size;
  notes.add(
    "format.bad-value",
    WHERE,
    fits ? "runs overlap: those that repeat pages are left out, the file has no room for them" : "runs overlap",
  );
  return memoryOfRuns(fits ? apart : runs, header.size, bytes.size);
}

/** The runs that share no page with one listed before them, moved together in the file. */
function withoutOverlaps(runs: readonly PageRun[], first: number): PageRun[] {
  const kept: PageRun[] = [];
  let offset = first;
  for (const { page, count } of runs) {
    if (kept.some((other) => page < other.page + other.count && other.page < page + count)) continue;
    kept.push({ page, count, offset });
    offset += count * PAGE_SIZE;
  }
  return kept;
}

function pagesEnd(runs: readonly PageRun[], first: number): number {
  return runs.reduce((end, run) => end + run.count * PAGE_SIZE, first);
}
