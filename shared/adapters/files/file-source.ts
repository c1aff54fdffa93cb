import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ByteSource, throwIfAborted } from "../../bytes/byte-source.ts";
import { SourceError, type SourceErrorCode } from "../../bytes/errors.ts";
import { type ByteRange, checkRange, rangeLength } from "../../bytes/range.ts";

/** A local file behind the port of S3 objects: the same planner, the same figures. */
export interface OpenedFile {
  readonly source: ByteSource;
  /** Gives the file back; reads that come later fail. */
  close(): Promise<void>;
}

/**
 * Opens a regular file. What is read is pinned to the file as it was then: size and time
 * of the last change are compared after every read.
 * @throws SourceError `source.not-found`, `source.denied` (also for folders and devices), `source.out-of-range`
 *   when it is longer than 2^53 bytes
 */
export async function openFile(path: string): Promise<OpenedFile> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fileError("open", error);
  }
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw new SourceError("source.denied", "this is not a regular file");
    if (stat.size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new SourceError("source.out-of-range", "the file is longer than 2^53 bytes");
    }
    return { source: new PinnedFile(handle, stat), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw fileError("stat", error);
  }
}

class PinnedFile implements ByteSource {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #opened: BigIntStats;

  constructor(handle: FileHandle, opened: BigIntStats) {
    this.#handle = handle;
    this.#opened = opened;
    this.size = Number(opened.size);
  }

  async read(ranges: readonly ByteRange[], signal?: AbortSignal): Promise<Uint8Array[]> {
    throwIfAborted(signal);
    for (const range of ranges) checkRange(range, this.size);
    try {
      const parts: Uint8Array[] = [];
      let complete = true;
      for (const range of ranges) {
        throwIfAborted(signal);
        const part = new Uint8Array(rangeLength(range));
        complete = (await this.#fill(part, range.start)) && complete;
        parts.push(part);
      }
      // A file that was cut gives too little; which of the two it is only shows here.
      await this.#checkUnchanged();
      if (!complete) throw new SourceError("source.short-read", "the file ended before its size");
      return parts;
    } catch (error) {
      throw fileError("read", error);
    }
  }

  /** @returns false when the file ended first */
  async #fill(part: Uint8Array, position: number): Promise<boolean> {
    let at = 0;
    while (at < part.length) {
      const { bytesRead } = await this.#handle.read(part, at, part.length - at, position + at);
      if (bytesRead === 0) return false;
      at += bytesRead;
    }
    return true;
  }

  async #checkUnchanged(): Promise<void> {
    const now = await this.#handle.stat({ bigint: true });
    const { size, mtimeNs } = this.#opened;
    if (now.size !== size || now.mtimeNs !== mtimeNs) {
      throw new SourceError("source.changed", "the file was changed while it was read");
    }
  }
}

const CODES: Readonly<Record<string, SourceErrorCode>> = {
  ENOENT: "source.not-found",
  ENOTDIR: "source.not-found",
  EACCES: "source.denied",
  EPERM: "source.denied",
  EISDIR: "source.denied",
  ELOOP: "source.denied",
  ENAMETOOLONG: "source.not-found",
};

/** Names the system's code, not the path: a user's name may stand in it. */
function fileError(operation: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const { code } = error as { code?: unknown };
  const name = typeof code === "string" ? code : "unknown";
  return new SourceError(CODES[name] ?? "source.unavailable", `the file cannot be used: ${operation} gave ${name}`, {
    cause: error,
  });
}
