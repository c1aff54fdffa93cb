import { gunzipSync, gzipSync } from "node:zlib";
import type { ReportStore } from "../../../shared/pipeline/ports.ts";

/** What every ReportStore promises. */

export interface ReportStoreHarness {
  readonly store: ReportStore;
  cleanup?(): Promise<void>;
}

export function defineReportStoreContract(name: string, setup: () => Promise<ReportStoreHarness>): void {
  describe(`${name} as a ReportStore`, () => {
    let harness: ReportStoreHarness;
    beforeAll(async () => {
      harness = await setup();
    });
    afterAll(async () => harness.cleanup?.());

    it("gives back what was put, still compressed", async () => {
      const zipped = gzipSync(JSON.stringify({ text: "x".repeat(100_000) }));
      await harness.store.put("reports/aa/1.json.gz", zipped);
      const got = (await harness.store.get("reports/aa/1.json.gz")) as Uint8Array;
      expect(Buffer.compare(got, zipped)).toBe(0);
      expect(JSON.parse(gunzipSync(got).toString()).text.length).toBe(100_000);
    });

    it("overwrites a report of the same run", async () => {
      await harness.store.put("reports/bb/1.json.gz", gzipSync("1"));
      await harness.store.put("reports/bb/1.json.gz", gzipSync("22"));
      expect(gunzipSync((await harness.store.get("reports/bb/1.json.gz")) as Uint8Array).toString()).toBe("22");
    });

    it("keeps runs apart", async () => {
      await harness.store.put("reports/cc/1.json.gz", gzipSync("one"));
      await harness.store.put("reports/cc/2.json.gz", gzipSync("two"));
      expect(gunzipSync((await harness.store.get("reports/cc/1.json.gz")) as Uint8Array).toString()).toBe("one");
    });

    it("has nothing where nothing was put", async () => {
      expect(await harness.store.get("reports/none/1.json.gz")).toBeUndefined();
    });
  });
}
