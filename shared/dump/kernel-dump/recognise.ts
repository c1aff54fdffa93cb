import { clientIdAt, imageNameAt, isKernelPointer, pointerAt } from "./record-fields.ts";

/**
 * Finding fields of kernel records by their form, for systems that no table knows. Each is a
 * guess that the caller notes as one.
 */

/** KPROCESS comes first in EPROCESS; no id stands before this offset on any system. */
const FIRST_ID_OFFSET = 0x80;

/** Processes whose image name has no extension. */
const BARE_NAMES: ReadonlySet<string> = new Set([
  "Idle",
  "System",
  "Registry",
  "Secure System",
  "MemCompression",
  "MemoryCompressi",
  "Memory Compress",
  "vmmem",
]);

/**
 * UniqueProcessId: an id followed by ActiveProcessLinks, two kernel pointers. Other counters stand before
 * lists too (EPROCESS of Windows 10 has one at 0x348), so the thread must name the same id in its Cid.
 * Without such a thread a single candidate is taken, several are none.
 */
export function recogniseProcessId(
  eprocess: Uint8Array,
  ethread: Uint8Array | undefined,
  pointerSize: 4 | 8,
): number | undefined {
  const candidates: number[] = [];
  for (let offset = FIRST_ID_OFFSET; offset + 3 * pointerSize <= eprocess.length; offset += pointerSize) {
    const id = clientIdAt(eprocess, offset, pointerSize);
    if (!id) continue;
    const linked = [1, 2].every((step) =>
      isKernelPointer(pointerAt(eprocess, offset + step * pointerSize, pointerSize), pointerSize),
    );
    if (linked) candidates.push(id);
  }
  const named = candidates.find((id) => ethread && recogniseCid(ethread, id, pointerSize) !== undefined);
  return named ?? (candidates.length === 1 ? candidates[0] : undefined);
}

/** ImageFileName: a text that is a known system process or has an extension. */
export function recogniseImageName(eprocess: Uint8Array): string | undefined {
  for (let offset = FIRST_ID_OFFSET; offset + 15 <= eprocess.length; offset += 4) {
    const name = imageNameAt(eprocess, offset);
    if (name && (BARE_NAMES.has(name) || /^[\w][\w .+()~$@#&-]*\.[\w.]*$/.test(name))) return name;
  }
  return undefined;
}

/** Cid: the id of the process, then that of the thread. */
export function recogniseCid(ethread: Uint8Array, pid: number | undefined, pointerSize: 4 | 8): number | undefined {
  if (!pid) return undefined;
  for (let offset = FIRST_ID_OFFSET; offset + 2 * pointerSize <= ethread.length; offset += pointerSize) {
    if (clientIdAt(ethread, offset, pointerSize) !== pid) continue;
    const id = clientIdAt(ethread, offset + pointerSize, pointerSize);
    if (id) return id;
  }
  return undefined;
}
