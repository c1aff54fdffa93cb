import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "../../../../shared/adapters/embedded/database.ts";
import { FileDumpStore } from "../../../../shared/adapters/embedded/dump-store.ts";
import { s3Notification } from "../../../../shared/adapters/embedded/s3-notification.ts";
import type { ObjectRef } from "../../../../shared/contracts/object-keys.ts";
import { decodeS3Message } from "../../../../shared/pipeline/decode-message.ts";
import { defineDumpStoreContract } from "../../../support/contracts/dump-store-contract.ts";
import { temporaryDir } from "./temporary-dir.ts";

async function* chunksOf(...chunks: Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

defineDumpStoreContract("FileDumpStore", async () => {
  const dir = temporaryDir();
  const db = new Database(":memory:");
  const store = new FileDumpStore(db, dir.path);
  return {
    store,
    put: async (key, bytes, machine): Promise<ObjectRef> => {
      const { versionId, etag } = await store.put(
        "local",
        key,
        chunksOf(bytes),
        machine === undefined ? {} : { machine },
      );
      return { bucket: "local", key, versionId, etag };
    },
    cleanup: async () => {
      db.close();
      await dir.cleanup();
    },
  };
});

describe("FileDumpStore", () => {
  const dir = temporaryDir();
  const db = new Database(":memory:");
  const store = new FileDumpStore(db, dir.path);
  afterAll(async () => {
    db.close();
    await dir.cleanup();
  });

  it("keeps nothing of a body that breaks off", async () => {
    async function* breaking(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(1000);
      throw new Error("gone");
    }
    await expect(store.put("local", "dumps/u/broken", breaking())).rejects.toThrow("gone");
    expect(store.find("local", "dumps/u/broken")).toBeUndefined();
    expect(readdirSync(dir.path)).toEqual([]);
  });

  it("keeps nothing when what goes alongside fails", async () => {
    const put = store.put("local", "dumps/u/alone", chunksOf(new Uint8Array(5)), {}, () => {
      throw new Error("queue full");
    });
    await expect(put).rejects.toThrow("queue full");
    expect(store.find("local", "dumps/u/alone")).toBeUndefined();
    expect(readdirSync(dir.path)).toEqual([]);
  });

  it("sweeps what a kill left and keeps what is owned", async () => {
    const object = await store.put("local", "dumps/u/kept", chunksOf(new Uint8Array(5)));
    writeFileSync(join(dir.path, "half.part"), "x");
    writeFileSync(join(dir.path, "orphan.dmp"), "x");
    expect(store.sweep()).toBe(2);
    expect(readdirSync(dir.path)).toEqual([`${object.versionId}.dmp`]);
  });

  it("refuses an object that is not the one of the event", async () => {
    const { key, versionId } = await store.put("local", "dumps/u/etag", chunksOf(new Uint8Array(5)));
    await expect(store.open({ bucket: "local", key, versionId, etag: '"other"' })).rejects.toMatchObject({
      code: "source.changed",
    });
  });

  it("writes notifications that the decoder of the pipeline reads back", async () => {
    const key = "dumps/m/büro 1/a+b %20 ü&=?#.dmp";
    const object = await store.put("local", key, chunksOf(new Uint8Array(7)));
    const { refs, problems } = decodeS3Message(s3Notification(object));
    expect(problems).toEqual([]);
    const { versionId, etag, createdAt } = object;
    expect(refs).toEqual([{ ref: { bucket: "local", key, versionId, etag }, size: 7, receivedAt: createdAt }]);
  });
});
