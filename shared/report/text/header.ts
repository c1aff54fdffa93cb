import { type CpuArch, pointerSizeOf } from "../../dump/address.ts";
import type { CrashReport } from "../crash-report.ts";
import { suiteNames, windowsName } from "../windows-names.ts";
import { classicDuration, classicTime, oneLine } from "./format.ts";

/** The lines above the analysis: which system, which build, when, for how long. */

/** How debuggers call the CPU in the version line. */
const CPU_WORDS: Readonly<Record<string, string>> = {
  x86: "x86 compatible",
  amd64: "x64",
  arm: "ARM",
  arm64: "ARM 64-bit (AArch64)",
};

/** How debuggers call the product types of the report. */
const PRODUCTS: Readonly<Record<string, string>> = {
  workstation: "WinNt",
  "domain controller": "LanManNt",
  server: "ServerNt",
};

/** MajorVersion of a kernel that was built with checks. */
const CHECKED_BUILD = 0xc;
const FREE_BUILD = 0xf;

/** The CPU's pointer width, which decides how addresses are printed. */
export function reportPointerSize(report: CrashReport): 4 | 8 {
  return pointerSizeOf((report.system_info.cpu_arch ?? "unknown") as CpuArch);
}

/** Header lines; a line whose facts are not known is left out. */
export function headerLines(report: CrashReport): string[] {
  const { kernel, dump, process } = report;
  const lines = [versionLine(report), productLine(report)];
  if (kernel?.build_lab) lines.push(`Built by: ${oneLine(kernel.build_lab)}`);
  if (kernel) {
    const base = kernel.base === null ? "" : `Kernel base = ${listed(report, kernel.base)} `;
    lines.push(`${base}PsLoadedModuleList = ${listed(report, kernel.loaded_module_list)}`);
  }
  lines.push(machineLine(report), bootLine(report), stateLine(report));
  const created = dump.created === null ? undefined : classicTime(Date.parse(dump.created));
  if (created !== undefined) lines.push(`Debug session time: ${created} (UTC + 0:00)`);
  if (dump.uptime_seconds !== null) lines.push(`System Uptime: ${classicDuration(dump.uptime_seconds)}`);
  if (process.uptime_seconds !== null) lines.push(`Process Uptime: ${classicDuration(process.uptime_seconds)}`);
  if (dump.truncated) lines.push("The file ends before what its headers promise.");
  return lines.filter((line) => line !== "");
}

/** `0x804d4000` or `` 0xfffff800`02a03000 ``. */
function listed(report: CrashReport, address: string): string {
  const digits = address.slice(2);
  return reportPointerSize(report) === 8 ? `0x${digits.slice(0, -8)}\`${digits.slice(-8)}` : address;
}

/** `Windows XP Kernel Version 2600 (Service Pack 1) UP Free x86 compatible`. */
function versionLine(report: CrashReport): string {
  const { system_info: system, kernel } = report;
  const cpu = CPU_WORDS[system.cpu_arch ?? ""] ?? system.cpu_arch ?? "";
  if (system.os !== "Windows NT") return oneLine([system.os, system.os_ver, cpu].filter(Boolean).join(" "));
  const [version = "", ...rest] = (system.os_ver ?? "").split(" ");
  const build = Number(version.split(".")[2]);
  const known = Number.isSafeInteger(build) ? build : undefined;
  const server = system.product_type === "server" || system.product_type === "domain controller";
  return oneLine(
    [
      windowsName(known, server) ?? "Windows",
      kernel ? "Kernel Version" : "Version",
      known ?? version,
      rest.length > 0 ? `(${rest.join(" ")})` : "",
      processors(system.cpu_count),
      flavour(kernel?.major_version),
      cpu,
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
}

function processors(count: number | null): string {
  if (count === null || count === 0) return "";
  return count === 1 ? "UP" : `MP (${count} procs)`;
}

function flavour(majorVersion: number | undefined): string {
  if (majorVersion === CHECKED_BUILD) return "Checked";
  return majorVersion === FREE_BUILD ? "Free" : "";
}

/** `Product: WinNt, suite: TerminalServer SingleUserTS`. */
function productLine(report: CrashReport): string {
  const { product_type: product, suite_mask: mask } = report.system_info;
  const name = PRODUCTS[product ?? ""];
  if (name === undefined) return "";
  const suites = mask === undefined ? "" : suiteNames(Number(mask));
  return `Product: ${name}${suites === "" ? "" : `, suite: ${suites}`}`;
}

/** `Machine: LENOVO 20XW, BIOS LENOVO N32ET75W (1.51 ) 12/02/2021; 11th Gen Intel(R) Core(TM) i7-1165G7`. */
function machineLine({ system_info: { firmware, cpu_name: cpu } }: CrashReport): string {
  const words = (...parts: (string | null | undefined)[]): string => parts.filter(Boolean).join(" ");
  const maker = firmware && words(firmware.manufacturer, firmware.product);
  const bios = firmware && words(firmware.bios_vendor, firmware.bios_version, firmware.bios_date);
  const machine = [maker, bios ? `BIOS ${bios}` : ""].filter(Boolean).join(", ");
  const line = [machine, cpu].filter(Boolean).join("; ");
  return line === "" ? "" : oneLine(`Machine: ${line}`);
}

/** `Boot: 17, last shutdown 14, last abnormal shutdown reported 16`: numbers of boots, counted from the installation. */
function bootLine({ kernel }: CrashReport): string {
  const boot = kernel?.secondary_data?.boot_status;
  if (!boot) return "";
  const { boot_id: now, last_shutdown_boot_id: shutdown, last_abnormal_boot_id: abnormal } = boot;
  const parts = [
    `Boot: ${now}`,
    shutdown > 0 ? `last shutdown ${shutdown}` : "",
    abnormal > 0 ? `last abnormal shutdown reported ${abnormal}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** `Physical memory: 16384 MB, debugger enabled, safe mode`: what is unusual is named. */
function stateLine({ kernel }: CrashReport): string {
  const shared = kernel?.shared_data;
  if (!shared) return "";
  const { physical_memory_bytes: memory } = shared;
  const parts = [
    memory === null ? "" : `Physical memory: ${Math.round(memory / 2 ** 20)} MB`,
    shared.debugger_enabled ? "debugger enabled" : "",
    shared.safe_boot ? "safe mode" : "",
  ];
  const line = parts.filter(Boolean).join(", ");
  return line.charAt(0).toUpperCase() + line.slice(1);
}
