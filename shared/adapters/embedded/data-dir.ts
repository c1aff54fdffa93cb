import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ServiceError } from "../../pipeline/errors.ts";
import { EmbeddedCrashStore } from "./crash-store.ts";
import { Database } from "./database.ts";
import { FileDumpStore } from "./dump-store.ts";
import { EmbeddedEventBus } from "./event-bus.ts";
import { EmbeddedQueue, type QueueSettings } from "./queue.ts";
import { FileReportStore } from "./report-store.ts";

/** Everything that the embedded stack keeps, opened by its one owner. */
export interface DataDir {
  readonly dumps: FileDumpStore;
  readonly reports: FileReportStore;
  readonly crashes: EmbeddedCrashStore;
  readonly events: EmbeddedEventBus;
  readonly queue: EmbeddedQueue;
  close(): void;
}

/**
 * Opens or creates a data directory and takes it for this process alone. What a killed process
 * left is put in order: its deliveries become visible again, its half-written files go.
 * @throws ServiceError `service.denied` when another process has it; `service.unavailable`
 */
export function openDataDir(dir: string, settings?: QueueSettings): DataDir {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ServiceError("service.unavailable", `the data directory ${dir} cannot be made`, { cause });
  }
  const release = lock(join(dir, "lock.db"), dir);
  try {
    const db = new Database(join(dir, "stopcode.db"));
    const dumps = new FileDumpStore(db, join(dir, "dumps"));
    const queue = new EmbeddedQueue(db, settings);
    const reports = new FileReportStore(join(dir, "reports"));
    dumps.sweep();
    reports.sweep();
    queue.recover();
    return {
      dumps,
      reports,
      crashes: new EmbeddedCrashStore(db),
      events: new EmbeddedEventBus(db),
      queue,
      close: () => {
        db.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A lock that ends with its process, however it ends: the operating system drops SQLite's file locks. */
function lock(path: string, dir: string): () => void {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path);
  } catch (cause) {
    throw new ServiceError("service.unavailable", `the data directory ${dir} cannot be written`, { cause });
  }
  try {
    db.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    throw new ServiceError("service.denied", `another stopcode serve uses the data directory ${dir}`, { cause });
  }
  return () => {
    if (db.isOpen) db.close();
  };
}
