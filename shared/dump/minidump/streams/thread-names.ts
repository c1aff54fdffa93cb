import type { RecordOf } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import { MINIDUMP_THREAD_NAME } from "../format.ts";
import { readList } from "../list.ts";
import type { NameReader } from "../strings.ts";
import { MAX_THREADS } from "./thread-list.ts";

/** One entry of ThreadNamesStream. */
export type RawThreadName = RecordOf<typeof MINIDUMP_THREAD_NAME>;
const WHERE = "ThreadNamesStream";

/** Reads the entries of ThreadNamesStream. */
export function readThreadNames(body: Uint8Array, notes: Notes): RawThreadName[] {
  return readList(body, MINIDUMP_THREAD_NAME, MAX_THREADS, notes, WHERE);
}

/** Names by thread id; a name that cannot be read is left out, the last of one thread counts. */
export function nameThreads(raw: readonly RawThreadName[], reader: NameReader): Map<number, string> {
  const names = new Map<number, string>();
  for (const { ThreadId, RvaOfThreadName } of raw) {
    const name = reader.string(RvaOfThreadName, WHERE);
    if (name !== undefined) names.set(ThreadId, name);
  }
  return names;
}
