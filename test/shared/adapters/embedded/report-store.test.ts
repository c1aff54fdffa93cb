import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileReportStore } from "../../../../shared/adapters/embedded/report-store.ts";
import { defineReportStoreContract } from "../../../support/contracts/report-store-contract.ts";
import { temporaryDir } from "./temporary-dir.ts";

defineReportStoreContract("FileReportStore", async () => {
  const dir = temporaryDir();
  return { store: new FileReportStore(dir.path), cleanup: dir.cleanup };
});

describe("FileReportStore", () => {
  const dir = temporaryDir();
  const store = new FileReportStore(join(dir.path, "reports"));
  afterAll(dir.cleanup);

  it.each(["../outside", "reports/../../outside", "/etc/passwd", "a//b", ".", ""])(
    "refuses the key %p",
    async (key) => {
      await expect(store.put(key, new Uint8Array(1))).rejects.toMatchObject({ code: "service.rejected" });
      await expect(store.get(key)).rejects.toMatchObject({ code: "service.rejected" });
      expect(readdirSync(dir.path)).toEqual(["reports"]);
    },
  );

  it("leaves no temporary file, and sweeps one that a kill left", async () => {
    await store.put("reports/a/1.json.gz", new Uint8Array(3));
    writeFileSync(join(dir.path, "reports", "left.part"), "x");
    store.sweep();
    expect(readdirSync(join(dir.path, "reports"))).toEqual(["reports"]);
  });
});
