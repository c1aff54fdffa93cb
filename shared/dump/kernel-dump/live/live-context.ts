import type { Task } from "../../../bytes/step-runner.ts";
import { attempt, type Notes } from "../../../notes.ts";
import type { CpuArch, VirtualAddress } from "../../address.ts";
import type { Memory } from "../../memory.ts";
import type { TypeLayout } from "../../type-layout.ts";
import type { DebuggerData } from "../debugger-data.ts";
import { isKernelPointer, pointerAt } from "../record-fields.ts";

/** What every reader of the kernel's lists and records works with. */
export interface LiveContext {
  readonly memory: Memory;
  readonly cpu: CpuArch;
  readonly pointerSize: 4 | 8;
  /** Build number of the system, 0 where it is not known. */
  readonly build: number;
  readonly kdbg: DebuggerData | undefined;
  /** Symbols of the kernel, where they are to be had. */
  readonly types: TypeLayout | undefined;
  readonly notes: Notes;
  /** Takes on work that nobody waits for: it goes on in the rounds of whatever else is read. */
  readonly beside: (tasks: readonly Task[]) => void;
}

/** A task that may fail: then there is a note, and what it would have found is missing. */
export function optional(context: LiveContext, where: string, task: Task): Task {
  return (bytes) => attempt(context.notes, where, () => task(bytes)) ?? [];
}

/** Both links of a LIST_ENTRY inside a record, or undefined where they cannot be links of a kernel's list. */
export function linksAt(
  record: Uint8Array,
  offset: number,
  pointerSize: 4 | 8,
): { readonly flink: VirtualAddress; readonly blink: VirtualAddress } | undefined {
  const flink = pointerAt(record, offset, pointerSize);
  const blink = pointerAt(record, offset + pointerSize, pointerSize);
  const mask = BigInt(pointerSize - 1);
  if (flink === undefined || blink === undefined || ((flink | blink) & mask) !== 0n) return undefined;
  return isKernelPointer(flink, pointerSize) && isKernelPointer(blink, pointerSize) ? { flink, blink } : undefined;
}
