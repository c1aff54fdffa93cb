import type { BucketRecord, CrashRecord } from "../../contracts/records.ts";
import { type CrashListBy, hourOf } from "../../contracts/table-keys.ts";
import type { CrashStore, Page, StoredCrash } from "../../pipeline/ports.ts";
import { checkLimit, decodeCursor, pageOf } from "./cursor.ts";
import type { Database, Row } from "./database.ts";

/** A bucket with the figures that a single machine can afford to ask for on the spot. */
export interface BucketFigures {
  readonly record: BucketRecord;
  /** Crashes ever counted. */
  readonly count: number;
  /** `received_at` of its newest crash; the bucket's first when its crashes are gone. */
  readonly lastSeen: string;
}

/**
 * Crashes, buckets and counters in SQL. The columns beside `record` are only what lists ask by;
 * the record itself is JSON, so that a new field needs no migration.
 */
export class EmbeddedCrashStore implements CrashStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async getCrash(crashId: string): Promise<StoredCrash | undefined> {
    const row = this.#db.get("SELECT record, notified FROM crashes WHERE crash_id = ?", crashId);
    return row && storedCrash(row);
  }

  async recordCrash(record: CrashRecord): Promise<"created" | "exists"> {
    return this.#db.transaction(() => {
      const put = this.#db.run(
        `INSERT INTO crashes (crash_id, received_at, machine, bucket_id, stop_code, module, version, record)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        record.crashId,
        record.receivedAt,
        record.machine,
        record.bucketId ?? null,
        record.stopCode ?? null,
        record.culpritModule?.toLowerCase() ?? null,
        record.culpritVersion ?? null,
        JSON.stringify(record),
      );
      if (put === 0) return "exists";
      if (record.bucketId !== undefined) {
        this.#db.run(
          `INSERT INTO hour_counts (bucket_id, hour, count) VALUES (?, ?, 1)
           ON CONFLICT DO UPDATE SET count = count + 1`,
          record.bucketId,
          hourOf(record.receivedAt),
        );
      }
      return "created";
    });
  }

  async createBucket(bucket: BucketRecord): Promise<BucketRecord> {
    const put = this.#db.run(
      "INSERT INTO buckets (bucket_id, state, first_seen, record) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      bucket.bucketId,
      bucket.state,
      bucket.firstSeen,
      JSON.stringify(bucket),
    );
    return put === 1 ? bucket : ((await this.getBucket(bucket.bucketId)) ?? bucket);
  }

  async getBucket(bucketId: string): Promise<BucketRecord | undefined> {
    const row = this.#db.get("SELECT record FROM buckets WHERE bucket_id = ?", bucketId);
    return row && bucketRecord(row);
  }

  async markNotified(crashId: string): Promise<void> {
    this.#db.run("UPDATE crashes SET notified = 1 WHERE crash_id = ?", crashId);
  }

  async addNoteCode(crashId: string, code: string): Promise<void> {
    this.#db.transaction(() => {
      const row = this.#db.get("SELECT record FROM crashes WHERE crash_id = ?", crashId);
      if (!row) return;
      const record = JSON.parse(String(row["record"])) as CrashRecord;
      if (record.noteCodes.includes(code)) return;
      const changed: CrashRecord = { ...record, noteCodes: [...record.noteCodes, code] };
      this.#db.run("UPDATE crashes SET record = ? WHERE crash_id = ?", JSON.stringify(changed), crashId);
    });
  }

  async beginAttempt(crashId: string): Promise<number> {
    const row = this.#db.get(
      `INSERT INTO attempts (crash_id, count) VALUES (?, 1)
       ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count`,
      crashId,
    );
    return Number(row?.["count"]);
  }

  async clearAttempts(crashId: string): Promise<void> {
    this.#db.run("DELETE FROM attempts WHERE crash_id = ?", crashId);
  }

  async listCrashes(list: CrashListBy, month: string, limit: number, cursor?: string): Promise<Page<StoredCrash>> {
    const [where, values] = condition(list);
    return this.#crashes(where, values, list.by === "day" ? list.day : month, limit, cursor);
  }

  /** All crashes, newest first: a question that only a single machine can answer in one go. */
  async recentCrashes(limit: number, cursor?: string): Promise<Page<StoredCrash>> {
    return this.#crashes("TRUE", [], "", limit, cursor);
  }

  async listBuckets(
    state: BucketRecord["state"],
    month: string,
    limit: number,
    cursor?: string,
  ): Promise<Page<BucketRecord>> {
    checkLimit(limit);
    const before = cursor === undefined ? undefined : decodeCursor(cursor);
    const rows = this.#db.all(
      `SELECT record FROM buckets WHERE state = ? AND first_seen >= ? AND first_seen < ?
       AND (first_seen, bucket_id) < (?, ?) ORDER BY first_seen DESC, bucket_id DESC LIMIT ?`,
      state,
      month,
      after(month),
      before?.time ?? LAST,
      before?.id ?? LAST,
      limit + 1,
    );
    return pageOf(rows.map(bucketRecord), limit, (bucket) => ({ time: bucket.firstSeen, id: bucket.bucketId }));
  }

  async bucketCounts(bucketId: string, fromHour: string, toHour: string): Promise<ReadonlyMap<string, number>> {
    const rows = this.#db.all(
      "SELECT hour, count FROM hour_counts WHERE bucket_id = ? AND hour BETWEEN ? AND ? ORDER BY hour",
      bucketId,
      fromHour,
      toHour,
    );
    return new Map(rows.map((row) => [String(row["hour"]), Number(row["count"])]));
  }

  /** Buckets by last crash, newest first, with their counts. */
  async bucketFigures(limit: number, cursor?: string): Promise<Page<BucketFigures>> {
    checkLimit(limit);
    const before = cursor === undefined ? undefined : decodeCursor(cursor);
    const rows = this.#db.all(
      `SELECT * FROM (${FIGURES}) WHERE (last_seen, bucket_id) < (?, ?)
       ORDER BY last_seen DESC, bucket_id DESC LIMIT ?`,
      before?.time ?? LAST,
      before?.id ?? LAST,
      limit + 1,
    );
    return pageOf(rows.map(figures), limit, (bucket) => ({ time: bucket.lastSeen, id: bucket.record.bucketId }));
  }

  /** One bucket with its figures. */
  async figuresOf(bucketId: string): Promise<BucketFigures | undefined> {
    const row = this.#db.get(`${FIGURES} WHERE b.bucket_id = ?`, bucketId);
    return row && figures(row);
  }

  #crashes(where: string, values: readonly string[], slice: string, limit: number, cursor?: string): Page<StoredCrash> {
    checkLimit(limit);
    const before = cursor === undefined ? undefined : decodeCursor(cursor);
    const rows = this.#db.all(
      `SELECT record, notified FROM crashes WHERE ${where} AND received_at >= ? AND received_at < ?
       AND (received_at, crash_id) < (?, ?) ORDER BY received_at DESC, crash_id DESC LIMIT ?`,
      ...values,
      slice,
      after(slice),
      before?.time ?? LAST,
      before?.id ?? LAST,
      limit + 1,
    );
    return pageOf(rows.map(storedCrash), limit, ({ record }) => ({ time: record.receivedAt, id: record.crashId }));
  }
}

/** Sorts behind every ISO time and every id. */
const LAST = "~";
/** The end of a slice: `2026-11-30…` sorts before `2026-11~`. */
const after = (slice: string) => `${slice}${LAST}`;

const FIGURES = `SELECT b.bucket_id, b.record,
  (SELECT COALESCE(SUM(count), 0) FROM hour_counts h WHERE h.bucket_id = b.bucket_id) AS total,
  COALESCE((SELECT MAX(received_at) FROM crashes c WHERE c.bucket_id = b.bucket_id), b.first_seen) AS last_seen
  FROM buckets b`;

function condition(list: CrashListBy): [string, string[]] {
  switch (list.by) {
    case "bucket":
      return ["bucket_id = ?", [list.bucketId]];
    case "machine":
      return ["machine = ?", [list.machine]];
    case "day":
      return ["TRUE", []];
    case "stop":
      return ["stop_code = ?", [list.stopCode]];
    case "module":
      return ["module = ?", [list.module.toLowerCase()]];
    case "version":
      return ["module = ? AND version = ?", [list.module.toLowerCase(), list.version]];
  }
}

function storedCrash(row: Row): StoredCrash {
  return { record: JSON.parse(String(row["record"])) as CrashRecord, notified: row["notified"] === 1 };
}

function bucketRecord(row: Row): BucketRecord {
  return JSON.parse(String(row["record"])) as BucketRecord;
}

function figures(row: Row): BucketFigures {
  return { record: bucketRecord(row), count: Number(row["total"]), lastSeen: String(row["last_seen"]) };
}
