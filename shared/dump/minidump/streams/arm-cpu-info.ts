/**
 * Text of an ARM processor from its Main ID Register and the kernel's capability bits:
 * implementer in bits 24..31, part in bits 4..15 (ARM Architecture Reference Manual, MIDR).
 */

const VENDORS: ReadonlyMap<number, string> = new Map([
  [0x41, "ARM"],
  [0x51, "Qualcomm"],
  [0x56, "Marvell"],
  [0x69, "Intel/Marvell"],
]);

const PARTS: ReadonlyMap<number, string> = new Map([
  [0x4100c050, "Cortex-A5"],
  [0x4100c080, "Cortex-A8"],
  [0x4100c090, "Cortex-A9"],
  [0x4100c0f0, "Cortex-A15"],
  [0x4100c140, "Cortex-R4"],
  [0x4100c150, "Cortex-R5"],
  [0x4100b360, "ARM1136"],
  [0x4100b560, "ARM1156"],
  [0x4100b760, "ARM1176"],
  [0x4100b020, "ARM11-MPCore"],
  [0x41009260, "ARM926"],
  [0x41009460, "ARM946"],
  [0x41009660, "ARM966"],
  [0x510006f0, "Krait"],
  [0x510000f0, "Scorpion"],
]);

/** Names of HWCAP bits 0, 1, 2, … of 32-bit ARM Linux. */
const FEATURES = [
  "swp",
  "half",
  "thumb",
  "26bit",
  "fastmult",
  "fpa",
  "vfpv2",
  "edsp",
  "java",
  "iwmmxt",
  "crunch",
  "thumbee",
  "neon",
  "vfpv3",
  "vfpv3d16",
  "tls",
  "vfpv4",
  "idiva",
  "idivt",
] as const;
/** Bits that Linux has defined; those above the named ones still show the list. */
const KNOWN_HWCAPS = (1 << 22) - 1;

/**
 * The text that reports print as `cpu_info`.
 * @param level architecture version, e.g. 7
 * @param cpuid MIDR, 0 when not known
 * @param hwcaps AT_HWCAP
 */
export function armCpuInfo(level: number, cpuid: number, hwcaps: number): string {
  let text = `ARMv${level}`;
  if (cpuid !== 0) {
    const vendor = cpuid >>> 24;
    const part = (cpuid & 0xff00_fff0) >>> 0;
    text += ` ${VENDORS.get(vendor) ?? `vendor(0x${vendor.toString(16)})`}`;
    text += ` ${PARTS.get(part) ?? `part(0x${part.toString(16)})`}`;
  }
  if ((hwcaps & KNOWN_HWCAPS) !== 0) {
    text += ` features: ${FEATURES.filter((_, bit) => (hwcaps & (1 << bit)) !== 0).join(",")}`;
  }
  return text;
}
