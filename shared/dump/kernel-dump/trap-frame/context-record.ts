import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type CpuArch, type VirtualAddress } from "../../address.ts";
import { CONTEXT_AMD64 } from "../../context/amd64.ts";
import { CONTEXT_ARM64 } from "../../context/arm64.ts";
import { readContext } from "../../context/context.ts";
import { CONTEXT_X86 } from "../../context/x86.ts";
import type { CpuContext } from "../../cpu-context.ts";
import { type Memory, readExact } from "../../memory.ts";

/** A CONTEXT and where it lay. */
export interface FoundContext {
  readonly at: VirtualAddress;
  readonly context: CpuContext;
}

interface Form {
  readonly size: number;
  /** Offset of ContextFlags. */
  readonly flags: number;
  /** Flags that a context of the kernel has: CPU, control and integer registers. */
  readonly wanted: number;
  /** Flags that no context has: told from other numbers by them. */
  readonly never: number;
}

const FORMS: Partial<Record<CpuArch, Form>> = {
  amd64: { size: CONTEXT_AMD64.size, flags: 0x30, wanted: 0x0010_0003, never: 0x00ef_ff80 },
  x86: { size: CONTEXT_X86.size, flags: 0, wanted: 0x0001_0003, never: 0x00fe_ff80 },
  arm64: { size: CONTEXT_ARM64.size, flags: 0, wanted: 0x0040_0003, never: 0x00bf_ff80 },
};

/** Bytes of a CONTEXT on that CPU; undefined where it is not read. */
export function contextRecordSize(cpu: CpuArch): number | undefined {
  return FORMS[cpu]?.size;
}

/** Reads the CONTEXT at an address that an argument gave; undefined when it is not in the dump or not of this CPU. */
export function readContextRecord(memory: Memory, cpu: CpuArch, address: VirtualAddress): CpuContext | undefined {
  const form = FORMS[cpu];
  const bytes = form && address !== 0n ? readExact(memory, address, form.size) : undefined;
  return bytes && readContext(cpu, bytes);
}

/** Contexts recognised on a stack by their form: flags that make sense, and a program counter where code is. */
export function findContextRecords(
  stack: { readonly start: VirtualAddress; readonly bytes: Uint8Array },
  cpu: CpuArch,
  isCode: (address: VirtualAddress) => boolean,
): FoundContext[] {
  const form = FORMS[cpu];
  if (!form) return [];
  const view = dataView(stack.bytes);
  const step = cpu === "x86" ? 4 : 8;
  const found: FoundContext[] = [];
  const first = Number(-stack.start & BigInt(step - 1));
  for (let at = first; at + form.size <= stack.bytes.length && found.length < 16; at += step) {
    const flags = view.getUint32(at + form.flags, true);
    if ((flags & form.wanted) !== form.wanted || (flags & form.never) !== 0) continue;
    const context = readContext(cpu, stack.bytes.subarray(at, at + form.size));
    if (context && isCode(context.pc)) found.push({ at: addOffset(stack.start, at), context });
  }
  return found;
}
