import type { VirtualAddress } from "../dump/address.ts";
import type { DumpModule, DumpUnloadedModule } from "../dump/dump.ts";

/** How sure a verdict is: `high` says that the kernel or an argument named the culprit. */
export type Confidence = "high" | "medium" | "low" | "none";

/** One step of a verdict: what was seen, and which rule it fed. Names and numbers only. */
export interface Reason {
  readonly rule: string;
  readonly seen: string;
}

/** Who is blamed, and under which strings the crash is grouped. */
export interface Verdict {
  /** The blamed image, when it is loaded. */
  readonly module?: DumpModule;
  /** The blamed image, when it was unloaded before the crash. */
  readonly unloadedModule?: DumpUnloadedModule;
  /** What is blamed where no image of the dump is: a name from the arguments, memory, a processor. */
  readonly imageName?: string;
  /** Blamed address. */
  readonly address?: VirtualAddress;
  /** Bytes from the image's base to the blamed address. */
  readonly offset?: number;
  /** Function name, once symbols are read. */
  readonly symbol?: string;
  /** Bytes from the function's start to the blamed address. */
  readonly symbolOffset?: number;
  /** WinDbg's FAILURE_BUCKET_ID by its grammar (formats/analyze.md §4). */
  readonly bucketString: string;
  /** WinDbg's BUGCHECK_STR, or the class of a user-mode failure. */
  readonly bugcheckStr: string;
  readonly defaultBucketId: string;
  /** What people read in a list of buckets: as telling as the grouping key, in fewer words. */
  readonly title: string;
  /** What the bucket id is made of: {@link bucketString}, and where no symbol tells functions apart the offset. */
  readonly groupingKey: string;
  readonly confidence: Confidence;
  readonly reasons: readonly Reason[];
}
