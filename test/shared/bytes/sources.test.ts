import fc from "fast-check";
import { budgetSource } from "../../../shared/bytes/budget-source.ts";
import { type ByteSource, countingSource, memorySource } from "../../../shared/bytes/byte-source.ts";
import { coalescingSource } from "../../../shared/bytes/coalescing-source.ts";
import { BudgetError, SourceError } from "../../../shared/bytes/errors.ts";

const DATA = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31 + (i >> 3)) & 0xff);
const range = fc
  .tuple(fc.nat(1000), fc.nat(200))
  .map(([start, length]) => ({ start, end: Math.min(1000, start + length) }));

describe("memorySource", () => {
  it("refuses a range past its end", async () => {
    await expect(memorySource(DATA).read([{ start: 999, end: 1001 }])).rejects.toMatchObject({
      code: "source.out-of-range",
    });
  });

  it("stops at an aborted signal", async () => {
    await expect(memorySource(DATA).read([], AbortSignal.abort())).rejects.toMatchObject({ code: "source.aborted" });
  });
});

describe("coalescingSource", () => {
  it("gives the bytes asked for, in the order asked, whatever it fetches", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(range, { maxLength: 12 }),
        fc.nat(120),
        fc.integer({ min: 1, max: 150 }),
        async (ranges, gap, maxRequestBytes) => {
          const parts = await coalescingSource(memorySource(DATA), { gap, maxRequestBytes }).read(ranges);
          expect(parts.map((part) => [...part])).toEqual(ranges.map(({ start, end }) => [...DATA.slice(start, end)]));
        },
      ),
    );
  });

  it("makes one request of near ranges and none of empty ones", async () => {
    const counting = countingSource(memorySource(DATA));
    const source = coalescingSource(counting, { gap: 16, maxRequestBytes: 4096 });
    await source.read([
      { start: 40, end: 50 },
      { start: 10, end: 30 },
    ]);
    await source.read([{ start: 5, end: 5 }]);
    expect(counting.counts).toEqual({ bytes: 40, requests: 1, rounds: 1 });
  });

  it("cuts a long range into requests that run together", async () => {
    const counting = countingSource(memorySource(DATA));
    await coalescingSource(counting, { gap: 0, maxRequestBytes: 300 }).read([{ start: 0, end: 1000 }]);
    expect(counting.counts).toEqual({ bytes: 1000, requests: 4, rounds: 1 });
  });
});

describe("budgetSource", () => {
  const read = (source: ByteSource): Promise<Uint8Array[]> => source.read([{ start: 0, end: 600 }]);

  it.each([
    ["budget.bytes", { bytes: 1000 }],
    ["budget.requests", { requests: 1 }],
    ["budget.rounds", { rounds: 1 }],
  ])("refuses before the read that would pass %s", async (code, budget) => {
    const counting = countingSource(memorySource(DATA));
    const source = budgetSource(counting, budget);
    await read(source);
    await expect(read(source)).rejects.toMatchObject({ code });
    await expect(read(source)).rejects.toBeInstanceOf(BudgetError);
    expect(counting.counts.rounds).toBe(1);
  });

  it("lets everything through without limits", async () => {
    const source = budgetSource(memorySource(DATA), {});
    for (let i = 0; i < 5; i++) expect((await read(source))[0]).toHaveLength(600);
  });
});

describe("SourceError", () => {
  it("says what may be tried again", () => {
    expect(new SourceError("source.throttled", "").retryable).toBe(true);
    expect(new SourceError("source.denied", "").retryable).toBe(false);
    expect(new SourceError("source.changed", "").retryable).toBe(false);
  });

  it("keeps its facts and cause", () => {
    const cause = new Error("inner");
    const error = new SourceError("source.changed", "changed", { offset: 4, expected: "a", actual: "b", cause });
    expect(error).toMatchObject({ name: "SourceError", offset: 4, expected: "a", actual: "b", cause });
  });
});
