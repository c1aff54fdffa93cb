import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type CpuArch, type VirtualAddress } from "../../address.ts";
import type { CpuContext } from "../../cpu-context.ts";
import { type Memory, readExact } from "../../memory.ts";
import { KSWITCH_FRAME_AMD64 } from "./amd64.ts";
import { KSWITCH_FRAME_ARM64 } from "./arm64.ts";

/** ExceptionList, ApcBypassDisable, RetAddr: what SwapContext leaves on a 32-bit stack. */
const SWITCH_FRAME_X86 = { size: 0x0c, returns: 0x08 } as const;

/** Bytes at KTHREAD.KernelStack that {@link readSwitchFrame} needs: for Memory.plan. */
export const SWITCH_FRAME_BYTES = KSWITCH_FRAME_AMD64.size;

/**
 * Where a thread that waits goes on: program counter, stack pointer and frame pointer, the only registers
 * that the switch leaves in a known place.
 * @param kernelStack KTHREAD.KernelStack
 * @returns undefined when the stack is not in the dump, or on other CPUs
 */
export function readSwitchFrame(memory: Memory, cpu: CpuArch, kernelStack: VirtualAddress): CpuContext | undefined {
  if (cpu === "amd64") {
    const bytes = readExact(memory, kernelStack, KSWITCH_FRAME_AMD64.size);
    if (!bytes) return undefined;
    const { Rbp, Return } = KSWITCH_FRAME_AMD64.from(bytes);
    const sp = addOffset(kernelStack, KSWITCH_FRAME_AMD64.size);
    return contextOf(cpu, 0x0010_0001, Return, sp, { rbp: Rbp, rsp: sp, rip: Return });
  }
  if (cpu === "arm64") {
    const bytes = readExact(memory, kernelStack, KSWITCH_FRAME_ARM64.size);
    if (!bytes) return undefined;
    const { Fp, Return } = KSWITCH_FRAME_ARM64.from(bytes);
    const sp = addOffset(kernelStack, KSWITCH_FRAME_ARM64.size);
    return contextOf(cpu, 0x0040_0001, Return, sp, { fp: Fp, sp, pc: Return });
  }
  if (cpu !== "x86") return undefined;
  const bytes = readExact(memory, kernelStack, SWITCH_FRAME_X86.size);
  if (!bytes) return undefined;
  const pc = BigInt(dataView(bytes).getUint32(SWITCH_FRAME_X86.returns, true));
  const sp = addOffset(kernelStack, SWITCH_FRAME_X86.size);
  return contextOf(cpu, 0x0001_0001, pc, sp, { eip: pc, esp: sp });
}

function contextOf(
  cpu: CpuArch,
  flags: number,
  pc: bigint,
  sp: VirtualAddress,
  registers: Readonly<Record<string, bigint>>,
): CpuContext {
  return { cpu, flags, pc: pc as VirtualAddress, sp, registers };
}
