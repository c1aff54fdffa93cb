import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataDir } from "../../shared/adapters/embedded/data-dir.ts";
import { UPLOADS_PREFIX } from "../../shared/contracts/object-keys.ts";
import { LOCAL_BUCKET, MAX_UPLOAD_BYTES, receiveUpload } from "./receive-upload.ts";

/** Machine that the examples are said to come from. */
const EXAMPLE_MACHINE = "example";

/** Where the project's own dumps lie. */
export const EXAMPLES_DIR = fileURLToPath(new URL("../../examples/", import.meta.url));

/**
 * Uploads every `*.dmp` of a directory as a client would. The upload id comes from the content, so
 * a later start finds them there and adds nothing.
 * @returns how many were new
 */
export async function seedExamples(data: DataDir, dir = EXAMPLES_DIR): Promise<number> {
  if (!existsSync(dir)) return 0;
  let added = 0;
  for (const name of (await readdir(dir)).filter((file) => file.endsWith(".dmp")).sort()) {
    const path = join(dir, name);
    const uploadId = `example-${await digest(path)}`;
    if (data.dumps.find(LOCAL_BUCKET, `${UPLOADS_PREFIX}${uploadId}`)) continue;
    const body = createReadStream(path) as AsyncIterable<Uint8Array>;
    await receiveUpload(data, { body, name, machine: EXAMPLE_MACHINE, uploadId }, MAX_UPLOAD_BYTES);
    added += 1;
  }
  return added;
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest("hex").slice(0, 32);
}
