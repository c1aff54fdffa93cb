import { dataView } from "../../../bytes/layout.ts";
import type { CpuArch } from "../../address.ts";
import type { DumpSystem } from "../../dump.ts";
import { MINIDUMP_SYSTEM_INFO } from "../format.ts";
import { armCpuInfo } from "./arm-cpu-info.ts";

/** SystemInfoStream as stored, with CPU and system by name. */
export interface SystemInfo {
  readonly cpu: CpuArch;
  readonly os: string;
  /** RVA of the service pack or kernel text; 0 when there is none. */
  readonly csdVersionRva: number;
  /** True where PlatformId says Linux: its texts follow other rules. */
  readonly isLinux: boolean;
  readonly system: DumpSystem;
  readonly version: string;
}

/** PROCESSOR_ARCHITECTURE_*: Microsoft's below 0x8000, Breakpad's above. */
const ARCHITECTURES: ReadonlyMap<number, CpuArch> = new Map([
  [0, "x86"],
  [1, "mips"],
  [3, "ppc"],
  [5, "arm"],
  [6, "ia64"],
  [9, "amd64"],
  // x86 on 64-bit Windows
  [10, "x86"],
  [12, "arm64"],
  [0x8001, "sparc"],
  [0x8002, "ppc64"],
  // ARM64 with the context layout that Breakpad had first
  [0x8003, "arm64"],
  [0x8004, "mips64"],
  [0x8005, "riscv"],
  [0x8006, "riscv64"],
]);

/** PlatformId: VER_PLATFORM_* of Microsoft below 0x8000, MD_OS_* of Breakpad above. */
const PLATFORMS: ReadonlyMap<number, string> = new Map([
  [1, "Windows NT"],
  [2, "Windows NT"],
  [3, "Windows NT"],
  [0x8101, "Mac OS X"],
  [0x8102, "iOS"],
  [0x8201, "Linux"],
  [0x8202, "Solaris"],
  [0x8203, "Android"],
  [0x8204, "PS3"],
  [0x8205, "NaCl"],
  [0x8206, "Fuchsia"],
]);
const PLATFORM_LINUX = 0x8201;

/**
 * Reads SystemInfoStream.
 * @throws FormatError when the stream is shorter than its layout
 */
export function readSystemInfo(body: Uint8Array): SystemInfo {
  const raw = MINIDUMP_SYSTEM_INFO.from(body);
  const cpu = ARCHITECTURES.get(raw.ProcessorArchitecture) ?? "unknown";
  const os = PLATFORMS.get(raw.PlatformId) ?? `0x${raw.PlatformId.toString(16).padStart(8, "0")}`;
  const cpuInfo = cpuText(cpu, raw);
  return {
    cpu,
    os,
    csdVersionRva: raw.CSDVersionRva,
    isLinux: raw.PlatformId === PLATFORM_LINUX,
    version: `${raw.MajorVersion}.${raw.MinorVersion}.${raw.BuildNumber}`,
    system: {
      os,
      osBuild: raw.BuildNumber,
      cpuCount: raw.NumberOfProcessors,
      ...(cpuInfo === undefined ? {} : { cpuInfo }),
      ...(os === "Windows NT" ? { productType: raw.ProductType, suiteMask: raw.SuiteMask } : {}),
    },
  };
}

/**
 * Version as reports print it: numbers, then the service pack or kernel text. Linux writers that put
 * 0.0.0 leave all of it in the text, which is `uname -srvmo`: name, release, version, machine, system.
 */
export function osVersionText(info: SystemInfo, csdVersion: string | undefined): string {
  const text = csdVersion?.trim() ?? "";
  const plain = text === "" ? info.version : `${info.version} ${text}`;
  if (!info.isLinux || info.version !== "0.0.0") return plain;
  const words = (csdVersion ?? "").split(" ");
  const release = words[1] ?? "0.0.0";
  if (release === "0.0.0") return plain;
  const rest = words.slice(2);
  if (rest.pop() === "Linux/GNU") rest.pop();
  return `${release} ${rest.join(" ")}`;
}

function cpuText(
  cpu: CpuArch,
  raw: { ProcessorLevel: number; ProcessorRevision: number; Cpu: Uint8Array },
): string | undefined {
  if (cpu === "arm") {
    const view = dataView(raw.Cpu);
    return armCpuInfo(raw.ProcessorLevel, view.getUint32(0, true), view.getUint32(4, true));
  }
  if (cpu !== "x86" && cpu !== "amd64") return undefined;
  const model = (raw.ProcessorRevision >> 8) & 0xff;
  const text = `family ${raw.ProcessorLevel} model ${model} stepping ${raw.ProcessorRevision & 0xff}`;
  // Only the x86 form of CPU_INFORMATION holds the vendor; Latin-1, so that every byte is one character.
  return cpu === "x86" ? `${String.fromCharCode(...raw.Cpu.subarray(0, 12))} ${text}` : text;
}
