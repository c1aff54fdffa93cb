import { dataView } from "../bytes/layout.ts";
import type { Task } from "../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../dump/address.ts";
import type { Dump, DumpKind, DumpModule } from "../dump/dump.ts";
import { USER_LOADER } from "../dump/kernel-dump/live/user-loader.ts";
import { readExact, readPointer } from "../dump/memory.ts";
import { peCodeId } from "../image/codeview.ts";
import type { ModuleMap } from "./module-map.ts";

/**
 * The images of the crashed process as its own loader lists them. Kernel dumps that hold user memory have the
 * list there.
 */

const { entry: ENTRY, tebPeb, pebLdr, ldrList } = USER_LOADER;
/** Images of a process that are listed. */
const MAX_IMAGES = 128;
/** Bytes of a base name. */
const MAX_NAME = 256;
/** Larger images are none. */
const MAX_SIZE = 0x4000_0000;

/** Kinds that have no user memory. */
const KERNEL_ONLY: ReadonlySet<DumpKind> = new Set([
  "kernel-triage",
  "kernel-header",
  "kernel-summary",
  "kernel-bitmap-kernel",
  "kernel-memory",
]);

/**
 * Tasks that add the images of the crashed process to the modules.
 * @param then further work when the list is complete
 */
export function listUserModules(dump: Dump, modules: ModuleMap, then: () => readonly Task[]): Task[] {
  const teb = dump.threads[dump.crashingThread ?? 0]?.teb;
  if (!dump.kernel || dump.pointerSize !== 8 || teb === undefined || KERNEL_ONLY.has(dump.kind)) return [];
  const { memory } = dump;
  const seen = new Set<VirtualAddress>();
  const pointer = (at: VirtualAddress): VirtualAddress | undefined => readPointer(memory, at, 8);
  const entry =
    (at: VirtualAddress): Task =>
    () => {
      const bytes = readExact(memory, at, ENTRY.bytes);
      if (!bytes || seen.has(at) || seen.size >= MAX_IMAGES) return then();
      const module = moduleOf(dump, bytes);
      seen.add(at);
      if (module && !modules.find(module.base)) modules.add(module);
      return [entry(dataView(bytes).getBigUint64(0, true) as VirtualAddress)];
    };
  return [
    () => {
      const peb = pointer(addOffset(teb, tebPeb));
      const ldr = peb && pointer(addOffset(peb, pebLdr));
      const first = ldr && pointer(addOffset(ldr, ldrList));
      return first ? [entry(first)] : [];
    },
  ];
}

/** The image of an entry; undefined for the list's head, which is no entry. */
function moduleOf({ memory }: Dump, bytes: Uint8Array): DumpModule | undefined {
  const view = dataView(bytes);
  const base = view.getBigUint64(ENTRY.base, true) as VirtualAddress;
  const size = view.getUint32(ENTRY.size, true);
  if (base === 0n || base % 0x1000n !== 0n || size === 0 || size > MAX_SIZE) return undefined;
  const length = Math.min(view.getUint16(ENTRY.name, true), MAX_NAME);
  const name = memory.read(view.getBigUint64(ENTRY.name + 8, true) as VirtualAddress, length & ~1).bytes;
  const timestamp = view.getUint32(ENTRY.timestamp, true);
  return {
    base,
    size,
    path: new TextDecoder("utf-16le").decode(name),
    timestamp,
    codeId: peCodeId(timestamp, size),
    identity: "not-read",
  };
}
