import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { ServiceError } from "../../pipeline/errors.ts";

/**
 * The one SQL file of the embedded stack: crashes, buckets, counters, events, the queue and the
 * index of uploaded objects. One file, so that "the object is there" and "its message is queued"
 * are one transaction, and a kill at any moment leaves both or neither.
 */

/** Version of the tables below, kept in `PRAGMA user_version`. Add a step to MIGRATIONS, never edit one. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE crashes (
     crash_id TEXT PRIMARY KEY, received_at TEXT NOT NULL, machine TEXT NOT NULL, bucket_id TEXT,
     stop_code TEXT, module TEXT, version TEXT, notified INTEGER NOT NULL DEFAULT 0, record TEXT NOT NULL) STRICT;
   CREATE INDEX crashes_by_time ON crashes (received_at, crash_id);
   CREATE INDEX crashes_by_machine ON crashes (machine, received_at, crash_id);
   CREATE INDEX crashes_by_bucket ON crashes (bucket_id, received_at, crash_id) WHERE bucket_id IS NOT NULL;
   CREATE INDEX crashes_by_stop ON crashes (stop_code, received_at, crash_id) WHERE stop_code IS NOT NULL;
   CREATE INDEX crashes_by_module ON crashes (module, received_at, crash_id) WHERE module IS NOT NULL;
   CREATE INDEX crashes_by_version ON crashes (module, version, received_at, crash_id) WHERE version IS NOT NULL;
   CREATE TABLE attempts (crash_id TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
   CREATE TABLE buckets (
     bucket_id TEXT PRIMARY KEY, state TEXT NOT NULL, first_seen TEXT NOT NULL, record TEXT NOT NULL) STRICT;
   CREATE INDEX buckets_by_state ON buckets (state, first_seen, bucket_id);
   CREATE TABLE hour_counts (
     bucket_id TEXT NOT NULL, hour TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (bucket_id, hour)) STRICT;
   CREATE TABLE events (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL, detail TEXT NOT NULL,
     UNIQUE (id, type)) STRICT;
   CREATE TABLE objects (
     bucket TEXT NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
     machine TEXT, name TEXT, created_at TEXT NOT NULL, seq INTEGER NOT NULL,
     PRIMARY KEY (bucket, key, version_id)) STRICT;
   CREATE INDEX objects_by_age ON objects (bucket, key, seq);
   CREATE TABLE messages (
     id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, label TEXT, state TEXT NOT NULL, sent_at INTEGER NOT NULL,
     visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0, receipt TEXT, last_error TEXT) STRICT;
   CREATE INDEX messages_by_time ON messages (state, visible_at);
   CREATE INDEX messages_by_label ON messages (label) WHERE label IS NOT NULL;`,
];

/** A row as SQLite gives it: our columns are TEXT, INTEGER below 2^53 and NULL only. */
export type Row = Record<string, string | number | null>;

/** An open SQL file. All calls are synchronous and throw ServiceError. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /**
   * Opens or creates the file and brings its tables up to date.
   * @param path a file, or `:memory:`
   * @throws ServiceError `service.unavailable`; `service.rejected` when a newer program wrote the file
   */
  constructor(path: string) {
    this.#db = guarded(() => new DatabaseSync(path));
    guarded(() => {
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;");
      const found = Number(this.#db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
      if (found > MIGRATIONS.length) {
        throw new ServiceError("service.rejected", `${path} was written by a newer stopcode`, {
          expected: MIGRATIONS.length,
          actual: found,
        });
      }
      this.transaction(() => {
        for (const step of MIGRATIONS.slice(found)) this.#db.exec(step);
        this.#db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
      });
    });
  }

  /** Runs a statement that gives no rows. @returns how many rows it changed */
  run(sql: string, ...values: SQLInputValue[]): number {
    return guarded(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** The first row, if any. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return guarded(() => this.#prepare(sql).get(...values) as Row | undefined);
  }

  /** All rows; every caller bounds them with LIMIT or a key. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return guarded(() => this.#prepare(sql).all(...values) as Row[]);
  }

  /** Runs `work` in one transaction; an inner call joins the outer one. `work` must be synchronous. */
  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    guarded(() => this.#db.exec("BEGIN IMMEDIATE"));
    this.#depth += 1;
    try {
      const result = work();
      guarded(() => this.#db.exec("COMMIT"));
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Turns what SQLite throws (busy, disk full, damaged file) into the error that the pipeline knows. */
function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw new ServiceError("service.unavailable", "the embedded database failed", { cause: error });
  }
}
