import type { CpuArch } from "../dump/address.ts";
import { AMD64 } from "./amd64.ts";
import type { CpuWalker } from "./cpu-walker.ts";

const WALKERS: Partial<Record<CpuArch, CpuWalker>> = { amd64: AMD64 };

/** How threads of a CPU are walked; undefined: frame 0 is all there is. */
export function cpuWalkerOf(cpu: CpuArch): CpuWalker | undefined {
  return WALKERS[cpu];
}
