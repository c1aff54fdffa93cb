import { gzipSync } from "node:zlib";
import type { ApiBucket, ApiCrash, ApiPage } from "../../../shared/contracts/api.ts";
import { sampleBucket, sampleCrash, sampleEvent, sampleId } from "../../support/contracts/sample-records.ts";
import { type AppHarness, appHarness, ask, problemIn } from "./app-harness.ts";

describe("the HTTP app", () => {
  let harness: AppHarness;
  const get = (path: string, headers: Record<string, string> = {}) => ask(harness.app, path, { headers });
  beforeEach(() => {
    harness = appHarness();
  });
  afterEach(() => harness.cleanup());

  it.each(["/", "/app.js", "/style.css", "/icon.svg"])(
    "serves %s under a policy without anything inline",
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    },
  );

  it("says that it lives and how deep the queue is", async () => {
    harness.data.queue.send("x");
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok", queue: { waiting: 1, running: 0, dead: 0 } });
  });

  it.each([
    ["/api/nothing", 404, "request.unknown-path"],
    ["/api/dumps", 405, "request.bad-method"],
    ["/api/crashes?limit=0", 400, "query.bad-limit"],
    ["/api/crashes?limit=1e2", 400, "query.bad-limit"],
    ["/api/crashes?cursor=%00", 400, "query.bad-cursor"],
    ["/api/crashes?cursor=abc", 400, "query.rejected"],
    ["/api/crashes?month=2026-13&machine=a", 400, "query.bad-month"],
    ["/api/crashes?day=today", 400, "query.bad-day"],
    ["/api/crashes?stop=D1", 400, "query.bad-stop"],
    ["/api/crashes?version=1", 400, "query.version-without-module"],
    ["/api/crashes?machine=a&module=b", 400, "query.two-lists"],
    ["/api/crashes/..%2f..%2fetc", 400, "crash.bad-id"],
    [`/api/crashes/${"0".repeat(32)}`, 404, "crash.unknown"],
    [`/api/crashes/${"0".repeat(32)}/report`, 404, "crash.unknown"],
    [`/api/crashes/${"0".repeat(32)}/report?format=xml`, 400, "query.bad-format"],
    ["/api/buckets/none", 404, "bucket.unknown"],
    ["/api/buckets?limit=101", 400, "query.bad-limit"],
  ])("answers %s with %d %s", async (path, status, code) => {
    expect(await problemIn(get(path))).toEqual([status, code]);
  });

  it("refuses to delete", async () => {
    const answer = ask(harness.app, "/api/crashes", { method: "DELETE" });
    expect(await problemIn(answer)).toEqual([405, "request.bad-method"]);
  });

  it("refuses names that may have been rebound, and takes addresses", async () => {
    expect(await problemIn(get("/api/crashes", { host: "evil.example:8420" }))).toEqual([421, "request.foreign-host"]);
    for (const host of ["127.0.0.1:8420", "localhost:8420", "[::1]:8420", "192.168.1.5"]) {
      expect((await get("/api/crashes", { host })).status).toBe(200);
    }
  });

  it.each([
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "http://127.0.0.1:9999" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ])("refuses what another site asks: %p", async (headers) => {
    expect(await problemIn(ask(harness.app, "/api/dumps", { method: "POST", body: "x", headers }))).toEqual([
      403,
      "request.cross-site",
    ]);
    expect(harness.data.queue.depth().waiting).toBe(0);
  });

  it("opens the page from a link on another site", async () => {
    const response = await get("/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" });
    expect(response.status).toBe(200);
  });

  it("lists crashes by everything that a list is asked by", async () => {
    const bucketId = sampleId("b");
    const record = sampleCrash("one", { bucketId, machine: "büro 1", culpritModule: "A.sys", culpritVersion: "1.2" });
    await harness.data.crashes.recordCrash(record);
    const month = record.receivedAt.slice(0, 7);
    const day = record.receivedAt.slice(0, 10);
    const lists = [
      "x=",
      `bucket=${bucketId}`,
      `machine=${encodeURIComponent("büro 1")}`,
      `day=${day}`,
      `stop=${record.stopCode}`,
      "module=a.SYS",
      "module=a.sys&version=1.2",
    ];
    for (const list of lists) {
      const { items } = (await (await get(`/api/crashes?month=${month}&${list}`)).json()) as ApiPage<ApiCrash>;
      expect(items).toEqual([{ state: "done", crashId: record.crashId, record }]);
    }
    const other = (await (await get(`/api/crashes?month=${month}&machine=other`)).json()) as ApiPage<ApiCrash>;
    expect(other).toEqual({ items: [] });
  });

  it("gives a report as JSON, as text, and for saving", async () => {
    const record = sampleCrash("report");
    await harness.data.crashes.recordCrash(record);
    expect(await problemIn(get(`/api/crashes/${record.crashId}/report`))).toEqual([404, "report.gone"]);
    await harness.data.reports.put(record.reportKey, gzipSync(JSON.stringify({ schema: "<b>" })));
    const json = await get(`/api/crashes/${record.crashId}/report`);
    expect([json.headers.get("content-type"), await json.json()]).toEqual([
      "application/json; charset=utf-8",
      { schema: "<b>" },
    ]);
    const text = await get(`/api/crashes/${record.crashId}/report?format=text&download`);
    expect(await text.text()).toBe("text of <b>");
    expect(text.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(text.headers.get("content-disposition")).toBe(`attachment; filename="${record.crashId}.txt"`);
  });

  it("lists what failed and tries it again", async () => {
    harness.data.queue.send("x", sampleId("failed"));
    const message = harness.data.queue.receive();
    if (message) harness.data.queue.bury(message, "service.denied");
    expect(await (await get("/api/failed")).json()).toEqual({
      items: [{ crashId: sampleId("failed"), error: "service.denied", receiveCount: 1 }],
    });
    const retry = await ask(harness.app, "/api/failed/retry", { method: "POST" });
    expect(await retry.json()).toEqual({ retried: 1 });
    expect(harness.data.queue.depth()).toEqual({ waiting: 1, running: 0, dead: 0 });
  });

  it("gives buckets with their counts and hours", async () => {
    const bucketId = sampleId("counted");
    const receivedAt = new Date().toISOString();
    await harness.data.crashes.createBucket(sampleBucket("counted", { bucketId }));
    for (const seed of ["a", "b"]) await harness.data.crashes.recordCrash(sampleCrash(seed, { bucketId, receivedAt }));
    const { items } = (await (await get("/api/buckets")).json()) as ApiPage<ApiBucket>;
    expect(items).toMatchObject([{ bucketId, count: 2, lastSeen: receivedAt }]);
    expect(await (await get(`/api/buckets/${bucketId}`)).json()).toMatchObject({
      bucketId,
      count: 2,
      hours: { [receivedAt.slice(0, 13)]: 2 },
    });
  });

  it("streams events, and what a client missed", async () => {
    await harness.data.events.publish([sampleEvent("seen"), sampleEvent("missed")]);
    const response = await get("/api/events", { "last-event-id": "1" });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    await harness.data.events.publish([sampleEvent("new")]);
    setTimeout(() => harness.closing.abort(), 100);
    const text = await response.text();
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]);
    expect(ids).toEqual(["2", "3"]);
    expect(text).toContain("event: Crash Analyzed");
    expect(text).toContain(sampleEvent("new").detail.id);
  });

  it("hides what went wrong inside", async () => {
    harness.data.close();
    expect(await problemIn(get("/api/crashes"))).toEqual([503, "service.unavailable"]);
    expect(harness.logged).toEqual(["a request failed"]);
  });
});
