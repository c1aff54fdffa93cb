import type { OracleDifference } from "./minidump-oracle.ts";

/** A difference that was looked into: which one, and which side the bytes prove right. */
export interface KnownDifference {
  /** Dump, relative to the corpus. */
  readonly file: string;
  /** Field by the oracle's key, indexes left out. */
  readonly field: string;
  readonly reason: string;
}

/** All differences between our reading and minidump-stackwalk 0.27's over the corpus. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    file: "mdmp/google_breakpad/linux_executable_stack.dmp",
    field: "linux_memory_map_count",
    reason:
      "the copy of /proc/self/maps (offset 34184, 3439 bytes) has one character more in its [stack] line than the " +
      "writer counted, so its last line ends within the device number. The oracle drops all 35 lines for that one; " +
      "each of them shows a range and permissions, and other dumps of the same program have 34 or 35",
  },
];

/** Why a difference is right; undefined when nobody has looked into it. */
export function explain(path: string, { field }: OracleDifference): string | undefined {
  return KNOWN_DIFFERENCES.find((known) => known.file === path && known.field === field)?.reason;
}
