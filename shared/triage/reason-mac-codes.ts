import type { ReasonWords } from "./crash-reason.ts";

/**
 * Packed codes of EXC_RESOURCE and EXC_GUARD: bit fields that XNU documents in
 * osfmk/kern/exc_resource.h and exc_guard.h. The kind stands in bits 29..31 of the flags.
 */

const field = (value: bigint, shift: number, bits: number): bigint => BigInt.asUintN(bits, value >> BigInt(shift));
const hex64 = (value: bigint): string => `0x${value.toString(16).padStart(16, "0")}`;

/** Text of EXC_RESOURCE; undefined for unknown kinds. */
export function resourceText(flags: number, code: bigint, subcode: bigint, words: ReasonWords): string | undefined {
  const type = words.exceptionName("macos", "ResourceType", flags >>> 29);
  if (type === undefined) return undefined;
  const flavor = (group: string): string | undefined => words.exceptionName("macos", group, field(code, 58, 3));
  const detail = (): string | undefined => {
    switch (type) {
      case "RESOURCE_TYPE_CPU": {
        const name = flavor("ResourceCpuFlavor");
        const used = `CPU limit: ${field(code, 0, 3)}% CPU consumed: ${field(subcode, 0, 3)}%`;
        return name && `${name} interval: ${field(code, 7, 25)}s ${used}`;
      }
      case "RESOURCE_TYPE_WAKEUPS": {
        const name = flavor("ResourceWakeupsFlavor");
        const seen = `wakeups permitted: ${field(code, 0, 12)} wakeups observed: ${field(subcode, 0, 12)}`;
        return name && `${name} interval: ${field(code, 20, 20)}s ${seen}`;
      }
      case "RESOURCE_TYPE_MEMORY": {
        const name = flavor("ResourceMemoryFlavor");
        return name && `${name} high watermark limit: ${field(code, 0, 13)}MiB`;
      }
      case "RESOURCE_TYPE_IO": {
        const name = flavor("ResourceIOFlavor");
        const seen = `I/O limit: ${field(code, 0, 15)}% I/O observed: ${field(subcode, 0, 15)}%`;
        return name && `${name} interval: ${field(code, 15, 17)}s ${seen}`;
      }
      case "RESOURCE_TYPE_THREADS": {
        const name = flavor("ResourceThreadsFlavor");
        return name && `${name} high watermark limit: ${field(code, 0, 15)}`;
      }
      default:
        return undefined;
    }
  };
  return `EXC_RESOURCE / ${type} / ${detail() ?? `${hex64(code)} / ${hex64(subcode)}`}`;
}

/** Text of EXC_GUARD; undefined for unknown kinds. */
export function guardText(flags: number, code: bigint, subcode: bigint, words: ReasonWords): string | undefined {
  const type = words.exceptionName("macos", "GuardType", flags >>> 29);
  if (type === undefined) return undefined;
  const start = `EXC_GUARD / ${type}`;
  const flavor = (group: string): string | undefined => words.exceptionName("macos", group, field(code, 32, 29));
  const target = field(code, 0, 28);
  const guard = `guard identifier: ${subcode}`;
  const detail = (): string | undefined => {
    switch (type) {
      case "GUARD_TYPE_MACH_PORT": {
        const name = flavor("GuardMachPortFlavor");
        return name && `${name} port name: ${target}${subcode === 0n ? "" : ` subcode: ${subcode}`}`;
      }
      case "GUARD_TYPE_FD": {
        const name = flavor("GuardFDFlavor");
        return name && `${name} file descriptor: ${target} ${guard}`;
      }
      case "GUARD_TYPE_VN": {
        const name = flavor("GuardVNFlavor");
        return name && `${name} pid: ${target} ${guard}`;
      }
      case "GUARD_TYPE_VIRT_MEMORY": {
        const name = flavor("GuardVirtMemoryFlavor");
        return name && `${name} offset: ${subcode}`;
      }
      case "GUARD_TYPE_REJECTED_SC": {
        const name = flavor("GuardRejecteSysCallFlavor");
        return name && `${name} syscall: ${subcode}`;
      }
      default:
        return undefined;
    }
  };
  if (type === "GUARD_TYPE_NONE") return start;
  // minidump-stackwalk prints no space before this slash; consumers match on its text.
  if (type === "GUARD_TYPE_USER") return `${start}/ namespace: ${field(code, 0, 32)} ${guard}`;
  return `${start} / ${detail() ?? `${hex64(code)} / ${hex64(subcode)}`}`;
}
