import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Suffix of files that are still being written; whatever has it at a start was left by a kill. */
export const TEMPORARY_SUFFIX = ".part";

/**
 * Writes a file so that it is there whole or not at all, also after a power cut: temporary file,
 * fsync, rename, fsync of the directory. Nothing is left behind when `write` throws.
 * @param temporaryDir on the same file system as `path`
 */
export async function writeDurably<T>(
  path: string,
  temporaryDir: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const temporary = join(temporaryDir, `${randomUUID()}${TEMPORARY_SUFFIX}`);
  try {
    const file = await open(temporary, "wx", 0o600);
    let result: T;
    try {
      result = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The system's code of a failed file or network call, such as `ENOENT`; undefined for other things. */
export function systemCode(error: unknown): string | undefined {
  // Not by `instanceof Error`: errors of Node's own modules may come from another realm.
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open directories; there the rename itself is journalled.
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
