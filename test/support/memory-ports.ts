import { type ByteSource, memorySource } from "../../shared/bytes/byte-source.ts";
import { SourceError } from "../../shared/bytes/errors.ts";
import type { StopcodeEvent } from "../../shared/contracts/events.ts";
import type { ObjectRef } from "../../shared/contracts/object-keys.ts";
import type { BucketRecord, CrashRecord } from "../../shared/contracts/records.ts";
import { type CrashListBy, dayOf, hourOf, monthOf } from "../../shared/contracts/table-keys.ts";
import type {
  CrashStore,
  DumpStore,
  EventPublisher,
  Logger,
  MetricSink,
  OpenedDump,
  Page,
  ReportStore,
  StoredCrash,
} from "../../shared/pipeline/ports.ts";

/** Ports in plain memory: the contract suites run on them, and the use case's fault tests break them. */
export class MemoryCrashStore implements CrashStore {
  readonly crashes = new Map<string, { record: CrashRecord; notified: boolean }>();
  readonly buckets = new Map<string, BucketRecord>();
  readonly counts = new Map<string, number>();
  readonly attempts = new Map<string, number>();

  async getCrash(crashId: string): Promise<StoredCrash | undefined> {
    const stored = this.crashes.get(crashId);
    return stored && { ...stored };
  }

  async recordCrash(record: CrashRecord): Promise<"created" | "exists"> {
    if (this.crashes.has(record.crashId)) return "exists";
    this.crashes.set(record.crashId, { record, notified: false });
    if (record.bucketId !== undefined) {
      const key = `${record.bucketId}#${hourOf(record.receivedAt)}`;
      this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    }
    return "created";
  }

  async createBucket(bucket: BucketRecord): Promise<BucketRecord> {
    const standing = this.buckets.get(bucket.bucketId) ?? bucket;
    this.buckets.set(bucket.bucketId, standing);
    return standing;
  }

  async getBucket(bucketId: string): Promise<BucketRecord | undefined> {
    return this.buckets.get(bucketId);
  }

  async addNoteCode(crashId: string, code: string): Promise<void> {
    const stored = this.crashes.get(crashId);
    if (!stored || stored.record.noteCodes.includes(code)) return;
    stored.record = { ...stored.record, noteCodes: [...stored.record.noteCodes, code] };
  }

  async markNotified(crashId: string): Promise<void> {
    const stored = this.crashes.get(crashId);
    if (stored) stored.notified = true;
  }

  async beginAttempt(crashId: string): Promise<number> {
    const count = (this.attempts.get(crashId) ?? 0) + 1;
    this.attempts.set(crashId, count);
    return count;
  }

  async clearAttempts(crashId: string): Promise<void> {
    this.attempts.delete(crashId);
  }

  async listCrashes(list: CrashListBy, month: string, limit: number, cursor?: string): Promise<Page<StoredCrash>> {
    const items = [...this.crashes.values()]
      .filter(({ record }) => matches(record, list) && (list.by === "day" || monthOf(record.receivedAt) === month))
      .sort((a, b) => (sortKey(a.record) < sortKey(b.record) ? 1 : -1));
    return page(items, limit, cursor);
  }

  async listBuckets(
    state: BucketRecord["state"],
    month: string,
    limit: number,
    cursor?: string,
  ): Promise<Page<BucketRecord>> {
    const items = [...this.buckets.values()]
      .filter((bucket) => bucket.state === state && monthOf(bucket.firstSeen) === month)
      .sort((a, b) => (`${a.firstSeen}#${a.bucketId}` < `${b.firstSeen}#${b.bucketId}` ? 1 : -1));
    return page(items, limit, cursor);
  }

  async bucketCounts(bucketId: string, fromHour: string, toHour: string): Promise<ReadonlyMap<string, number>> {
    const entries = [...this.counts].flatMap(([key, count]): [string, number][] => {
      const [bucket, hour = ""] = key.split("#");
      return bucket === bucketId && hour >= fromHour && hour <= toHour ? [[hour, count]] : [];
    });
    return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function sortKey(record: CrashRecord): string {
  return `${record.receivedAt}#${record.crashId}`;
}

function page<T>(items: readonly T[], limit: number, cursor?: string): Page<T> {
  const start = cursor === undefined ? 0 : Number(cursor);
  const end = start + limit;
  return end < items.length ? { items: items.slice(start, end), cursor: String(end) } : { items: items.slice(start) };
}

function matches(record: CrashRecord, list: CrashListBy): boolean {
  const same = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();
  switch (list.by) {
    case "bucket":
      return record.bucketId === list.bucketId;
    case "machine":
      return record.machine === list.machine;
    case "day":
      return dayOf(record.receivedAt) === list.day;
    case "stop":
      return record.stopCode === list.stopCode;
    case "module":
      return same(record.culpritModule, list.module);
    case "version":
      return same(record.culpritModule, list.module) && record.culpritVersion === list.version;
  }
}

/** Objects in memory. A missing key is `source.not-found`. */
export class MemoryDumpStore implements DumpStore {
  readonly objects = new Map<string, { bytes: Uint8Array; machine?: string }>();

  async open(ref: ObjectRef): Promise<OpenedDump> {
    const object = this.objects.get(ref.key);
    if (!object) throw new SourceError("source.not-found", "there is no such object");
    const source: ByteSource = memorySource(object.bytes);
    return object.machine === undefined ? { source } : { source, machine: object.machine };
  }
}

/** Reports in memory. */
export class MemoryReportStore implements ReportStore {
  readonly reports = new Map<string, Uint8Array>();

  async put(key: string, gzippedJson: Uint8Array): Promise<void> {
    this.reports.set(key, gzippedJson);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.reports.get(key);
  }
}

/** A bus that keeps what it was given. */
export class MemoryEventBus implements EventPublisher {
  readonly events: StopcodeEvent[] = [];

  async publish(events: readonly StopcodeEvent[]): Promise<void> {
    this.events.push(...events);
  }
}

/** A log that keeps nothing. */
export const silentLog: Logger = { info: () => {}, warn: () => {}, error: () => {} };
/** Metrics that go nowhere. */
export const silentMetrics: MetricSink = { count: () => {} };
