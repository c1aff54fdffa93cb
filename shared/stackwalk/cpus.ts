import type { CpuArch } from "../dump/address.ts";
import { AMD64 } from "./amd64.ts";
import { ARM } from "./arm.ts";
import { ARM64 } from "./arm64.ts";
import type { CpuWalker } from "./cpu-walker.ts";
import { MIPS32, MIPS64, PPC32, PPC64, RISCV64 } from "./risc.ts";
import { X86 } from "./x86.ts";

const WALKERS: Partial<Record<CpuArch, CpuWalker>> = {
  amd64: AMD64,
  arm: ARM,
  arm64: ARM64,
  mips: MIPS32,
  mips64: MIPS64,
  ppc: PPC32,
  ppc64: PPC64,
  riscv64: RISCV64,
  x86: X86,
};

/** How threads of a CPU are walked; undefined: frame 0 is all there is. */
export function cpuWalkerOf(cpu: CpuArch): CpuWalker | undefined {
  return WALKERS[cpu];
}
