import type { CrashReport } from "../crash-report.ts";
import { classicTime, oneLine, ticked } from "./format.ts";
import { reportPointerSize } from "./header.ts";

/** Loaded and unloaded images in the manner of `lm t n`. */

type Module = CrashReport["modules"][number];

/** First second that a PE file of Windows NT can have been linked at: 1992. */
const FIRST_LINK_TIME = 694_224_000;
/** Clocks of build machines may be ahead of that of the crashed one. */
const CLOCK_SLACK_SECONDS = 86_400;
/** Without a time of the dump, what a signed 32-bit time can hold is plausible. */
const LAST_TIME = 0x7fffffff;

/**
 * What stands behind a PE TimeDateStamp. Reproducible builds write a hash there; only a time between the first
 * Windows NT and the dump itself is taken for a time. A hash in that range cannot be told from one.
 */
export function timestampText(timestamp: number | undefined, dumpSeconds: number | undefined): string {
  if (timestamp === undefined) return "";
  const digits = timestamp.toString(16).toUpperCase().padStart(8, "0");
  if (timestamp === 0) return `unavailable (${digits})`;
  const last = dumpSeconds === undefined ? LAST_TIME : dumpSeconds + CLOCK_SLACK_SECONDS;
  const plausible = timestamp >= FIRST_LINK_TIME && timestamp <= last;
  return plausible
    ? `${classicTime(timestamp * 1000)} (${digits})`
    : `${digits} (hash of a reproducible build, no time)`;
}

/** Names of the images whose symbols are not known to be of their build. */
export function unverifiedModules(report: CrashReport): ReadonlySet<string> {
  return new Set(report.symbols.filter(({ verified }) => verified === false).map(({ module }) => module));
}

/** `start end module name time version` lines of the loaded images, by address. */
export function moduleLines(report: CrashReport): string[] {
  if (report.modules.length === 0) return [];
  const width = reportPointerSize(report) === 8 ? 17 : 8;
  // Addresses of one report have the same number of digits: text order is address order.
  const unverified = unverifiedModules(report);
  const sorted = [...report.modules].sort((a, b) =>
    a.base_addr === b.base_addr ? 0 : a.base_addr < b.base_addr ? -1 : 1,
  );
  return [
    `${"start".padEnd(width)} ${"end".padEnd(width)}   module name`,
    ...sorted.map(
      (module) =>
        `${moduleLine(report, module)}${unverified.has(module.filename) ? "  *** symbols not verified: their build may differ" : ""}`,
    ),
    "",
  ];
}

/** The images that were unloaded before the crash. */
export function unloadedLines(report: CrashReport): string[] {
  if (report.unloaded_modules.length === 0) return [];
  return [
    "Unloaded modules:",
    ...report.unloaded_modules.map((module) => {
      const stamp = timestampText(stampOf(module.code_id), dumpSeconds(report));
      return `${range(report, module)}   ${oneLine(module.filename).padEnd(12)} ${stamp}`.trimEnd();
    }),
    "",
  ];
}

function moduleLine(report: CrashReport, module: Module): string {
  const name = oneLine(module.filename);
  const windows = report.system_info.os === "Windows NT";
  const label = module.base_addr === report.kernel?.base ? "nt" : name.replace(/(.)\.[^.]*$/, "$1");
  // Images of other systems have no link time.
  const stamp = module.timestamp === null || !windows ? undefined : Number(module.timestamp);
  const version = module.version === null ? "" : `  ${oneLine(module.version)}`;
  const text = timestampText(stamp, dumpSeconds(report));
  return `${range(report, module)}   ${windows ? `${label.padEnd(8)} ` : ""}${name.padEnd(12)} ${text}${version}`.trimEnd();
}

function range(report: CrashReport, image: { base_addr: string; end_addr: string }): string {
  const size = reportPointerSize(report);
  return `${ticked(BigInt(image.base_addr), size)} ${ticked(BigInt(image.end_addr), size)}`;
}

function dumpSeconds(report: CrashReport): number | undefined {
  const milliseconds = report.dump.created === null ? Number.NaN : Date.parse(report.dump.created);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** The time that a code id of a PE image begins with: eight hex digits, then the size. */
function stampOf(codeId: string | null): number | undefined {
  const digits = /^[0-9a-f]{8}(?=[0-9a-f]+$)/i.exec(codeId ?? "")?.[0];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
