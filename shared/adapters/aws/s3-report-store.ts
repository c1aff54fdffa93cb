import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { ServiceError } from "../../pipeline/errors.ts";
import type { ReportStore } from "../../pipeline/ports.ts";
import { isMissing, isRetryableService, toServiceError } from "./aws-errors.ts";
import { DEFAULT_RETRY, type RetryPolicy, withRetries } from "./retry.ts";
import { discardBody, readBody } from "./s3-body.ts";

/** Largest compressed report that is read: ours stay far below, anything else in its place is not ours. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;

/** Reports in S3. A browser that follows a link to one unpacks it itself: type and encoding are set. */
export class S3ReportStore implements ReportStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #retry: RetryPolicy;

  constructor(client: S3Client, bucket: string, retry: RetryPolicy = DEFAULT_RETRY) {
    this.#client = client;
    this.#bucket = bucket;
    this.#retry = retry;
  }

  async put(key: string, gzippedJson: Uint8Array): Promise<void> {
    const input = {
      Bucket: this.#bucket,
      Key: key,
      Body: gzippedJson,
      ContentType: "application/json",
      ContentEncoding: "gzip",
    };
    await this.#call("PutObject", (signal) => this.#client.send(new PutObjectCommand(input), { abortSignal: signal }));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#call("GetObject", async (signal) => {
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key });
      const answer = await this.#client.send(command, { abortSignal: signal }).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (answer === undefined) return undefined;
      const length = answer.ContentLength ?? -1;
      if (length < 0 || length > MAX_REPORT_BYTES) {
        discardBody(answer.Body);
        throw new ServiceError("service.rejected", "the report has no length or is too long", {
          actual: length,
          expected: MAX_REPORT_BYTES,
        });
      }
      return readBody(answer.Body, length, signal).catch((cause) => {
        throw new ServiceError("service.unavailable", "the body of a report broke off", { cause });
      });
    });
  }

  async #call<T>(operation: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withRetries(this.#retry, undefined, isRetryableService, async (signal) => {
      try {
        return await work(signal);
      } catch (error) {
        throw toServiceError(operation, error);
      }
    });
  }
}
