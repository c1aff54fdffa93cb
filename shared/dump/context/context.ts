import type { CpuArch } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";
import { readAmd64Context } from "./amd64.ts";
import { readArmContext } from "./arm.ts";
import { readArm64Context } from "./arm64.ts";
import { readRiscContext } from "./risc.ts";
import { readX86Context } from "./x86.ts";

/** One reader for each CPU whose contexts are read; others show no registers. */
const READERS: Partial<Record<CpuArch, (bytes: Uint8Array) => CpuContext | undefined>> = {
  x86: readX86Context,
  amd64: readAmd64Context,
  arm: readArmContext,
  arm64: readArm64Context,
};

/** Most bytes of a context that a reader looks at: the largest layout, without XSTATE. */
export const MAX_CONTEXT_BYTES = 0x4d0;

/**
 * Reads a CONTEXT record of a thread, an exception or a kernel dump's header.
 * @param cpu chooses the layout; where a CPU has two, flags and size tell them apart
 * @param bytes the record; what follows it (XSTATE, padding) is ignored
 * @returns undefined when the CPU has no reader, the bytes are too few, or ContextFlags name another CPU
 */
export function readContext(cpu: CpuArch, bytes: Uint8Array): CpuContext | undefined {
  const read = READERS[cpu];
  return read ? read(bytes) : readRiscContext(cpu, bytes);
}
