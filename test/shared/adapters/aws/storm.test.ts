import { createHash } from "node:crypto";
import { itemOf, writesOf } from "../../../../shared/adapters/aws/dynamo-items.ts";
import type { CrashRecord } from "../../../../shared/contracts/records.ts";
import { DEFAULT_SHARDS } from "../../../../shared/contracts/table-keys.ts";
import { sampleCrash, sampleRejected } from "../../../support/contracts/sample-records.ts";

/** A storm: 10 seconds of 1,000 crashes a second in one bucket, so one stop code, module, version and hour too. */
const STORM = 10_000;

function stormOf(over: (n: number) => Partial<CrashRecord>): CrashRecord[] {
  return Array.from({ length: STORM }, (_, n) => {
    const crashId = createHash("sha256").update(`storm ${n}`).digest("hex").slice(0, 32);
    return sampleCrash(`storm ${n}`, { crashId, ...over(n) });
  });
}

/** Writes by key, over the keys of the table and of all indexes. */
function countWrites(records: readonly CrashRecord[], shards: number) {
  const counts = new Map<string, number>();
  for (const record of records) {
    for (const key of writesOf(record, { shards, retentionDays: 90 })) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { counts, total, most: Math.max(...counts.values()) };
}

describe("a storm in one bucket", () => {
  it.each([
    ["of many machines", (n: number) => ({ machine: `lab-${n % 500}` })],
    ["of one machine", () => ({ machine: "lab-7" })],
  ])("%s: no key gets more than 1/32 of the writes", (_, over) => {
    const { most, total } = countWrites(stormOf(over), DEFAULT_SHARDS);
    expect(total).toBe(8 * STORM);
    expect(most / total).toBeLessThan(1 / 32);
    // 1/8 of one of eight writes a crash is 1/64; the rest is chance.
    expect(most / total).toBeGreaterThan(1 / 70);
  });

  it("of rejected objects of one machine, which stand in two lists only, needs 16 shards", () => {
    const records = Array.from({ length: STORM }, (_, n) => sampleRejected(`storm ${n}`));
    expect(countWrites(records, DEFAULT_SHARDS).most / (3 * STORM)).toBeGreaterThan(1 / 32);
    const { most, total } = countWrites(records, 16);
    expect(total).toBe(3 * STORM);
    expect(most / total).toBeLessThan(1 / 32);
  });

  it("leaves no key of the table or an index with more than 1/8 of that index's writes, and chance", () => {
    const { counts } = countWrites(
      stormOf(() => ({})),
      DEFAULT_SHARDS,
    );
    const hottest = Math.max(...[...counts].filter(([key]) => !key.startsWith("table/CRASH")).map(([, n]) => n));
    expect(hottest / STORM).toBeLessThan(1 / 7);
  });
});

describe("the item of a crash", () => {
  it("stays within the limits of keys and far below 400 KB, whatever a dump says", () => {
    const wild = "\u{1f4a3}✂".repeat(50_000);
    const record = sampleCrash("wild", {
      machine: "☃".repeat(128),
      bucketTitle: wild,
      culpritModule: wild,
      culpritVersion: wild,
      os: wild,
      osVersion: wild,
      stopName: wild,
      noteCodes: Array.from({ length: 10_000 }, (_, n) => `format.${n}`),
    });
    const item = itemOf(record, { shards: 64, retentionDays: 90 });
    for (const [name, value] of Object.entries(item)) {
      if (name === "pk" || name.endsWith("_pk")) expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(2048);
      if (name === "sk" || name.endsWith("_sk")) expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(1024);
    }
    expect(Buffer.byteLength(JSON.stringify(item))).toBeLessThan(40_000);
  });

  it("expires when its days are over, or never", () => {
    const record = sampleCrash("expiry", { receivedAt: "2026-11-22T00:00:00.999Z" });
    expect(itemOf(record, { shards: 8, retentionDays: 1 })["expires_at"]).toBe(Date.UTC(2026, 10, 23) / 1000);
    expect(itemOf(record, { shards: 8, retentionDays: 0 })["expires_at"]).toBeUndefined();
  });
});
