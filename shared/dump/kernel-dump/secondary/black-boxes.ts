import { at, struct, u8, u32 } from "../../../bytes/layout.ts";
import type { BootStatus, LogonState, PlugAndPlayEvent } from "../../secondary-data.ts";
import { utf16Text } from "../fill.ts";

/**
 * Black boxes: what parts of the system note down while they run, so that a crash tells what they were doing. The
 * layouts are those of Windows 10 (four real dumps), in the order in which `!blackboxbsd` prints the boot status.
 */

/** Bytes of a black box that are read; a device's path is the longest part of one. */
export const MAX_BLACK_BOX_BYTES = 4096;

/** Boot status data, as bootstat.dat keeps them; Version is their size, 0xb0 or 0xc8 so far. */
const BOOT_STATUS_DATA = struct("BSD_BOOT_STATUS_DATA", 0x40, {
  Version: at(0x00, u32),
  LastBootSucceeded: at(0x0a, u8),
  BootAttemptCount: at(0x30, u8),
  LastBootId: at(0x34, u32),
  LastSuccessfulShutdownBootId: at(0x38, u32),
  LastReportedAbnormalShutdownBootId: at(0x3c, u32),
});

const PNP_BLACK_BOX = struct("PNP_BLACKBOX", 0x2c, {
  EventInProgress: at(0x1c, u8),
  ProblemCode: at(0x20, u32),
});

const WINLOGON_BLACK_BOX = struct("WINLOGON_BLACKBOX", 0x0c, {
  Version: at(0x00, u32),
  Size: at(0x04, u32),
  OperationPending: at(0x08, u32),
});

/** Undefined for versions before Windows 10, whose data are shorter, and for damage. */
export function readBootStatus(data: Uint8Array): BootStatus | undefined {
  if (data.length <= BOOT_STATUS_DATA.size) return undefined;
  const record = BOOT_STATUS_DATA.from(data);
  if (record.Version <= BOOT_STATUS_DATA.size) return undefined;
  return {
    lastBootSucceeded: record.LastBootSucceeded !== 0,
    bootAttempts: record.BootAttemptCount,
    bootId: record.LastBootId,
    lastShutdownBootId: record.LastSuccessfulShutdownBootId,
    lastAbnormalBootId: record.LastReportedAbnormalShutdownBootId,
  };
}

/** Undefined for damage. */
export function readPlugAndPlay(data: Uint8Array): PlugAndPlayEvent | undefined {
  if (data.length < PNP_BLACK_BOX.size) return undefined;
  const record = PNP_BLACK_BOX.from(data);
  const deviceId = utf16Text(data.subarray(PNP_BLACK_BOX.size));
  return { deviceId, inProgress: record.EventInProgress !== 0, problem: record.ProblemCode };
}

/** Undefined for other versions and for damage. */
export function readLogon(data: Uint8Array): LogonState | undefined {
  if (data.length < WINLOGON_BLACK_BOX.size) return undefined;
  const record = WINLOGON_BLACK_BOX.from(data);
  if (record.Version !== 1 || record.Size !== data.length) return undefined;
  return {
    operation: utf16Text(data.subarray(WINLOGON_BLACK_BOX.size)),
    pending: record.OperationPending !== 0,
  };
}
