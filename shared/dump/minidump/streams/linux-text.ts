import { decodeUtf8 } from "../strings.ts";

/** Texts that Breakpad and minidump-writer copy from /etc and /proc into streams. */

/** Most bytes of such a text that are read. */
export const MAX_TEXT_BYTES = 1 << 20;

/** Distribution, from /etc/lsb-release or /etc/os-release. */
export interface LsbRelease {
  readonly id: string;
  readonly release: string;
  readonly codename: string;
  readonly description: string;
}

/** Label and value of each line that has the separator, in order; spaces and one pair of quotes around them go. */
export function labelledLines(body: Uint8Array, separator: string): [label: string, value: string][] {
  return decodeUtf8(body)
    .split("\n")
    .filter((line) => line.includes(separator))
    .map((line) => {
      const cut = line.indexOf(separator);
      return [unquote(line.slice(0, cut)), unquote(line.slice(cut + separator.length))];
    });
}

/** Reads LinuxLsbRelease; both files' labels count, the last one of a kind wins. */
export function readLsbRelease(body: Uint8Array): LsbRelease {
  const lines = labelledLines(body, "=");
  const last = (...labels: string[]): string => lines.findLast(([label]) => labels.includes(label))?.[1] ?? "";
  return {
    id: last("DISTRIB_ID", "ID"),
    release: last("DISTRIB_RELEASE", "VERSION_ID"),
    codename: last("DISTRIB_CODENAME", "VERSION_CODENAME"),
    description: last("DISTRIB_DESCRIPTION", "PRETTY_NAME"),
  };
}

/** Process id from LinuxProcStatus (/proc/self/status); 0 when it is not there. */
export function readStatusPid(body: Uint8Array): number {
  const text = labelledLines(body, ":").find(([label]) => label === "Pid")?.[1] ?? "";
  const pid = /^\+?\d{1,10}$/.test(text) ? Number(text) : 0;
  return pid < 2 ** 32 ? pid : 0;
}

/** Microcode version from LinuxCpuInfo (/proc/cpuinfo), as `0x…` without leading zeros. */
export function readMicrocode(body: Uint8Array): string | undefined {
  const text = labelledLines(body, ":").find(([label]) => label === "microcode")?.[1] ?? "";
  return /^0x[0-9a-f]{1,16}$/i.test(text) ? `0x${BigInt(text).toString(16)}` : undefined;
}

function unquote(text: string): string {
  const trimmed = text.replace(/^[ \t\n\r\f]+|[ \t\n\r\f]+$/g, "");
  return trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed;
}
