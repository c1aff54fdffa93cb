import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from "@aws-sdk/client-s3";
import type { LimitFunction } from "p-limit";
import { type ByteSource, throwIfAborted } from "../../bytes/byte-source.ts";
import { SourceError } from "../../bytes/errors.ts";
import { type ByteRange, checkRange, parseContentRange, rangeLength, toHttpRange } from "../../bytes/range.ts";
import type { ObjectRef } from "../../contracts/object-keys.ts";
import { toSourceError } from "./aws-errors.ts";
import { type RetryPolicy, withRetries } from "./retry.ts";
import { discardBody, readBody } from "./s3-body.ts";

/** What a source needs besides the object. */
export interface S3ReadContext {
  readonly client: S3Client;
  readonly retry: RetryPolicy;
  /** Bounds how many requests run side by side. */
  readonly limit: LimitFunction;
}

/** One version of an object, as the first answer told. */
export interface PinnedObject {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly versionId?: string;
  readonly etag?: string;
}

/** ETag in the form of HTTP, with quotes; events name it without. */
export function quotedEtag(etag: string): string {
  return /^(W\/)?".*"$/.test(etag) ? etag : `"${etag}"`;
}

/** Version and ETag of a request: both where both are known, so that an overwritten `null` version is noticed. */
export function pinOf(ref: Pick<ObjectRef, "versionId" | "etag">): { VersionId?: string; IfMatch?: string } {
  return {
    ...(ref.versionId ? { VersionId: ref.versionId } : {}),
    ...(ref.etag ? { IfMatch: quotedEtag(ref.etag) } : {}),
  };
}

/** One try of one GET; errors of the SDK become ours. */
export async function getObject(
  context: S3ReadContext,
  ref: ObjectRef,
  range: ByteRange | undefined,
  signal: AbortSignal,
  callerSignal?: AbortSignal,
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...pinOf(ref),
    ...(range ? { Range: toHttpRange(range) } : {}),
  });
  try {
    return await context.client.send(command, { abortSignal: signal });
  } catch (error) {
    throw toSourceError("GetObject", error, callerSignal);
  }
}

/** A byte source over one pinned version of an S3 object; the bytes of the first read are kept. */
export class S3ByteSource implements ByteSource {
  readonly size: number;
  readonly #context: S3ReadContext;
  readonly #object: PinnedObject;
  /** The start of the object. */
  readonly #head: Uint8Array;

  constructor(context: S3ReadContext, object: PinnedObject, head: Uint8Array) {
    this.#context = context;
    this.#object = object;
    this.#head = head;
    this.size = object.size;
  }

  async read(ranges: readonly ByteRange[], signal?: AbortSignal): Promise<Uint8Array[]> {
    throwIfAborted(signal);
    for (const range of ranges) checkRange(range, this.size);
    // When one request fails for good the others are of no use: all or nothing.
    const siblings = new AbortController();
    const all = signal ? AbortSignal.any([signal, siblings.signal]) : siblings.signal;
    try {
      return await Promise.all(ranges.map((range) => this.#readRange(range, all)));
    } catch (error) {
      siblings.abort();
      throw toSourceError("GetObject", error, signal);
    }
  }

  /** Bytes from the first read and, if it does not hold all of them, one request for the rest. */
  async #readRange(range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const kept = this.#head.subarray(Math.min(range.start, this.#head.length), Math.min(range.end, this.#head.length));
    if (kept.length === rangeLength(range)) return kept;
    const rest = { start: range.start + kept.length, end: range.end };
    const fetched = await this.#context.limit(() =>
      withRetries(this.#context.retry, signal, isRetryable, (trySignal) => this.#fetch(rest, trySignal, signal)),
    );
    if (kept.length === 0) return fetched;
    const out = new Uint8Array(rangeLength(range));
    out.set(kept);
    out.set(fetched, kept.length);
    return out;
  }

  async #fetch(range: ByteRange, signal: AbortSignal, callerSignal: AbortSignal): Promise<Uint8Array> {
    const answer = await getObject(this.#context, this.#object, range, signal, callerSignal);
    try {
      checkAnswer(answer, range, this.#object);
    } catch (error) {
      discardBody(answer.Body);
      throw error;
    }
    return readBody(answer.Body, rangeLength(range), signal);
  }
}

/** True for errors after which the same read may succeed. */
export function isRetryable(error: unknown): boolean {
  return error instanceof SourceError && error.retryable;
}

/**
 * Checks an answer to a range request before its body is read.
 * @throws SourceError `source.changed` when it is of another version, `source.bad-response` when it is not the range
 */
export function checkAnswer(answer: GetObjectCommandOutput, range: ByteRange, object: PinnedObject): void {
  checkVersion(answer, object);
  const length = rangeLength(range);
  if (answer.ContentLength !== undefined && answer.ContentLength !== length) {
    throw badResponse("Content-Length", length, answer.ContentLength);
  }
  const status = answer.$metadata.httpStatusCode;
  // A server may ignore Range and send everything: fine only when everything was asked for.
  if (status === 200 && range.start === 0 && range.end === object.size && answer.ContentLength === length) return;
  if (status !== 206) throw badResponse("status", 206, status ?? 0);
  const got = parseContentRange(answer.ContentRange);
  if (!got || got.range.start !== range.start || got.range.end !== range.end) {
    throw badResponse("Content-Range", toHttpRange(range), answer.ContentRange ?? "none");
  }
  if (got.size !== object.size) {
    throw new SourceError("source.changed", "the object has another size now", {
      expected: object.size,
      actual: got.size,
    });
  }
}

/** @throws SourceError `source.changed` */
export function checkVersion(answer: GetObjectCommandOutput, pinned: Pick<PinnedObject, "versionId" | "etag">): void {
  const otherEtag = pinned.etag && answer.ETag && quotedEtag(pinned.etag) !== quotedEtag(answer.ETag);
  const otherVersion = pinned.versionId && answer.VersionId && pinned.versionId !== answer.VersionId;
  if (otherEtag || otherVersion) throw new SourceError("source.changed", "the object was replaced while it was read");
}

/** An answer that contradicts the request. `actual` is cut: it is a header of the server. */
export function badResponse(what: string, expected: string | number, actual: string | number): SourceError {
  return new SourceError("source.bad-response", `the server's ${what} is not what was asked for`, {
    expected,
    actual: typeof actual === "string" ? actual.slice(0, 80) : actual,
  });
}
