/** What KUSER_SHARED_DATA, a page that the kernel shares with every program, says of the system. */
export interface DumpSharedData {
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** From Windows 10 on. */
  readonly buildNumber?: number;
  /** VER_NT_*: 1 workstation, 2 domain controller, 3 server. */
  readonly productType?: number;
  readonly suiteMask: number;
  /** Milliseconds since 1970. */
  readonly systemTime?: number;
  /** Seconds since boot. */
  readonly uptimeSeconds?: number;
  /** Pages of 4 KiB. */
  readonly physicalPages?: number;
  readonly activeProcessors?: number;
  /** Which boot since the installation, from Windows 10 on. */
  readonly bootId?: number;
  readonly debuggerEnabled: boolean;
  readonly safeBoot: boolean;
  /** A path of the machine. */
  readonly systemRoot?: string;
}
