import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiBucket, ApiCrash, ApiPage, UploadAccepted } from "../../../shared/contracts/api.ts";
import { eventually, type ServeProcess, startServe } from "../../browser/serve-process.ts";
import { temporaryDir } from "../../shared/adapters/embedded/temporary-dir.ts";
import { EXAMPLES } from "../../support/synth/examples.ts";

/** `stopcode serve` as a process of its own: signals, kills and restarts. */
describe("stopcode serve", () => {
  const dir = temporaryDir();
  const running: ServeProcess[] = [];
  const serve = async (name: string, ...options: string[]) => {
    const server = await startServe(join(dir.path, name), options);
    running.push(server);
    return server;
  };
  afterAll(async () => {
    for (const server of running) await server.end("SIGKILL");
    await dir.cleanup();
  });

  const dump = Object.values(EXAMPLES)[0]?.() ?? new Uint8Array();
  const json = async <T>(url: string, init?: RequestInit) => (await (await fetch(url, init)).json()) as T;
  const put = (server: ServeProcess, name: string) =>
    json<UploadAccepted>(`${server.url}/api/dumps/${name}`, { method: "PUT", body: Buffer.from(dump) });
  const done = (server: ServeProcess, crashId: string) =>
    eventually(`crash ${crashId}`, async () => {
      const crash = await json<ApiCrash>(`${server.url}/api/crashes/${crashId}`);
      return crash.state === "done" ? crash : undefined;
    });

  it("says where it is and where dumps go, and ends in order on both signals", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const server = await serve("greeting");
      expect(server.stdout()).toContain(`curl -T crash.dmp ${server.url}/api/dumps/`);
      // An open event stream must not hold the end up.
      const live = await fetch(`${server.url}/api/events`);
      expect(await server.end(signal)).toBe(0);
      await live.body?.cancel();
    }
  }, 120_000);

  it("names the port that is taken, and the data directory that is in use", async () => {
    const server = await serve("taken");
    const port = new URL(server.url).port;
    await expect(serve("other", "--port", port)).rejects.toThrow(
      `ended with 2 before it listened:\nstopcode serve: port ${port} on 127.0.0.1 is taken`,
    );
    await expect(serve("taken")).rejects.toThrow(/another stopcode serve uses the data directory/);
    await server.end("SIGTERM");
  }, 120_000);

  it("adds the examples once", async () => {
    for (const added of [/\(\d+ example dumps added\)/, /Data [^(]*$/m]) {
      const server = await serve("seeded", "--seed");
      expect(server.stdout()).toMatch(added);
      await server.end("SIGTERM");
    }
  }, 120_000);

  it("loses nothing and counts nothing twice when it is killed again and again", async () => {
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) {
      const server = await serve("killed");
      const accepted = await Promise.all(Array.from({ length: 6 }, (_, n) => put(server, `${round}-${n}.dmp`)));
      ids.push(...accepted.map(({ crashId }) => crashId));
      await new Promise((resolve) => setTimeout(resolve, round * 15));
      await server.end("SIGKILL");
    }
    const server = await serve("killed");
    for (const id of ids) expect((await done(server, id)).record?.status).not.toBe("rejected");
    const { items } = await json<ApiPage<ApiCrash>>(`${server.url}/api/crashes?limit=100`);
    expect(items.map(({ crashId }) => crashId).sort()).toEqual([...ids].sort());
    const buckets = await json<ApiPage<ApiBucket>>(`${server.url}/api/buckets`);
    // One that was running at two kills may have been read more carefully, into another bucket.
    expect(buckets.items.reduce((sum, { count }) => sum + count, 0)).toBe(ids.length);
    const health = await json<{ queue: unknown }>(`${server.url}/healthz`);
    expect(health.queue).toEqual({ waiting: 0, running: 0, dead: 0 });
    await server.end("SIGTERM");
    const files = readdirSync(join(dir.path, "killed", "dumps"));
    expect(files).toHaveLength(ids.length);
    for (const file of files) expect(readFileSync(join(dir.path, "killed", "dumps", file)).length).toBe(dump.length);
  }, 180_000);
});
