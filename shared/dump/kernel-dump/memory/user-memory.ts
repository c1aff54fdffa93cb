import type { DumpKind } from "../../dump.ts";
import type { Memory } from "../../memory.ts";
import { isKernelPointer } from "../record-fields.ts";

/** Kinds of dumps that hold memory of processes: what leads to it is worth being fetched ahead. */
export const HAS_USER_MEMORY: ReadonlySet<DumpKind> = new Set([
  "kernel-full",
  "kernel-bitmap-full",
  "kernel-and-user",
  "kernel-complete",
]);

/** Kinds that hold none. Live dumps are in neither list: whoever asks for one chooses. */
const KERNEL_ONLY: ReadonlySet<DumpKind> = new Set(["kernel-summary", "kernel-bitmap-kernel", "kernel-memory"]);

/**
 * Memory of a dump as far as its kind promises it: where no page of a process is stored, an address of the user's
 * half is a hole at once, and not after a walk through four levels of tables that ends in one.
 */
export function promisedMemory(memory: Memory, kind: DumpKind, pointerSize: 4 | 8): Memory {
  if (!KERNEL_ONLY.has(kind)) return memory;
  return {
    read: (address, length) =>
      length === 0 || isKernelPointer(address, pointerSize)
        ? memory.read(address, length)
        : { bytes: new Uint8Array(0), hole: { hole: "not-in-dump", at: address } },
    plan: (wanted) => memory.plan(wanted.filter(({ address }) => isKernelPointer(address, pointerSize))),
  };
}
