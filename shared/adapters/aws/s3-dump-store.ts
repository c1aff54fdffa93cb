import type { GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import { throwIfAborted } from "../../bytes/byte-source.ts";
import { SourceError } from "../../bytes/errors.ts";
import { parseContentRange, rangeLength } from "../../bytes/range.ts";
import { FIRST_READ_BYTES, WHOLE_READ_LIMIT } from "../../bytes/step-runner.ts";
import { MACHINE_METADATA, type ObjectRef } from "../../contracts/object-keys.ts";
import type { DumpStore, OpenedDump } from "../../pipeline/ports.ts";
import { toSourceError } from "./aws-errors.ts";
import { DEFAULT_RETRY, type RetryPolicy, withRetries } from "./retry.ts";
import { discardBody, readBody } from "./s3-body.ts";
import {
  badResponse,
  checkVersion,
  getObject,
  isRetryable,
  S3ByteSource,
  type S3ReadContext,
} from "./s3-byte-source.ts";

/** First read of an object of unknown size: most minidumps and every triage dump fit, and 256 KiB cost 3 ms. */
export const UNKNOWN_SIZE_FIRST_READ = 256 * 1024;
/** Requests that run side by side, of all dumps of a store. */
export const PARALLEL_REQUESTS = 16;

/** How a store reads. */
export interface S3DumpStoreOptions {
  readonly retry?: RetryPolicy;
  readonly parallel?: number;
}

/** Dumps in S3: each is opened with one range request that tells size, version and machine too. */
export class S3DumpStore implements DumpStore {
  readonly #context: S3ReadContext;

  constructor(client: S3Client, options: S3DumpStoreOptions = {}) {
    this.#context = {
      client,
      retry: options.retry ?? DEFAULT_RETRY,
      limit: pLimit(options.parallel ?? PARALLEL_REQUESTS),
    };
  }

  async open(ref: ObjectRef, signal?: AbortSignal, sizeHint?: number): Promise<OpenedDump> {
    throwIfAborted(signal);
    const length = firstReadLength(sizeHint);
    try {
      const first = await this.#context.limit(() =>
        withRetries(this.#context.retry, signal, isRetryable, (trySignal) =>
          this.#first(ref, length, trySignal, signal),
        ),
      );
      return opened(this.#context, ref, first);
    } catch (error) {
      throw toSourceError("GetObject", error, signal);
    }
  }

  async #first(ref: ObjectRef, length: number, signal: AbortSignal, callerSignal?: AbortSignal): Promise<FirstRead> {
    let answer: GetObjectCommandOutput;
    try {
      answer = await getObject(this.#context, ref, { start: 0, end: length }, signal, callerSignal);
    } catch (error) {
      // 416 to a range from 0 means that there are no bytes; the plain request still gives the metadata.
      if (!isEmptyObject(error)) throw error;
      answer = await getObject(this.#context, ref, undefined, signal, callerSignal);
      if (answer.ContentLength !== 0) {
        discardBody(answer.Body);
        throw new SourceError("source.changed", "the object was empty a moment ago");
      }
    }
    try {
      checkVersion(answer, ref);
      const { size, end } = extentOf(answer, length);
      return { answer, size, head: await readBody(answer.Body, end, signal) };
    } catch (error) {
      discardBody(answer.Body);
      throw error;
    }
  }
}

interface FirstRead {
  readonly answer: GetObjectCommandOutput;
  readonly size: number;
  readonly head: Uint8Array;
}

/** Bytes of the first request: the whole of a small object, what the step runner wants of a large one. */
function firstReadLength(sizeHint?: number): number {
  if (sizeHint === undefined || !Number.isSafeInteger(sizeHint) || sizeHint <= 0) return UNKNOWN_SIZE_FIRST_READ;
  return sizeHint <= WHOLE_READ_LIMIT ? sizeHint : FIRST_READ_BYTES;
}

/** Size of the object and end of the bytes in the first answer. */
function extentOf(answer: GetObjectCommandOutput, asked: number): { size: number; end: number } {
  const { ContentLength: length, ContentRange: header } = answer;
  const status = answer.$metadata.httpStatusCode;
  if (status === 200) {
    // The whole object instead of a range: only taken when it is no more than was asked for.
    if (length === undefined || length > asked) throw badResponse("status", 206, 200);
    return { size: length, end: length };
  }
  if (status !== 206) throw badResponse("status", 206, status ?? 0);
  const got = parseContentRange(header);
  if (got?.range.start !== 0 || got.range.end !== Math.min(asked, got.size)) {
    throw badResponse("Content-Range", `bytes 0-${asked - 1}/size`, header ?? "none");
  }
  if (length !== undefined && length !== rangeLength(got.range)) {
    throw badResponse("Content-Length", rangeLength(got.range), length);
  }
  return { size: got.size, end: got.range.end };
}

function isEmptyObject(error: unknown): boolean {
  const cause = error instanceof SourceError ? error.cause : undefined;
  return (cause as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode === 416;
}

function opened(context: S3ReadContext, ref: ObjectRef, { answer, size, head }: FirstRead): OpenedDump {
  const versionId = answer.VersionId ?? ref.versionId;
  const etag = answer.ETag ?? ref.etag;
  if (!versionId && !etag) throw badResponse("answer", "a version id or an ETag", "neither");
  const machine = answer.Metadata?.[MACHINE_METADATA];
  const pin = { ...(versionId ? { versionId } : {}), ...(etag ? { etag } : {}) };
  return {
    source: new S3ByteSource(context, { bucket: ref.bucket, key: ref.key, size, ...pin }, head),
    ...(machine === undefined ? {} : { machine }),
    ...pin,
  };
}
