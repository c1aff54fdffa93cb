import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView } from "../../bytes/layout.ts";
import { peCodeId } from "../../image/codeview.ts";
import type { Notes } from "../../notes.ts";
import { distance, type VirtualAddress } from "../address.ts";
import type { DumpModule, DumpUnloadedModule } from "../dump.ts";
import { utf16Text } from "./fill.ts";
import type { TriageHeader } from "./triage.ts";
import { DUMP_DRIVER_ENTRY32, DUMP_DRIVER_ENTRY64, UNLOADED_DRIVERS32, UNLOADED_DRIVERS64 } from "./triage-format.ts";

/** Most drivers that are read: systems load 100 to 400. */
const MAX_DRIVERS = 4096;
/** Most unloaded drivers that are read: kernels keep 50. */
const MAX_UNLOADED = 256;
/** Longest driver name that is believed, in UTF-16 units. */
const MAX_NAME_UNITS = 1024;
/** Longest driver entry that is believed, in bytes. */
const MAX_STRIDE = 0x400;
/** Entries that are looked at to choose the stride. */
const STRIDE_SAMPLE = 8;

/** The driver list of a triage dump. */
export interface TriageDrivers {
  readonly modules: readonly DumpModule[];
  /** Base of the driver that the kernel blamed. */
  readonly brokenDriver?: VirtualAddress;
}

/** Reads the driver list; what does not fit in the file is left out with a note. */
export function readDrivers(bytes: FetchedBytes, triage: TriageHeader, notes: Notes): TriageDrivers {
  const { DriverListOffset: list, DriverCount: count, BrokenDriverOffset: broken } = triage.record;
  if (list === 0 || count === 0) return { modules: [] };
  const layout = triage.pointerSize === 8 ? DUMP_DRIVER_ENTRY64 : DUMP_DRIVER_ENTRY32;
  const stride = entryStride(bytes, triage, layout.size);
  const wanted = Math.min(count, MAX_DRIVERS);
  if (wanted < count) notes.add("limit.drivers", "triage/drivers", `${count} drivers are listed, ${wanted} are read`);
  const fit = Math.max(0, Math.floor((bytes.size - list - layout.size) / stride) + 1);
  const read = Math.min(wanted, fit);
  if (read < wanted) notes.add("format.truncated", "triage/drivers", `${read} of ${wanted} drivers are in the file`);
  const modules: DumpModule[] = [];
  let nameless = 0;
  for (let index = 0; index < read; index++) {
    const entry = layout.from(bytes.bytes(list + index * stride, layout.size));
    const path = dumpString(bytes, entry.DriverNameOffset);
    if (path === undefined) nameless += 1;
    if (entry.DllBase === 0n && path === undefined) continue;
    modules.push(toModule(entry, path ?? ""));
  }
  if (nameless > 0) {
    notes.add("format.bad-value", "triage/drivers", `${nameless} drivers have no readable name`);
  }
  const isEntry = broken >= list && broken < list + count * stride && broken + layout.size <= bytes.size;
  if (broken !== 0 && !isEntry) {
    notes.add("format.bad-value", "triage/broken-driver", "BrokenDriverOffset is not in the driver list");
  }
  if (broken === 0 || !isEntry) return { modules };
  return { modules, brokenDriver: layout.from(bytes.bytes(broken, layout.size)).DllBase };
}

function toModule(
  entry: { DllBase: VirtualAddress; SizeOfImage: number; CheckSum: number; TimeDateStamp: number },
  path: string,
): DumpModule {
  // The writer leaves 0 where the image's header page could not be read.
  const stamped = entry.TimeDateStamp !== 0;
  return {
    base: entry.DllBase,
    size: entry.SizeOfImage,
    path,
    ...(stamped ? { timestamp: entry.TimeDateStamp, codeId: peCodeId(entry.TimeDateStamp, entry.SizeOfImage) } : {}),
    ...(stamped || entry.CheckSum !== 0 ? { checksum: entry.CheckSum } : {}),
    identity: "absent",
  };
}

/**
 * Distance of two driver entries: fixed in every file seen, but the embedded loader entry grows with
 * the system. Where the string pool follows the list directly its place tells the distance; the
 * candidate under which most names can be read wins, the fixed one first.
 */
function entryStride(bytes: FetchedBytes, triage: TriageHeader, fixed: number): number {
  const { DriverListOffset: list, DriverCount: count, StringPoolOffset: pool } = triage.record;
  const derived = (pool - list) / count;
  const candidates = [fixed];
  if (Number.isInteger(derived) && derived > fixed && derived <= MAX_STRIDE) candidates.push(derived);
  let best = fixed;
  let bestScore = -1;
  for (const stride of candidates) {
    let score = 0;
    for (let index = 0; index < Math.min(count, STRIDE_SAMPLE); index++) {
      const at = list + index * stride;
      if (at + fixed > bytes.size) break;
      const name = dataView(bytes.bytes(at, 4)).getUint32(0, true);
      if (dumpString(bytes, name)) score += 1;
    }
    if (score > bestScore) {
      best = stride;
      bestScore = score;
    }
  }
  return best;
}

/** A DUMP_STRING: a length in UTF-16 units, then the text. Undefined where it is empty, too long or not in the file. */
function dumpString(bytes: FetchedBytes, offset: number): string | undefined {
  if (offset === 0 || offset + 4 > bytes.size) return undefined;
  const units = dataView(bytes.bytes(offset, 4)).getUint32(0, true);
  if (units === 0 || units > MAX_NAME_UNITS || offset + 4 + units * 2 > bytes.size) return undefined;
  return utf16Text(bytes.bytes(offset + 4, units * 2)) || undefined;
}

/** Reads the list of unloaded drivers; empty slots are skipped. */
export function readUnloadedDrivers(
  bytes: FetchedBytes,
  triage: TriageHeader,
  notes: Notes,
): readonly DumpUnloadedModule[] {
  const offset = triage.record.UnloadedDriversOffset;
  if (offset === 0) return [];
  const where = "triage/unloaded-drivers";
  if (offset + 4 > bytes.size) {
    notes.add("format.truncated", where, "the list is not in the file");
    return [];
  }
  const layout = triage.pointerSize === 8 ? UNLOADED_DRIVERS64 : UNLOADED_DRIVERS32;
  const count = dataView(bytes.bytes(offset, 4)).getUint32(0, true);
  const first = offset + triage.pointerSize;
  const fit = Math.max(0, Math.floor((bytes.size - first) / layout.size));
  const read = Math.min(count, MAX_UNLOADED, fit);
  if (read < count) notes.add("limit.unloaded-drivers", where, `${count} are listed, ${read} are read`);
  const unloaded: DumpUnloadedModule[] = [];
  for (let index = 0; index < read; index++) {
    const entry = layout.from(bytes.bytes(first + index * layout.size, layout.size));
    const size = distance(entry.StartAddress, entry.EndAddress);
    if (entry.StartAddress === 0n) continue;
    if (size < 0 || size > 0xffff_ffff) {
      notes.add("format.bad-value", where, "an entry ends before it starts");
      continue;
    }
    // Names are cut to 12 units; Length says how long they were.
    const units = entry.Name.Length / 2;
    const kept = Number.isInteger(units) && units > 0 && units < 12 ? units : 12;
    unloaded.push({ base: entry.StartAddress, size, path: utf16Text(entry.DriverName.subarray(0, kept * 2)) });
  }
  return unloaded;
}
