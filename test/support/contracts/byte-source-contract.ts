import type { ByteSource } from "../../../shared/bytes/byte-source.ts";
import { SourceError } from "../../../shared/bytes/errors.ts";

/** What every ByteSource promises, whatever lies behind it. */

/** A source over given bytes, and what may be done to them behind its back. */
export interface ByteSourceHarness {
  readonly source: ByteSource;
  /** Replaces the content under the source; absent where that cannot happen (memory). */
  change?(bytes: Uint8Array): Promise<void>;
  close?(): Promise<void>;
}

/** Bytes that differ at every offset nearby: a shifted read never looks right. */
export function patternBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 17 + (at >> 16)) & 0xff);
}

/** The code of the SourceError that a read ends with. */
export async function sourceErrorCode(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return error.code;
  }
}

export function defineByteSourceContract(
  name: string,
  make: (bytes: Uint8Array) => Promise<ByteSourceHarness>,
  /** Size of the large content; a source that keeps a first read wants more than that. */
  size = 600_000,
): void {
  describe(`${name} as a ByteSource`, () => {
    const bytes = patternBytes(size);
    let harness: ByteSourceHarness;
    beforeEach(async () => {
      harness = await make(bytes);
    });
    afterEach(async () => harness.close?.());

    it("knows its size", () => expect(harness.source.size).toBe(size));

    it("gives several ranges in the order asked, overlapping and descending ones too", async () => {
      const ranges = [
        { start: size - 10, end: size },
        { start: 0, end: 5 },
        { start: 3, end: 4100 },
        { start: 4096, end: 8192 },
        { start: size >> 1, end: (size >> 1) + 1 },
      ];
      const parts = await harness.source.read(ranges);
      expect(parts.length).toBe(ranges.length);
      for (const [index, { start, end }] of ranges.entries()) {
        expect(Buffer.compare(parts[index] as Uint8Array, bytes.subarray(start, end))).toBe(0);
      }
    });

    it("gives the whole content", async () => {
      const [all] = await harness.source.read([{ start: 0, end: size }]);
      expect(Buffer.compare(all as Uint8Array, bytes)).toBe(0);
    });

    it("gives no bytes for an empty range, and nothing for no ranges", async () => {
      expect((await harness.source.read([{ start: 7, end: 7 }])).map((part) => part.length)).toEqual([0]);
      expect(await harness.source.read([])).toEqual([]);
    });

    it.each([
      ["past the end", 0, size + 1],
      ["that begins behind the end", size + 1, size + 2],
      ["backwards", 10, 9],
      ["of negative offset", -1, 4],
      ["of a fraction", 0.5, 4],
      ["beyond 2^53", 2 ** 53, 2 ** 53 + 2],
    ])("refuses a range %s", async (_, start, end) => {
      expect(await sourceErrorCode(harness.source.read([{ start, end }]))).toBe("source.out-of-range");
    });

    it("gives all or nothing", async () => {
      const ranges = [
        { start: 0, end: 4 },
        { start: size, end: size + 4 },
      ];
      expect(await sourceErrorCode(harness.source.read(ranges))).toBe("source.out-of-range");
    });

    it("honours a signal that has fired", async () => {
      const read = harness.source.read([{ start: size - 4, end: size }], AbortSignal.abort());
      expect(await sourceErrorCode(read)).toBe("source.aborted");
    });

    it("never mixes two versions of its content", async () => {
      if (!harness.change) return;
      await harness.change(patternBytes(size).map((byte) => byte ^ 0xff));
      const range = { start: size - 100, end: size };
      const result = await harness.source.read([range]).catch((error: unknown) => error);
      if (result instanceof SourceError) expect(result.code).toBe("source.changed");
      else expect((result as Uint8Array[])[0]).toEqual(bytes.subarray(range.start, range.end));
    });
  });

  it(`${name} may be empty`, async () => {
    const { source, close } = await make(new Uint8Array(0));
    expect(source.size).toBe(0);
    expect((await source.read([{ start: 0, end: 0 }]))[0]?.length).toBe(0);
    expect(await sourceErrorCode(source.read([{ start: 0, end: 1 }]))).toBe("source.out-of-range");
    await close?.();
  });
}
