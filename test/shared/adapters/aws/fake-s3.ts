import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { s3Client } from "../../../../shared/adapters/aws/clients.ts";
import type { RetryPolicy } from "../../../../shared/adapters/aws/retry.ts";

/** A server that answers GetObject as S3 does, and misbehaves where a test asks for it. */

/** Answers one request; `next` gives the right answer. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** What the object is; changing it is a new version. */
export interface FakeObject {
  bytes: Uint8Array;
  etag: string;
  versionId?: string;
  metadata?: Record<string, string>;
}

export interface FakeS3 {
  readonly client: ReturnType<typeof s3Client>;
  readonly object: FakeObject;
  /** One entry a request: its method and range. */
  readonly requests: { method: string; range: string | undefined; ifMatch: string | undefined; url: string }[];
  /** Taken one a request, in order; afterwards all is well. */
  readonly script: Misbehaviour[];
  close(): Promise<void>;
}

/** Waits that take no time; `waits` collects what they would have taken. */
export function instantRetry(over: Partial<RetryPolicy> = {}): RetryPolicy & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    tries: 3,
    baseMs: 100,
    capMs: 1000,
    tryMs: 5000,
    random: () => 0.5,
    sleep: async (ms) => void waits.push(ms),
    ...over,
    waits,
  };
}

/** An answer with one status and S3's error document. */
export function failing(status: number, code: string): Misbehaviour {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>secret words</Message></Error>`);
  };
}

export async function startFakeS3(object: FakeObject): Promise<FakeS3> {
  process.env["AWS_ACCESS_KEY_ID"] ??= "test";
  process.env["AWS_SECRET_ACCESS_KEY"] ??= "test";
  const requests: FakeS3["requests"] = [];
  const script: Misbehaviour[] = [];
  const server = createServer((request, response) => {
    const { range, "if-match": ifMatch } = request.headers;
    requests.push({ method: request.method ?? "", range, ifMatch, url: request.url ?? "" });
    const next = () => answer(object, request, response);
    const step = script.shift();
    if (step) step(request, response, next);
    else next();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const client = s3Client({ endpoint: `http://127.0.0.1:${port}`, region: "us-east-1" });
  const close = async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { client, object, requests, script, close };
}

function answer(object: FakeObject, request: IncomingMessage, response: ServerResponse): void {
  const { bytes, etag, versionId, metadata = {} } = object;
  const wanted = request.headers["if-match"];
  if (wanted !== undefined && wanted !== etag) {
    failing(412, "PreconditionFailed")(request, response, () => {});
    return;
  }
  const headers: Record<string, string | number> = { etag, "content-type": "application/octet-stream" };
  if (versionId) headers["x-amz-version-id"] = versionId;
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name}`] = value;
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (!range) {
    response.writeHead(200, { ...headers, "content-length": bytes.length });
    response.end(bytes);
    return;
  }
  const start = Number(range[1]);
  const end = Math.min(Number(range[2]) + 1, bytes.length);
  if (start >= bytes.length) {
    failing(416, "InvalidRange")(request, response, () => {});
    return;
  }
  headers["content-range"] = `bytes ${start}-${end - 1}/${bytes.length}`;
  response.writeHead(206, { ...headers, "content-length": end - start });
  response.end(bytes.subarray(start, end));
}
