import { randomUUID } from "node:crypto";
import type { DataDir } from "../../shared/adapters/embedded/data-dir.ts";
import { systemCode } from "../../shared/adapters/embedded/durable-files.ts";
import { s3Notification } from "../../shared/adapters/embedded/s3-notification.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import type { UploadAccepted } from "../../shared/contracts/api.ts";
import { crashIdOf, UPLOADS_PREFIX } from "../../shared/contracts/object-keys.ts";
import { Problem } from "./problem.ts";

/** Bucket name of the embedded stack in keys, records and events. */
export const LOCAL_BUCKET = "local";
/** 64 GiB: the largest upload of the design. */
export const MAX_UPLOAD_BYTES = 64 * 2 ** 30;
/** Longest file name that is kept, characters. */
const MAX_NAME_LENGTH = 255;

/** A body to keep. */
export interface Upload {
  readonly body: AsyncIterable<Uint8Array>;
  /** What the client announced, bytes; a body that differs was cut off. */
  readonly announcedSize?: number;
  readonly name?: string;
  readonly machine?: string;
  /** Chosen by the client so that repeating the upload is the same upload; 8 to 64 letters, digits, `-`, `_`. */
  readonly uploadId?: string;
}

/**
 * Keeps a dump and queues its message, both in one transaction: after a kill either both are there
 * or neither, and the client without an answer uploads again.
 * @throws Problem
 */
export async function receiveUpload(data: DataDir, upload: Upload, maxBytes: number): Promise<UploadAccepted> {
  const uploadId = upload.uploadId ?? randomUUID();
  if (!/^[\w-]{8,64}$/.test(uploadId)) {
    throw new Problem(400, "upload.bad-id", "an upload id has 8 to 64 letters, digits, - and _");
  }
  if (upload.announcedSize === 0) throw emptyUpload();
  if ((upload.announcedSize ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const key = `${UPLOADS_PREFIX}${uploadId}`;
  const accepted = (size: number): UploadAccepted => {
    const crashId = crashIdOf({ bucket: LOCAL_BUCKET, key }, nodePlatform.hash);
    return { uploadId, crashId, statusUrl: `/api/crashes/${crashId}`, size };
  };
  try {
    const object = await data.dumps.put(LOCAL_BUCKET, key, checked(upload, maxBytes), metadataOf(upload), (stored) =>
      data.queue.send(s3Notification(stored), accepted(stored.size).crashId),
    );
    return accepted(object.size);
  } catch (error) {
    throw uploadProblem(error);
  }
}

async function* checked(upload: Upload, maxBytes: number): AsyncIterable<Uint8Array> {
  let size = 0;
  for await (const chunk of upload.body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
  if (size === 0) throw emptyUpload();
  if (upload.announcedSize !== undefined && upload.announcedSize !== size) {
    throw new Problem(400, "upload.cut-off", `the body ended after ${size} of ${upload.announcedSize} bytes`);
  }
}

function metadataOf(upload: Upload): { name?: string; machine?: string } {
  const name = upload.name === undefined ? undefined : baseName(upload.name);
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    ...(upload.machine === undefined ? {} : { machine: upload.machine }),
  };
}

/** The last part of a path of any system, without control characters. */
function baseName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is dropped
  return last.replace(/[\u0000-\u001f\u007f]/g, "").slice(0, MAX_NAME_LENGTH);
}

const emptyUpload = () => new Problem(400, "upload.empty", "the body is empty: send the dump's bytes");
const tooLarge = (maxBytes: number) =>
  new Problem(413, "upload.too-large", `the upload is larger than the limit of ${maxBytes} bytes (--max-upload-bytes)`);

/** Tells a client that went away and a full disk apart from a bug of ours. */
function uploadProblem(error: unknown): unknown {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new Problem(507, "upload.disk-full", "the disk is full: nothing was kept", error);
  }
  if (code === "ECONNRESET" || code === "ABORT_ERR" || code === "ERR_STREAM_PREMATURE_CLOSE") {
    return new Problem(400, "upload.cut-off", "the connection ended before the body did: nothing was kept", error);
  }
  return error;
}
