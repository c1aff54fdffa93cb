import { EmbeddedCrashStore } from "../../../../shared/adapters/embedded/crash-store.ts";
import { Database } from "../../../../shared/adapters/embedded/database.ts";
import { defineCrashStoreContract } from "../../../support/contracts/crash-store-contract.ts";
import { sampleBucket, sampleCrash, sampleId } from "../../../support/contracts/sample-records.ts";

defineCrashStoreContract("EmbeddedCrashStore", async () => {
  const db = new Database(":memory:");
  return { store: new EmbeddedCrashStore(db), cleanup: async () => db.close() };
});

describe("EmbeddedCrashStore", () => {
  let db: Database;
  let store: EmbeddedCrashStore;
  beforeEach(() => {
    db = new Database(":memory:");
    store = new EmbeddedCrashStore(db);
  });
  afterEach(() => db.close());

  it("lists all crashes newest first, over months, page by page", async () => {
    for (const month of ["09", "10", "11"]) {
      await store.recordCrash(sampleCrash(`m ${month}`, { receivedAt: `2026-${month}-30T23:59:59.999Z` }));
    }
    const first = await store.recentCrashes(2);
    const second = await store.recentCrashes(2, first.cursor);
    const months = [...first.items, ...second.items].map(({ record }) => record.receivedAt.slice(0, 7));
    expect(months).toEqual(["2026-11", "2026-10", "2026-09"]);
    expect(second.cursor).toBeUndefined();
  });

  it("gives a bucket's total and last crash, sorted by it", async () => {
    for (const name of ["old", "new"]) {
      await store.createBucket(sampleBucket(name, { bucketId: sampleId(name) }));
    }
    const hours = { old: ["01", "02"], new: ["03"] };
    for (const [name, list] of Object.entries(hours)) {
      for (const hour of list) {
        const receivedAt = `2026-11-22T${hour}:00:00.000Z`;
        await store.recordCrash(sampleCrash(`${name} ${hour}`, { bucketId: sampleId(name), receivedAt }));
      }
    }
    const { items } = await store.bucketFigures(10);
    expect(items.map(({ record, count, lastSeen }) => [record.bucketId, count, lastSeen.slice(11, 13)])).toEqual([
      [sampleId("new"), 1, "03"],
      [sampleId("old"), 2, "02"],
    ]);
    expect(await store.figuresOf(sampleId("old"))).toMatchObject({ count: 2 });
    expect(await store.figuresOf("none")).toBeUndefined();
  });

  it.each(["", "xyz", Buffer.from("[1,2]").toString("base64url")])("refuses the cursor %p", async (cursor) => {
    await expect(store.recentCrashes(10, cursor)).rejects.toMatchObject({ code: "service.rejected" });
  });

  it.each([0, 101, 1.5, Number.NaN])("refuses a page of %p", async (limit) => {
    await expect(store.recentCrashes(limit)).rejects.toMatchObject({ code: "service.rejected" });
  });
});
