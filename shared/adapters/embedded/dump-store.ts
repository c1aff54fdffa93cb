import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ByteSource, throwIfAborted } from "../../bytes/byte-source.ts";
import { SourceError } from "../../bytes/errors.ts";
import { type ByteRange, checkRange, rangeLength } from "../../bytes/range.ts";
import type { ObjectRef } from "../../contracts/object-keys.ts";
import type { DumpStore, OpenedDump } from "../../pipeline/ports.ts";
import type { Database, Row } from "./database.ts";
import { writeDurably } from "./durable-files.ts";
import type { StoredObject } from "./s3-notification.ts";

/** What comes with an object besides its bytes. */
export interface ObjectMetadata {
  /** The `stopcode-machine` metadata. */
  readonly machine?: string;
  /** The file's name where it came from: only ever shown, never used as a path. */
  readonly name?: string;
}

/** A kept object version and its metadata. */
export interface KeptObject extends StoredObject, ObjectMetadata {}

/**
 * Dumps in files, their keys, versions and metadata in SQL. A file's name is its version id, never
 * a key: keys come from outside. The SQL row is what makes an object exist; a file without one
 * was left by a kill and is removed at the next start.
 */
export class FileDumpStore implements DumpStore {
  readonly #db: Database;
  readonly #dir: string;

  /** @param dir holds nothing but this store's files */
  constructor(db: Database, dir: string) {
    this.#db = db;
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /**
   * Streams a new version to disk; memory use does not grow with its size.
   * @param alongside runs in the transaction that makes the object exist: queue its message there
   * @throws whatever `chunks` throws; then nothing is stored
   */
  async put(
    bucket: string,
    key: string,
    chunks: AsyncIterable<Uint8Array>,
    metadata: ObjectMetadata = {},
    alongside: (object: KeptObject) => void = () => {},
  ): Promise<KeptObject> {
    const versionId = randomUUID();
    const path = this.#path(versionId);
    const { size, etag } = await writeDurably(path, this.#dir, (file) => writeChunks(file, chunks));
    const object: KeptObject = { bucket, key, versionId, etag, size, createdAt: new Date().toISOString(), ...metadata };
    try {
      this.#db.transaction(() => {
        this.#db.run(
          `INSERT INTO objects (bucket, key, version_id, etag, size, machine, name, created_at, seq)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM objects))`,
          bucket,
          key,
          versionId,
          etag,
          size,
          metadata.machine ?? null,
          metadata.name ?? null,
          object.createdAt,
        );
        alongside(object);
      });
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return object;
  }

  /** The newest version of a key, or the one named. */
  find(bucket: string, key: string, versionId?: string): KeptObject | undefined {
    const row =
      versionId === undefined
        ? this.#db.get("SELECT * FROM objects WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1", bucket, key)
        : this.#db.get("SELECT * FROM objects WHERE bucket = ? AND key = ? AND version_id = ?", bucket, key, versionId);
    return row && keptObject(row);
  }

  async open(ref: ObjectRef, signal?: AbortSignal): Promise<OpenedDump> {
    throwIfAborted(signal);
    const object = this.find(ref.bucket, ref.key, ref.versionId);
    if (!object) throw new SourceError("source.not-found", "there is no such object version");
    if (ref.etag !== undefined && ref.etag.replaceAll('"', "") !== object.etag) {
      throw new SourceError("source.changed", "the object is not the one that the event named");
    }
    const { versionId, etag, machine } = object;
    const source = fileSource(this.#path(versionId), object.size);
    return machine === undefined ? { source, versionId, etag } : { source, versionId, etag, machine };
  }

  /** Removes files that no object owns; only for the one owner of the data at its start. @returns how many */
  sweep(): number {
    let removed = 0;
    for (const file of readdirSync(this.#dir)) {
      const versionId = file.endsWith(DUMP_SUFFIX) ? file.slice(0, -DUMP_SUFFIX.length) : "";
      if (this.#db.get("SELECT 1 FROM objects WHERE version_id = ?", versionId)) continue;
      rmSync(join(this.#dir, file), { force: true });
      removed += 1;
    }
    return removed;
  }

  #path(versionId: string): string {
    return join(this.#dir, `${versionId}${DUMP_SUFFIX}`);
  }
}

const DUMP_SUFFIX = ".dmp";

/** Network chunks are small; they are written together. */
const WRITE_BYTES = 1024 * 1024;

async function writeChunks(
  file: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ size: number; etag: string }> {
  const hash = createHash("md5");
  let size = 0;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const flush = async () => {
    const bytes = Buffer.concat(pending, pendingBytes);
    hash.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      at += (await file.write(bytes, at, bytes.length - at, size + at)).bytesWritten;
    }
    size += bytes.length;
    pending = [];
    pendingBytes = 0;
  };
  for await (const chunk of chunks) {
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes >= WRITE_BYTES) await flush();
  }
  await flush();
  return { size, etag: hash.digest("hex") };
}

/** A source over a file that nobody writes to any more. The file is open only during a read. */
function fileSource(path: string, size: number): ByteSource {
  return {
    size,
    read: async (ranges, signal) => {
      throwIfAborted(signal);
      for (const range of ranges) checkRange(range, size);
      let file: FileHandle;
      try {
        file = await open(path, "r");
      } catch (cause) {
        throw new SourceError("source.not-found", "the object's file is gone", { cause });
      }
      try {
        const out: Uint8Array[] = [];
        for (const range of ranges) {
          throwIfAborted(signal);
          out.push(await readRange(file, range));
        }
        return out;
      } finally {
        await file.close();
      }
    },
  };
}

async function readRange(file: FileHandle, range: ByteRange): Promise<Uint8Array> {
  const bytes = new Uint8Array(rangeLength(range));
  for (let got = 0; got < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, got, bytes.length - got, range.start + got);
    if (bytesRead === 0) {
      throw new SourceError("source.short-read", "the object's file is shorter than it was", {
        offset: range.start,
        expected: bytes.length,
        actual: got,
      });
    }
    got += bytesRead;
  }
  return bytes;
}

function keptObject(row: Row): KeptObject {
  const text = (name: string) => String(row[name]);
  return {
    bucket: text("bucket"),
    key: text("key"),
    versionId: text("version_id"),
    etag: text("etag"),
    size: Number(row["size"]),
    createdAt: text("created_at"),
    ...(row["machine"] === null ? {} : { machine: text("machine") }),
    ...(row["name"] === null ? {} : { name: text("name") }),
  };
}
