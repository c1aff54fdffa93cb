import { FormatError } from "../../bytes/errors.ts";
import { dataView, type StructLayout } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import { MINIDUMP_EX_LIST } from "./format.ts";

/**
 * Reads a stream that is a 32-bit count and equal entries. Some writers (Breakpad on macOS) put
 * 4 bytes between them so that entries are aligned to 8: seen by the stream's size.
 * A count that does not fit gives the entries that do, with a note.
 * @param limit most entries that are read
 */
export function readList<R>(body: Uint8Array, entry: StructLayout<R>, limit: number, notes: Notes, where: string): R[] {
  if (body.length < 4) {
    throw new FormatError("format.truncated", "the list has no count", { expected: 4, actual: body.length });
  }
  const promised = dataView(body).getUint32(0, true);
  const padding = body.length === 8 + promised * entry.size ? 4 : 0;
  return readEntries(body, 4 + padding, entry, entry.size, promised, limit, notes, where);
}

/**
 * Reads a list whose head says the sizes of head and entry, so that later versions may add fields.
 * @throws FormatError when the head contradicts itself
 */
export function readExList<R>(
  body: Uint8Array,
  entry: StructLayout<R>,
  limit: number,
  notes: Notes,
  where: string,
): R[] {
  const { SizeOfHeader, SizeOfEntry, NumberOfEntries } = MINIDUMP_EX_LIST.from(body);
  if (SizeOfHeader < MINIDUMP_EX_LIST.size || SizeOfEntry < entry.size) {
    throw new FormatError("format.bad-value", "the list's entries are smaller than their layout", {
      expected: entry.size,
      actual: SizeOfEntry,
    });
  }
  return readEntries(body, SizeOfHeader, entry, SizeOfEntry, NumberOfEntries, limit, notes, where);
}

/** Reads as many entries as there are bytes for, at most `limit`; says in a note when some are missing. */
export function readEntries<R>(
  body: Uint8Array,
  start: number,
  entry: StructLayout<R>,
  stride: number,
  promised: number,
  limit: number,
  notes: Notes,
  where: string,
): R[] {
  const room = Math.max(0, Math.floor((body.length - start) / stride));
  const count = Math.min(promised, room, limit);
  // A stream longer than the limit is not fetched to its end, so room says nothing of the file there.
  if (count < promised && room < limit) {
    notes.add("format.truncated", where, `${promised} entries are promised, ${room} fit`);
  } else if (count < promised) notes.add("limit.entries", where, `${promised} entries, the first ${limit} are read`);
  const view = dataView(body);
  const out: R[] = [];
  for (let index = 0; index < count; index++) out.push(entry.read(view, start + index * stride));
  return out;
}
