import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ServiceError } from "../../pipeline/errors.ts";
import type { ReportStore } from "../../pipeline/ports.ts";
import { systemCode, TEMPORARY_SUFFIX, writeDurably } from "./durable-files.ts";

/** Reports in files, one per key. */
export class FileReportStore implements ReportStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Removes half-written files; only for the one owner of the data at its start. */
  sweep(): void {
    for (const file of readdirSync(this.#dir)) {
      if (file.endsWith(TEMPORARY_SUFFIX)) rmSync(join(this.#dir, file), { force: true });
    }
  }

  async put(key: string, gzippedJson: Uint8Array): Promise<void> {
    const path = this.#path(key);
    try {
      await writeDurably(path, this.#dir, async (file) => {
        await file.writeFile(gzippedJson);
      });
    } catch (cause) {
      throw new ServiceError("service.unavailable", "the report could not be written", { cause });
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.#path(key)));
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      if (["ENOENT", "ENOTDIR"].includes(systemCode(cause) ?? "")) return undefined;
      throw new ServiceError("service.unavailable", "the report could not be read", { cause });
    }
  }

  /** Each part of a key becomes one path segment; one that could climb out of the directory is refused. */
  #path(key: string): string {
    const parts = key.split("/").map(encodeURIComponent);
    if (parts.some((part) => part === "" || part === "." || part === "..")) {
      throw new ServiceError("service.rejected", "the key has an empty or relative part");
    }
    return join(this.#dir, ...parts);
  }
}
