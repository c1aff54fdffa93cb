import { countingSource } from "../../../shared/bytes/byte-source.ts";
import { StepRunner, WHOLE_READ_LIMIT } from "../../../shared/bytes/step-runner.ts";
import type { ObjectRef } from "../../../shared/contracts/object-keys.ts";
import type { DumpStore } from "../../../shared/pipeline/ports.ts";
import { patternBytes, sourceErrorCode } from "./byte-source-contract.ts";

/** What every DumpStore promises. */

/** A store and a way to put objects into it that does not go through it. */
export interface DumpStoreHarness {
  readonly store: DumpStore;
  /** Puts or replaces an object; the reference names its version as an S3 event would. */
  put(key: string, bytes: Uint8Array, machine?: string): Promise<ObjectRef>;
  cleanup?(): Promise<void>;
}

export function defineDumpStoreContract(name: string, setup: () => Promise<DumpStoreHarness>): void {
  describe(`${name} as a DumpStore`, () => {
    let harness: DumpStoreHarness;
    beforeAll(async () => {
      harness = await setup();
    });
    afterAll(async () => harness.cleanup?.());

    it.each([0, 1, 4096, 64 * 1024, 256 * 1024, 300_000])("opens a dump of %d bytes and reads it", async (size) => {
      const bytes = patternBytes(size);
      const ref = await harness.put(`dumps/m/desk/size-${size}.dmp`, bytes);
      for (const hint of [undefined, size]) {
        const { source } = await harness.store.open(ref, undefined, hint);
        expect(source.size).toBe(size);
        const [all] = await source.read([{ start: 0, end: size }]);
        expect(Buffer.compare(all as Uint8Array, bytes)).toBe(0);
      }
    });

    it("reads ends and middles of a dump above the limit of whole reads", async () => {
      const size = WHOLE_READ_LIMIT + 12_345;
      const bytes = patternBytes(size);
      const ref = await harness.put("dumps/m/desk/large.dmp", bytes);
      const source = countingSource((await harness.store.open(ref, undefined, size)).source);
      const runner = new StepRunner(source);
      await runner.prefetch();
      const end = await runner.run((fetched) => fetched.bytes(size - 20, 20));
      expect(Buffer.compare(end, bytes.subarray(size - 20))).toBe(0);
      const ranges = [0, 70_000, 2_000_000, size - 9].map((start) => ({ start, end: start + 9 }));
      const parts = await source.read(ranges);
      for (const [index, range] of ranges.entries()) {
        expect(parts[index]).toEqual(new Uint8Array(bytes.subarray(range.start, range.end)));
      }
    });

    it("is not misled by a wrong size hint", async () => {
      const ref = await harness.put("dumps/m/desk/hint.dmp", patternBytes(5000));
      for (const hint of [0, 1, 4999, 5001, 2 ** 40]) {
        const { source } = await harness.store.open(ref, undefined, hint);
        expect(source.size).toBe(5000);
        expect((await source.read([{ start: 4990, end: 5000 }]))[0]).toEqual(patternBytes(5000).subarray(4990));
      }
    });

    it("tells the machine from the metadata, also of an empty object, and nothing without", async () => {
      const named = await harness.put("dumps/u/named", patternBytes(10), "lab-7");
      const empty = await harness.put("dumps/u/empty", new Uint8Array(0), "lab-8");
      const bare = await harness.put("dumps/u/bare", patternBytes(10));
      expect((await harness.store.open(named)).machine).toBe("lab-7");
      expect((await harness.store.open(empty)).machine).toBe("lab-8");
      expect((await harness.store.open(bare)).machine).toBeUndefined();
    });

    it("takes keys with spaces, signs and other scripts", async () => {
      const key = "dumps/m/büro 1/a+b %20 ü&=?#.dmp";
      const ref = await harness.put(key, patternBytes(33));
      expect((await harness.store.open(ref)).source.size).toBe(33);
    });

    it("says that an object is not there", async () => {
      const ref = await harness.put("dumps/m/desk/there.dmp", patternBytes(3));
      const missing = { bucket: ref.bucket, key: "dumps/m/desk/not-there.dmp" };
      expect(await sourceErrorCode(harness.store.open(missing))).toBe("source.not-found");
    });

    it("opens the version of the event, or says that it changed", async () => {
      const first = await harness.put("dumps/m/desk/twice.dmp", patternBytes(100));
      await harness.put("dumps/m/desk/twice.dmp", new Uint8Array(90));
      let size: number | undefined;
      const code = await sourceErrorCode(
        harness.store.open(first).then((opened) => {
          size = opened.source.size;
        }),
      );
      if (code === undefined) expect(size).toBe(100);
      else expect(code).toBe("source.changed");
    });

    it("pins what it opened against a later change", async () => {
      const bytes = patternBytes(700_000);
      const { bucket, key } = await harness.put("dumps/m/desk/pinned.dmp", bytes);
      const { source } = await harness.store.open({ bucket, key });
      await harness.put("dumps/m/desk/pinned.dmp", new Uint8Array(700_000));
      const work = source.read([{ start: 699_000, end: 700_000 }]).then(([part]) => {
        expect(Buffer.compare(part as Uint8Array, bytes.subarray(699_000))).toBe(0);
      });
      expect([undefined, "source.changed"]).toContain(await sourceErrorCode(work));
    });

    it("honours a signal that has fired", async () => {
      const ref = await harness.put("dumps/m/desk/abort.dmp", patternBytes(3));
      expect(await sourceErrorCode(harness.store.open(ref, AbortSignal.abort()))).toBe("source.aborted");
    });
  });
}
