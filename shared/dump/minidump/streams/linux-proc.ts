import { decodeUtf8 } from "../strings.ts";

/** Texts of /proc/self that minidump-writer copies into streams. */

/** A limit of a resource: bytes, seconds, … by its unit. */
export type Limit = number | "unlimited";

/** One row of /proc/self/limits. */
export interface ProcLimit {
  readonly name: string;
  readonly soft: Limit;
  readonly hard: Limit;
  /** `n/a` where the kernel gives none. */
  readonly unit: string;
}

/** Reads MozLinuxLimits (/proc/self/limits): a heading, then columns that two spaces or more keep apart. */
export function readProcLimits(body: Uint8Array): { readonly limits: readonly ProcLimit[] } {
  const rows = decodeUtf8(body)
    .split("\n")
    .filter((line) => line !== "")
    .slice(1);
  const limits = rows.flatMap((line): ProcLimit[] => {
    const [name, soft, hard, unit] = line.split("  ").filter((cell) => cell !== "");
    if (name === undefined || soft === undefined || hard === undefined) return [];
    return [{ name: name.trim(), soft: limit(soft), hard: limit(hard), unit: unit?.trim() ?? "n/a" }];
  });
  return { limits };
}

/**
 * Number of mappings in LinuxMaps (/proc/self/maps): the lines that start with a range of addresses.
 * Limits of the kernel on it (vm.max_map_count) are a cause of failed allocations.
 */
export function countMaps(body: Uint8Array): number {
  const lines = decodeUtf8(body).split("\n");
  return lines.filter((line) => /^[0-9a-f]{1,16}-[0-9a-f]{1,16} [r-][w-][x-][ps-] /i.test(line)).length;
}

function limit(text: string): Limit {
  const trimmed = text.trim();
  if (trimmed === "unlimited") return "unlimited";
  return /^\d{1,20}$/.test(trimmed) ? Number(trimmed) : 0;
}
