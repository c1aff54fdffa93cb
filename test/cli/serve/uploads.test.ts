import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { ApiCrash, UploadAccepted } from "../../../shared/contracts/api.ts";
import { decodeS3Message } from "../../../shared/pipeline/decode-message.ts";
import { type AppHarness, appHarness, ask, problemIn } from "./app-harness.ts";

describe("uploads", () => {
  let harness: AppHarness;
  beforeEach(() => {
    harness = appHarness(1000);
  });
  afterEach(() => harness.cleanup());
  const upload = (path: string, init: RequestInit) => ask(harness.app, path, init);
  const accepted = async (answer: Promise<Response>) => {
    const response = await answer;
    expect(response.status).toBe(202);
    return (await response.json()) as UploadAccepted;
  };

  it.each([
    ["POST", "/api/dumps?name=a%20b.dmp"],
    ["PUT", "/api/dumps/a%20b.dmp"],
  ])("keeps and queues the body of %s %s", async (method, path) => {
    const headers = { "x-stopcode-machine": "lab-7", "content-type": "application/octet-stream" };
    const { crashId, uploadId, statusUrl, size } = await accepted(upload(path, { method, body: "dump", headers }));
    const status = (await (await ask(harness.app, statusUrl)).json()) as ApiCrash;
    expect([size, status]).toEqual([4, { state: "queued", crashId }]);
    const message = harness.data.queue.receive();
    const [{ ref } = { ref: undefined }] = decodeS3Message(message?.body ?? "").refs;
    expect(ref).toMatchObject({ bucket: "local", key: `dumps/u/${uploadId}` });
    expect(harness.data.dumps.find("local", `dumps/u/${uploadId}`)).toMatchObject({
      machine: "lab-7",
      name: "a b.dmp",
    });
  });

  it("says what failed once a message is dead", async () => {
    const { statusUrl, crashId } = await accepted(upload("/api/dumps", { method: "POST", body: "x" }));
    const message = harness.data.queue.receive();
    if (message) harness.data.queue.bury(message, "service.denied");
    expect(await (await ask(harness.app, statusUrl)).json()).toEqual({
      state: "failed",
      crashId,
      error: "service.denied",
    });
  });

  it("makes a repetition under an upload id the same crash", async () => {
    const headers = { "x-stopcode-upload-id": "upload-0001" };
    const first = await accepted(upload("/api/dumps", { method: "POST", body: "x", headers }));
    const second = await accepted(upload("/api/dumps", { method: "POST", body: "x", headers }));
    expect(second.crashId).toBe(first.crashId);
  });

  it.each([
    ["../../etc/passwd", "passwd"],
    ["C:\\dumps\\a.dmp", "a.dmp"],
    ["a\u0000\u001b[31mb.dmp", "a[31mb.dmp"],
  ])("keeps of the name %p only %p", async (name, kept) => {
    const path = `/api/dumps?name=${encodeURIComponent(name)}`;
    const { uploadId } = await accepted(upload(path, { method: "POST", body: "x" }));
    expect(harness.data.dumps.find("local", `dumps/u/${uploadId}`)?.name).toBe(kept);
  });

  it.each<[string, RequestInit, number, string]>([
    ["an empty body", { body: "" }, 400, "upload.empty"],
    ["no body", {}, 400, "upload.empty"],
    [
      "an announced size above the limit",
      { body: "x", headers: { "content-length": "1001" } },
      413,
      "upload.too-large",
    ],
    ["a body above the limit", { body: "x".repeat(1001) }, 413, "upload.too-large"],
    ["a shorter body than announced", { body: "x", headers: { "content-length": "2" } }, 400, "upload.cut-off"],
    ["a form", { body: "x", headers: { "content-type": "multipart/form-data; boundary=x" } }, 415, "upload.multipart"],
    ["a coded body", { body: "x", headers: { "content-encoding": "gzip" } }, 415, "upload.encoded"],
    ["a bad upload id", { body: "x", headers: { "x-stopcode-upload-id": "../../x" } }, 400, "upload.bad-id"],
  ])("refuses %s and keeps nothing", async (_, init, status, code) => {
    expect(await problemIn(upload("/api/dumps", { method: "POST", ...init }))).toEqual([status, code]);
    expect(harness.data.queue.depth().waiting).toBe(0);
    expect(harness.data.dumps.sweep()).toBe(0);
  });

  it("keeps nothing of a connection that breaks off in the middle", async () => {
    const server = createAdaptorServer({ fetch: harness.app.fetch });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    for (const headers of [{ "content-length": "900" }, { "transfer-encoding": "chunked" }]) {
      await new Promise<void>((resolve) => {
        const sent = request({ port, host: "127.0.0.1", method: "PUT", path: "/api/dumps/a.dmp", headers });
        sent.on("error", () => resolve());
        sent.write("x".repeat(500), () => setTimeout(() => sent.destroy(), 50));
        sent.on("close", () => resolve());
      });
    }
    await new Promise((resolve) => server.close(resolve));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(harness.data.queue.depth().waiting).toBe(0);
    expect(harness.data.dumps.sweep()).toBe(0);
  });
});
