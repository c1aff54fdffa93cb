import { at, rawBytes, struct, u8, u32, u64 } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import type { DumpSharedData } from "../../shared-data.ts";
import { filetimeToMillis, utf16Text } from "../fill.ts";
import { headerSystem, headerTimes, type KernelHeader } from "../header.ts";

/**
 * The part of KUSER_SHARED_DATA that is read, at the same places since Windows XP where no build is named.
 * https://learn.microsoft.com/windows-hardware/drivers/ddi/ntddk/ns-ntddk-kuser_shared_data
 */
export const KUSER_SHARED_DATA = struct("KUSER_SHARED_DATA", 0x3c4, {
  /** KSYSTEM_TIME: low half, then the high half twice. */
  InterruptTime: at(0x08, u64),
  SystemTime: at(0x14, u64),
  NtSystemRoot: at(0x30, rawBytes(520)),
  /** Windows 10. */
  NtBuildNumber: at(0x260, u32),
  NtProductType: at(0x264, u32),
  NtMajorVersion: at(0x26c, u32),
  NtMinorVersion: at(0x270, u32),
  /** Windows 10. */
  BootId: at(0x2c4, u32),
  SuiteMask: at(0x2d0, u32),
  KdDebuggerEnabled: at(0x2d4, u8),
  NumberOfPhysicalPages: at(0x2e8, u32),
  SafeBootMode: at(0x2ec, u8),
  /** Windows 7. */
  ActiveProcessorCount: at(0x3c0, u32),
});

const WINDOWS_7 = 7600;
const WINDOWS_10 = 10240;
/** More processors than any system has had. */
const MAX_PROCESSORS = 2048;
/** Beyond a century it is damage, not an uptime. */
const MAX_UPTIME = 31_536_000_000_000_000n;
/** The header's time and that of the page are taken one after the other. */
const CLOCK_SLACK_MS = 60_000;

/**
 * What the page says; what is not plausible is absent, and all of it where the version is none of Windows.
 * @param build of the header, which tells which fields there are
 */
export function readSharedData(bytes: Uint8Array, build: number): DumpSharedData | undefined {
  const record = KUSER_SHARED_DATA.from(bytes);
  if (record.NtMajorVersion < 5 || record.NtMajorVersion > 10 || record.NtMinorVersion > 4) return undefined;
  const systemTime = filetimeToMillis(record.SystemTime);
  const up = record.InterruptTime;
  const product = record.NtProductType;
  const buildNumber = record.NtBuildNumber & 0xffff;
  const systemRoot = utf16Text(record.NtSystemRoot);
  const processors = record.ActiveProcessorCount;
  return {
    majorVersion: record.NtMajorVersion,
    minorVersion: record.NtMinorVersion,
    ...(build >= WINDOWS_10 && buildNumber > 0 ? { buildNumber } : {}),
    ...(product >= 1 && product <= 3 ? { productType: product } : {}),
    suiteMask: record.SuiteMask,
    ...(systemTime === undefined ? {} : { systemTime }),
    ...(up > 0n && up < MAX_UPTIME ? { uptimeSeconds: Number(up) / 1e7 } : {}),
    ...(record.NumberOfPhysicalPages > 0 ? { physicalPages: record.NumberOfPhysicalPages } : {}),
    ...(build >= WINDOWS_7 && processors > 0 && processors <= MAX_PROCESSORS ? { activeProcessors: processors } : {}),
    ...(build >= WINDOWS_10 && record.BootId > 0 ? { bootId: record.BootId } : {}),
    debuggerEnabled: (record.KdDebuggerEnabled & 1) !== 0,
    safeBoot: record.SafeBootMode === 1,
    ...(/^[A-Za-z]:\\[^?]*$/.test(systemRoot) ? { systemRoot } : {}),
  };
}

/** Notes where the page contradicts the header: one of them was made up or overwritten. */
export function noteContradictions(header: KernelHeader, shared: DumpSharedData, notes: Notes): void {
  const system = headerSystem(header);
  const times = headerTimes(header);
  const differ = (left: number | undefined, right: number | undefined, slack = 0): boolean =>
    left !== undefined && right !== undefined && Math.abs(left - right) > slack;
  const found = [
    differ(system.osBuild, shared.buildNumber) ? "build number" : "",
    differ(system.productType, shared.productType) ? "product type" : "",
    differ(system.cpuCount, shared.activeProcessors) ? "number of processors" : "",
    differ(times.created, shared.systemTime, CLOCK_SLACK_MS) ? "time" : "",
  ].filter((name) => name !== "");
  if (found.length > 0) {
    notes.add("kernel.contradiction", "kernel/shared-data", `header and shared data differ: ${found.join(", ")}`);
  }
}
