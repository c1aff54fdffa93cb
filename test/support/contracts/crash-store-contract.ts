import type { CrashListBy } from "../../../shared/contracts/table-keys.ts";
import type { CrashStore, Page } from "../../../shared/pipeline/ports.ts";
import { sampleBucket, sampleCrash, sampleId, sampleRejected } from "./sample-records.ts";

/** What every CrashStore promises. Each test uses buckets and machines of its own: the store may be shared. */

export interface CrashStoreHarness {
  readonly store: CrashStore;
  cleanup?(): Promise<void>;
}

/** All pages of a listing, with a bound on their number. */
async function allPages<T>(page: (cursor?: string) => Promise<Page<T>>): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let pages = 1; pages <= 100; pages++) {
    const got = await page(cursor);
    items.push(...got.items);
    cursor = got.cursor;
    if (cursor === undefined) return { items, pages };
  }
  throw new Error("the listing does not end");
}

export function defineCrashStoreContract(name: string, setup: () => Promise<CrashStoreHarness>): void {
  describe(`${name} as a CrashStore`, () => {
    let store: CrashStore;
    let harness: CrashStoreHarness;
    beforeAll(async () => {
      harness = await setup();
      store = harness.store;
    });
    afterAll(async () => harness.cleanup?.());

    it("gives back a crash as it was recorded, not yet notified", async () => {
      const record = sampleCrash("round trip", { bucketId: sampleId("b round trip") });
      expect(await store.recordCrash(record)).toBe("created");
      expect(await store.getCrash(record.crashId)).toEqual({ record, notified: false });
    });

    it("records a crash without bucket", async () => {
      const record = sampleRejected("no bucket");
      expect(await store.recordCrash(record)).toBe("created");
      expect(await store.getCrash(record.crashId)).toEqual({ record, notified: false });
      expect(await store.recordCrash(record)).toBe("exists");
    });

    it("has no crash and no bucket that were not put", async () => {
      expect(await store.getCrash(sampleId("nobody"))).toBeUndefined();
      expect(await store.getBucket(sampleId("nobody"))).toBeUndefined();
    });

    it("changes and counts nothing when a crash is recorded again, even with other content", async () => {
      const record = sampleCrash("again", { bucketId: sampleId("b again") });
      expect(await store.recordCrash(record)).toBe("created");
      expect(await store.recordCrash(record)).toBe("exists");
      expect(await store.recordCrash({ ...record, analysisMs: 99, culpritModule: "other.sys" })).toBe("exists");
      expect((await store.getCrash(record.crashId))?.record).toEqual(record);
      const counts = await store.bucketCounts(sampleId("b again"), "2026-11-22T00", "2026-11-22T23");
      expect([...counts]).toEqual([["2026-11-22T14", 1]]);
    });

    it("lets one of many deliveries at once record the crash", async () => {
      const record = sampleCrash("race", { bucketId: sampleId("b race") });
      const results = await Promise.all(Array.from({ length: 8 }, () => store.recordCrash(record)));
      expect(results.filter((result) => result === "created").length).toBe(1);
      const counts = await store.bucketCounts(sampleId("b race"), "2026-11-22T14", "2026-11-22T14");
      expect([...counts]).toEqual([["2026-11-22T14", 1]]);
    });

    it("counts the crashes of a bucket by hour, within inclusive bounds, over all shards", async () => {
      const bucketId = sampleId("b hours");
      for (let n = 0; n < 24; n++) {
        const hour = String(10 + (n % 3)).padStart(2, "0");
        await store.recordCrash(sampleCrash(`hour ${n}`, { bucketId, receivedAt: `2026-11-22T${hour}:30:00.000Z` }));
      }
      const counts = async (from: string, to: string) =>
        Object.fromEntries([...(await store.bucketCounts(bucketId, from, to))].sort());
      expect(await counts("2026-11-22T10", "2026-11-22T12")).toEqual({
        "2026-11-22T10": 8,
        "2026-11-22T11": 8,
        "2026-11-22T12": 8,
      });
      expect(await counts("2026-11-22T11", "2026-11-22T11")).toEqual({ "2026-11-22T11": 8 });
      expect(await counts("2026-11-22T13", "2026-12-01T00")).toEqual({});
    });

    it("lets one of many create a bucket, and tells all of them which stands", async () => {
      const buckets = Array.from({ length: 5 }, (_, n) =>
        sampleBucket("one of many", { firstCrashId: sampleId(`claim ${n}`) }),
      );
      const standing = await Promise.all(buckets.map((bucket) => store.createBucket(bucket)));
      const winner = await store.getBucket(sampleBucket("one of many").bucketId);
      expect(buckets).toContainEqual(winner);
      for (const bucket of standing) expect(bucket).toEqual(winner);
      expect(await store.createBucket(sampleBucket("one of many", { title: "late" }))).toEqual(winner);
    });

    it("marks a crash as notified, as often as one likes, and makes none up", async () => {
      const record = sampleCrash("notified", { bucketId: sampleId("b notified") });
      await store.recordCrash(record);
      await store.markNotified(record.crashId);
      await store.markNotified(record.crashId);
      expect(await store.getCrash(record.crashId)).toEqual({ record, notified: true });
      await store.markNotified(sampleId("never recorded"));
      expect(await store.getCrash(sampleId("never recorded"))).toBeUndefined();
    });

    it("adds a note code once, to a crash that is there", async () => {
      const record = sampleCrash("noted", { bucketId: sampleId("b noted") });
      await store.recordCrash(record);
      await store.addNoteCode(record.crashId, "pipeline.later-version");
      await store.addNoteCode(record.crashId, "pipeline.later-version");
      expect((await store.getCrash(record.crashId))?.record).toEqual({
        ...record,
        noteCodes: [...record.noteCodes, "pipeline.later-version"],
      });
      await store.addNoteCode(sampleId("never noted"), "pipeline.later-version");
      expect(await store.getCrash(sampleId("never noted"))).toBeUndefined();
    });

    it("counts attempts until they are taken back", async () => {
      const crashId = sampleId("attempts");
      expect(await store.beginAttempt(crashId)).toBe(1);
      expect(await store.beginAttempt(crashId)).toBe(2);
      expect(await store.beginAttempt(sampleId("other attempts"))).toBe(1);
      await store.clearAttempts(crashId);
      await store.clearAttempts(crashId);
      expect(await store.beginAttempt(crashId)).toBe(1);
      expect(await store.getCrash(crashId)).toBeUndefined();
    });

    describe("lists", () => {
      const bucketId = sampleId("b lists");
      const machine = "list machine #1 / ünï";
      const version = "10.0.1#2";
      const stopCode = "0x1234abcd";
      const culpritModule = "List Driver.SYS";
      // Two of a time, so that the id decides; the last one is of another month.
      const records = Array.from({ length: 23 }, (_, n) =>
        sampleCrash(`list ${n}`, {
          bucketId,
          machine,
          stopCode,
          culpritModule,
          culpritVersion: version,
          receivedAt: n === 22 ? "2026-12-01T00:00:00.000Z" : `2026-11-20T10:00:${10 + (n >> 1)}.000Z`,
        }),
      );
      const order = [...records.slice(0, 22)]
        .sort((a, b) => (`${a.receivedAt}#${a.crashId}` < `${b.receivedAt}#${b.crashId}` ? 1 : -1))
        .map((record) => record.crashId);
      const lists: CrashListBy[] = [
        { by: "bucket", bucketId },
        { by: "machine", machine },
        { by: "day", day: "2026-11-20" },
        { by: "stop", stopCode },
        { by: "module", module: culpritModule },
        { by: "version", module: culpritModule, version },
      ];
      beforeAll(async () => {
        for (const record of records) await store.recordCrash(record);
      });

      it.each(lists)("crashes by $by, newest first, page by page without loss or repetition", async (list) => {
        for (const limit of [1, 5, 22, 100]) {
          const { items, pages } = await allPages((cursor) => store.listCrashes(list, "2026-11", limit, cursor));
          expect(items.map((item) => item.record.crashId)).toEqual(order);
          expect(pages).toBeLessThanOrEqual(Math.floor(22 / limit) + 1);
        }
      });

      it("slices by month", async () => {
        const page = await store.listCrashes({ by: "bucket", bucketId }, "2026-12", 100);
        expect(page.items.map((item) => item.record)).toEqual([records[22]]);
        expect((await store.listCrashes({ by: "bucket", bucketId }, "2025-01", 100)).items).toEqual([]);
      });

      it("finds modules in any case", async () => {
        const page = await store.listCrashes({ by: "module", module: "LIST driver.sys" }, "2026-11", 3);
        expect(page.items.map((item) => item.record.crashId)).toEqual(order.slice(0, 3));
      });

      it("goes on behind the cursor when newer crashes have come meanwhile", async () => {
        const list: CrashListBy = { by: "bucket", bucketId: sampleId("b moving") };
        const crash = (n: number) =>
          sampleCrash(`moving ${n}`, { bucketId: sampleId("b moving"), receivedAt: `2026-11-20T10:00:0${n}.000Z` });
        for (const n of [1, 2, 3]) await store.recordCrash(crash(n));
        const first = await store.listCrashes(list, "2026-11", 2);
        await store.recordCrash(crash(9));
        const second = await store.listCrashes(list, "2026-11", 2, first.cursor);
        expect([...first.items, ...second.items].map((item) => item.record.crashId)).toEqual(
          [3, 2, 1].map((n) => crash(n).crashId),
        );
      });

      it("crashes with names that forge keys stay in their own list", async () => {
        const forged = { by: "version", module: `${culpritModule}#${version}`, version: "" } as const;
        expect((await store.listCrashes(forged, "2026-11", 100)).items).toEqual([]);
      });

      it("buckets by state and month of their first crash, newest first", async () => {
        const month = "2031-07";
        const buckets = Array.from({ length: 9 }, (_, n) =>
          sampleBucket(`state ${n}`, { firstSeen: `${month}-0${1 + (n >> 1)}T00:00:00.000Z` }),
        );
        for (const bucket of buckets) await store.createBucket(bucket);
        await store.createBucket(sampleBucket("muted", { state: "muted", firstSeen: `${month}-01T00:00:00.000Z` }));
        const wanted = [...buckets].sort((a, b) =>
          `${a.firstSeen}#${a.bucketId}` < `${b.firstSeen}#${b.bucketId}` ? 1 : -1,
        );
        for (const limit of [2, 100]) {
          const { items } = await allPages((cursor) => store.listBuckets("open", month, limit, cursor));
          expect(items).toEqual(wanted);
        }
      });
    });

    it("takes names as hostile dumps make them", async () => {
      const hostile = `${"\u{1f4a3}".repeat(127)}\ud83d`;
      const record = sampleCrash("hostile", {
        bucketId: sampleId("b hostile"),
        culpritModule: hostile,
        culpritVersion: "✂".repeat(256),
        machine: "☃".repeat(128),
      });
      expect(await store.recordCrash(record)).toBe("created");
      const page = await store.listCrashes({ by: "module", module: hostile }, "2026-11", 10);
      expect(page.items.map((item) => item.record.crashId)).toEqual([record.crashId]);
    });
  });
}
