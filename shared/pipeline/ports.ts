import type { ByteSource } from "../bytes/byte-source.ts";
import type { StopcodeEvent } from "../contracts/events.ts";
import type { MetricName } from "../contracts/metrics.ts";
import type { ObjectRef } from "../contracts/object-keys.ts";
import type { BucketRecord, CrashRecord } from "../contracts/records.ts";
import type { CrashListBy } from "../contracts/table-keys.ts";

/**
 * The ports of the use cases. Two families of adapters implement them (aws, embedded), both held to
 * the contract suites in test/support/contracts. Failed calls throw ServiceError or SourceError.
 */

/** A dump that was opened: its bytes are pinned to one version. */
export interface OpenedDump {
  readonly source: ByteSource;
  /** Value of the `stopcode-machine` metadata; it came with the first read. */
  readonly machine?: string;
  /** What the object was pinned to. */
  readonly versionId?: string;
  readonly etag?: string;
}

/** Where dumps lie. */
export interface DumpStore {
  /**
   * Opens one version of an object: one request, whose bytes the source then has.
   * @param sizeHint bytes that the S3 event names, so that a small object comes whole in that request
   * @throws SourceError `source.not-found`, `source.denied`, `source.changed`, or a retryable one
   */
  open(ref: ObjectRef, signal?: AbortSignal, sizeHint?: number): Promise<OpenedDump>;
}

/** Where full reports lie: gzip-compressed JSON. */
export interface ReportStore {
  /** Writes or overwrites a report: the same run writes the same key. */
  put(key: string, gzippedJson: Uint8Array): Promise<void>;
  /** @returns undefined when there is none */
  get(key: string): Promise<Uint8Array | undefined>;
}

/** A crash as stored, with what the pipeline needs to heal a half-done delivery. */
export interface StoredCrash {
  readonly record: CrashRecord;
  /** True once all its events were handed to the bus. */
  readonly notified: boolean;
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Pass it back to go on; absent at the end. */
  readonly cursor?: string;
}

/** Crashes, buckets and counters. All writes are conditional or idempotent. */
export interface CrashStore {
  /** Consistent read. */
  getCrash(crashId: string): Promise<StoredCrash | undefined>;
  /**
   * The transaction: puts the crash if it is not there and adds one to its bucket's hour counter.
   * @returns `exists` when the crash was already recorded: nothing is written, nothing counted
   */
  recordCrash(record: CrashRecord): Promise<"created" | "exists">;
  /**
   * Puts the bucket if it is not there. That one write decides who announces it.
   * @returns the bucket that stands now: the given one, or the one that was there before
   */
  createBucket(bucket: BucketRecord): Promise<BucketRecord>;
  /** Consistent read. */
  getBucket(bucketId: string): Promise<BucketRecord | undefined>;
  /** Adds a note code to a crash that is there; adding it again changes nothing. */
  addNoteCode(crashId: string, code: string): Promise<void>;
  /** Marks the crash as notified: all its events were accepted by the bus. */
  markNotified(crashId: string): Promise<void>;
  /**
   * Counts an attempt that starts from the second delivery on; a kill leaves it counted.
   * @returns how many are counted now, this one included
   */
  beginAttempt(crashId: string): Promise<number>;
  /** Takes all attempts back: the delivery ended in order, even if a service call failed. */
  clearAttempts(crashId: string): Promise<void>;
  /** Crashes of a list, newest first, of one month (`YYYY-MM`; ignored for a day's list). `limit` 1 to 100. */
  listCrashes(list: CrashListBy, month: string, limit: number, cursor?: string): Promise<Page<StoredCrash>>;
  /** Buckets in one state that were first seen in a month, newest first. */
  listBuckets(state: BucketRecord["state"], month: string, limit: number, cursor?: string): Promise<Page<BucketRecord>>;
  /** Crashes of a bucket by UTC hour (`YYYY-MM-DDThh`), inclusive; hours without crashes are left out. */
  bucketCounts(bucketId: string, fromHour: string, toHour: string): Promise<ReadonlyMap<string, number>>;
}

/** The event bus. */
export interface EventPublisher {
  /** Hands events over; resolves only when all were accepted. */
  publish(events: readonly StopcodeEvent[]): Promise<void>;
}

/** What the platform gives that `shared/` does not import: hashes and compression. */
export interface Platform {
  /** First 32 hex digits of SHA-256 over the parts, each preceded by its length. */
  hash(parts: readonly string[]): string;
  /** MD5 digest, 16 bytes: WinDbg's FAILURE_ID_HASH is made of it. */
  md5(bytes: Uint8Array): Uint8Array;
  gzip(bytes: Uint8Array): Promise<Uint8Array>;
  gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>;
}

/** Structured log: public fields and codes only. */
export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Metrics registered in contracts/metrics.ts. */
export interface MetricSink {
  count(name: MetricName, value?: number): void;
}
