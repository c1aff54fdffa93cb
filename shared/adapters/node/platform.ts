import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Platform } from "../../pipeline/ports.ts";

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** Hashes and compression of Node: the same on Lambda and on a single machine. */
export const nodePlatform: Platform = {
  hash: (parts) => {
    const hash = createHash("sha256");
    // The length in front keeps ["ab", "c"] and ["a", "bc"] apart.
    for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
    return hash.digest("hex").slice(0, 32);
  },
  md5: (bytes) => createHash("md5").update(bytes).digest(),
  gzip: (bytes) => gzipAsync(bytes),
  gunzip: (bytes, maxBytes) => gunzipAsync(bytes, { maxOutputLength: maxBytes }),
};
