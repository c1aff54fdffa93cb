import type { CpuArch } from "../dump/address.ts";
import type { DumpException } from "../dump/dump.ts";
import type { ReasonWords } from "./crash-reason.ts";
import { guardText, resourceText } from "./reason-mac-codes.ts";

/** Which groups of codes refine a Mach exception on which CPU. */
const REFINED: Readonly<Record<string, string>> = {
  EXC_BAD_ACCESS: "BadAccess",
  EXC_BAD_INSTRUCTION: "BadInstruction",
  EXC_ARITHMETIC: "Arithmetic",
  EXC_BREAKPOINT: "Breakpoint",
};
const CPU_GROUPS: Partial<Record<CpuArch, string>> = {
  arm64: "ArmType",
  ppc: "PpcType",
  x86: "X86Type",
  amd64: "X86Type",
};

/**
 * A Mach exception by name; code is its number, flags the low half of its first code, which the second
 * parameter holds whole and the third adds to. Undefined for unknown exceptions.
 */
export function macReason(exception: DumpException, cpu: CpuArch, words: ReasonWords): string | undefined {
  const { code, flags, parameters } = exception;
  const name = words.exceptionName("macos", "Code", code);
  if (name === undefined) return undefined;
  if (name === "SIMULATED") return "Simulated Exception";
  const refined = refine(name, flags, cpu, words);
  if (refined !== undefined) return `${name} / ${refined}`;
  const [first, second] = [parameters[1] ?? 0n, parameters[2] ?? 0n];
  const text =
    name === "EXC_RESOURCE"
      ? resourceText(flags, first, second, words)
      : name === "EXC_GUARD"
        ? guardText(flags, first, second, words)
        : undefined;
  return text ?? `${name} / 0x${flags.toString(16).padStart(8, "0")}`;
}

function refine(name: string, flags: number, cpu: CpuArch, words: ReasonWords): string | undefined {
  if (name === "EXC_SOFTWARE") return words.exceptionName("macos", "SoftwareType", flags);
  if (name === "EXC_BAD_ACCESS") {
    const kernel = words.exceptionName("macos", "BadAccessKernType", flags);
    if (kernel !== undefined) return kernel;
  }
  const group = REFINED[name];
  const cpuGroup = CPU_GROUPS[cpu];
  return group && cpuGroup ? words.exceptionName("macos", group + cpuGroup, flags) : undefined;
}
