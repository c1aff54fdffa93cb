import type { Dump } from "../../dump/dump.ts";
import { bugcheckStr } from "../kernel-bucket.ts";
import type { BucketParts } from "./stop-facts.ts";

/**
 * BUGCHECK_STR and FAILURE_BUCKET_ID from what a decoder found (formats/analyze.md §4).
 * @param blamed `module!function`, `module!unknown_function`; undefined when nobody is blamed: then the class
 * stands alone, as in WinDbg's `0x9F_3` where the request is not in the dump
 */
export function stopBucket(
  dump: Dump,
  parts: BucketParts,
  blamed: string | undefined,
): { readonly bugcheckStr: string; readonly bucketString: string } {
  const live = dump.kind === "kernel-live" ? "LKD_" : "";
  const plain = parts.class ?? bugcheckStr(dump);
  const str = `${live}${plain}`;
  const rest = [parts.qualifier, parts.blame ?? blamed];
  const named = [str, ...rest].filter((part) => part !== undefined && part !== "").join("_");
  return { bugcheckStr: str, bucketString: parts.whole ?? named };
}
