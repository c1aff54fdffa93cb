import type { BucketRecord, CrashRecord } from "./records.ts";

/** Bodies of the HTTP API, as the dashboard and the command line read them. */

/** Every answer that is not 2xx. */
export interface ApiError {
  readonly error: {
    /** Stable and dotted, such as `query.bad-limit`. */
    readonly code: string;
    /** One sentence for people that names what was wrong. */
    readonly message: string;
  };
}

/** A page of a listing. */
export interface ApiPage<T> {
  readonly items: readonly T[];
  /** Pass it back as `cursor` to go on; absent at the end. */
  readonly cursor?: string;
}

/** An upload that is kept and queued: 202. */
export interface UploadAccepted {
  readonly uploadId: string;
  readonly crashId: string;
  /** Path that answers {@link ApiCrash}. */
  readonly statusUrl: string;
  readonly size: number;
}

/** A crash with the name of the file that it came from, when the upload gave one. */
export interface ApiCrash {
  /** `queued`: not analysed yet; `failed`: tried too often, kept for a person to look at; else `record` is there. */
  readonly state: "queued" | "failed" | "done";
  readonly crashId: string;
  readonly fileName?: string;
  /** Code of the last failure when `failed` or when it is tried again. */
  readonly error?: string;
  readonly record?: CrashRecord;
}

/** Messages whose analysis failed too often; they are kept until they are tried again. */
export interface ApiFailed {
  readonly items: readonly {
    readonly crashId?: string;
    /** Code of the last failure. */
    readonly error: string;
    readonly receiveCount: number;
  }[];
}

/** A bucket with its figures. */
export interface ApiBucket extends BucketRecord {
  /** Crashes ever counted. */
  readonly count: number;
  readonly lastSeen: string;
}

/** One bucket with its crashes by UTC hour (`2026-11-22T14`), the last 30 days. */
export interface ApiBucketDetail extends ApiBucket {
  readonly hours: Readonly<Record<string, number>>;
}
