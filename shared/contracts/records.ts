/** What the store keeps about a crash and a bucket: public fields only, so that a listing never leaks. */

/** Where an analysis ended. */
export type CrashStatus = "analyzed" | "partial" | "rejected";

/** One crash. Written once per run; ordered everywhere by `receivedAt`, then `crashId`. */
export interface CrashRecord {
  readonly crashId: string;
  readonly run: number;
  readonly status: CrashStatus;
  /** Time of the S3 event, ISO 8601 with milliseconds. */
  readonly receivedAt: string;
  readonly machine: string;
  readonly source: {
    readonly bucket: string;
    readonly key: string;
    readonly versionId?: string;
    readonly etag?: string;
    readonly size: number;
  };
  readonly reportKey: string;
  /** Reason code when rejected. */
  readonly reason?: string;
  readonly dumpKind?: string;
  /** Stop code (kernel) or exception code (user), `0x` and lower-case hex without padding. */
  readonly stopCode?: string;
  readonly stopName?: string;
  readonly bucketId?: string;
  readonly bucketTitle?: string;
  /** Grouping configuration that gave the bucket. */
  readonly grouping?: string;
  readonly culpritModule?: string;
  readonly culpritVersion?: string;
  readonly os?: string;
  readonly osVersion?: string;
  /** The dump's own clock, ISO 8601. */
  readonly dumpCreated?: string;
  readonly noteCodes: readonly string[];
  /** What the analysis cost. */
  readonly io: { readonly bytesRead: number; readonly requests: number; readonly rounds: number };
  readonly analysisMs: number;
}

/** One bucket: created once, by the crash that announces it; never written per crash. */
export interface BucketRecord {
  readonly bucketId: string;
  readonly title: string;
  readonly grouping: string;
  readonly firstSeen: string;
  /** The crash whose write created it: that crash announces it. */
  readonly firstCrashId: string;
  readonly state: "open" | "closed" | "muted";
  readonly stopCode?: string;
  readonly culpritModule?: string;
}
