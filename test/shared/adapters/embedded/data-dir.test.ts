import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openDataDir } from "../../../../shared/adapters/embedded/data-dir.ts";
import { sampleCrash } from "../../../support/contracts/sample-records.ts";
import { temporaryDir } from "./temporary-dir.ts";

describe("openDataDir", () => {
  const dir = temporaryDir();
  afterAll(dir.cleanup);

  it("keeps what it was told over a restart", async () => {
    const record = sampleCrash("kept");
    const first = openDataDir(join(dir.path, "a", "deep"));
    await first.crashes.recordCrash(record);
    first.close();
    const second = openDataDir(join(dir.path, "a", "deep"));
    expect((await second.crashes.getCrash(record.crashId))?.record).toEqual(record);
    second.close();
  });

  it("belongs to one process at a time", () => {
    const path = join(dir.path, "b");
    const owner = openDataDir(path);
    expect(() => openDataDir(path)).toThrow(/another stopcode serve uses/);
    owner.close();
    openDataDir(path).close();
  });

  it("says so when it cannot be made", () => {
    const file = join(dir.path, "file");
    writeFileSync(file, "");
    expect(() => openDataDir(join(file, "data"))).toThrow(/cannot be made/);
  });

  it("refuses tables of a newer program and gives the directory back", () => {
    const path = join(dir.path, "c");
    openDataDir(path).close();
    const db = new DatabaseSync(join(path, "stopcode.db"));
    db.exec("PRAGMA user_version = 99");
    db.close();
    for (let i = 0; i < 2; i++) expect(() => openDataDir(path)).toThrow(/newer stopcode/);
  });
});
