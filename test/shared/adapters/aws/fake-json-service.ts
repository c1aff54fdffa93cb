import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of AWS's JSON protocol that answers what a test wrote down. */

/** One answer: 200 with this body, or an error of this code. */
export type Answer = Record<string, unknown> | { readonly status: number; readonly code: string };

export interface FakeJsonService {
  readonly endpoint: string;
  /** Operation and body of each request. */
  readonly requests: { operation: string; body: Record<string, unknown> }[];
  /** Taken one a request, in order; afterwards empty answers. */
  readonly script: (Answer & { __type?: string })[];
  close(): Promise<void>;
}

export async function startFakeJsonService(): Promise<FakeJsonService> {
  process.env["AWS_ACCESS_KEY_ID"] ??= "test";
  process.env["AWS_SECRET_ACCESS_KEY"] ??= "test";
  const requests: FakeJsonService["requests"] = [];
  const script: FakeJsonService["script"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const operation = String(request.headers["x-amz-target"] ?? "").split(".")[1] ?? "";
      requests.push({ operation, body: JSON.parse(Buffer.concat(chunks).toString() || "{}") });
      const { status = 200, code, ...body } = (script.shift() ?? {}) as { status?: number; code?: string };
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(code === undefined ? body : { __type: code, message: "secret words", ...body }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { endpoint: `http://127.0.0.1:${port}`, requests, script, close };
}
