/** Names that WinDbg gives to editions and releases of Windows. */

/** First build of each release that has a name of its own, newest first. Every build from 10240 on is `Windows 10` to WinDbg. */
const RELEASES: ReadonlyArray<readonly [build: number, workstation: string, server: string]> = [
  [10240, "Windows 10", "Windows 10"],
  [9600, "Windows 8.1", "Windows Server 2012 R2"],
  [9200, "Windows 8", "Windows Server 2012"],
  [7600, "Windows 7", "Windows Server 2008 R2"],
  [6000, "Windows Vista", "Windows Server 2008"],
  [3790, "Windows Server 2003", "Windows Server 2003"],
  [2600, "Windows XP", "Windows XP"],
  [2195, "Windows 2000", "Windows 2000"],
];

/**
 * OSNAME of a build; undefined for builds older than Windows 2000.
 * @param server product type 2 or 3
 */
export function windowsName(build: number | undefined, server: boolean): string | undefined {
  const release = RELEASES.find(([first]) => build !== undefined && build >= first);
  return release?.[server ? 2 : 1];
}

/** Bits of SuiteMask in the words that debuggers print, lowest bit first (VER_SUITE_*). */
const SUITES: ReadonlyArray<readonly [bit: number, name: string]> = [
  [0x0001, "SmallBusiness"],
  [0x0002, "Enterprise"],
  [0x0004, "BackOffice"],
  [0x0008, "CommunicationServer"],
  [0x0010, "TerminalServer"],
  [0x0020, "SmallBusinessRestricted"],
  [0x0040, "EmbeddedNT"],
  [0x0080, "DataCenter"],
  [0x0100, "SingleUserTS"],
  [0x0200, "Personal"],
  [0x0400, "Blade"],
];

/** `TerminalServer SingleUserTS`. */
export function suiteNames(mask: number): string {
  return SUITES.filter(([bit]) => (mask & bit) !== 0)
    .map(([, name]) => name)
    .join(" ");
}

/**
 * The branch of a build-lab text: `vb_release` of `19041.vb_release.191206-1406`,
 * `win7_gdr` of `7600.16617.amd64fre.win7_gdr.100618-1621`.
 */
export function buildBranch(buildLab: string): string | undefined {
  const parts = buildLab.split(".");
  const stamp = parts.at(-1) ?? "";
  return parts.length >= 3 && /^\d{6}-\d{4}$/.test(stamp) ? parts.at(-2) : undefined;
}
