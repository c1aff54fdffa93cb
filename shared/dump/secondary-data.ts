/**
 * What firmware and components have put beside a kernel dump (secondary data), as far as it is understood. Serial
 * numbers, UUIDs and asset tags stand in the same blobs and are never read out.
 */

/** Who made the machine, by the tables of its firmware (SMBIOS). */
export interface DumpFirmware {
  readonly biosVendor?: string;
  readonly biosVersion?: string;
  /** As the firmware writes it, mostly month/day/year. */
  readonly biosDate?: string;
  readonly manufacturer?: string;
  readonly product?: string;
  readonly boardManufacturer?: string;
  readonly boardProduct?: string;
}

/** A piece of secondary data. */
export interface DumpBlob {
  /** GUID as people write it. */
  readonly tag: string;
  /** File offset of the data. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** What it is known to hold. */
  readonly holds?: string;
  /** The component that wrote it, where the data begin with its name. */
  readonly component?: string;
}

/** A table of the firmware (ACPI), by its header. */
export interface AcpiTable {
  readonly signature: string;
  /** Absent where the dump has only the head of the header. */
  readonly oemId?: string;
  readonly oemTable?: string;
}

/** A function of a PCI device, as its configuration space stood when the system stopped. */
export interface PciFunction {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Base class, subclass and programming interface, 24 bits. */
  readonly classCode: number;
  readonly revision: number;
}

/** What the boot status data (bootstat.dat) say: boots are counted from the system's installation on. */
export interface BootStatus {
  readonly lastBootSucceeded: boolean;
  readonly bootAttempts: number;
  readonly bootId: number;
  readonly lastShutdownBootId: number;
  readonly lastAbnormalBootId: number;
}

/** What Plug and Play was doing, or did last. */
export interface PlugAndPlayEvent {
  /** Instance path of the device: can hold its serial number. */
  readonly deviceId: string;
  readonly inProgress: boolean;
  /** CM_PROB_*, 0 for none. */
  readonly problem: number;
}

/** What winlogon was doing. */
export interface LogonState {
  readonly operation: string;
  readonly pending: boolean;
}

/** Black boxes that debuggers name in their analysis. */
export type BlackBox = "BSD" | "NTFS" | "PNP" | "WINLOGON";

/** Everything that is understood of the secondary data; what the dump lacks is absent. */
export interface DumpSecondaryData {
  readonly blobs: readonly DumpBlob[];
  readonly firmware?: DumpFirmware;
  /** The processor's own name, by CPUID. */
  readonly cpuName?: string;
  readonly acpiTables?: readonly AcpiTable[];
  readonly pciFunctions?: readonly PciFunction[];
  /** In the order in which debuggers print them. */
  readonly blackBoxes: readonly BlackBox[];
  readonly boot?: BootStatus;
  readonly plugAndPlay?: PlugAndPlayEvent;
  readonly logon?: LogonState;
}
