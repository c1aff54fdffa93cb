import { DEFAULT_RETRY, waitBefore, withRetries } from "../../../../shared/adapters/aws/retry.ts";
import { instantRetry } from "./fake-s3.ts";

describe("waitBefore", () => {
  it("is random between nothing and a bound that doubles to the cap", () => {
    const policy = instantRetry({ baseMs: 50, capMs: 300 });
    const bounds = [2, 3, 4, 5, 6].map((next) => waitBefore(next, { ...policy, random: () => 0.999_999 }));
    expect(bounds).toEqual([49, 99, 199, 299, 299]);
    expect(waitBefore(5, { ...policy, random: () => 0 })).toBe(0);
  });
});

describe("withRetries", () => {
  const always = () => true;

  it("tries so often and then throws the last error", async () => {
    let tried = 0;
    const work = withRetries(instantRetry({ tries: 4 }), undefined, always, async () => {
      tried += 1;
      throw new Error(`try ${tried}`);
    });
    await expect(work).rejects.toThrow("try 4");
  });

  it("does not try again what cannot succeed", async () => {
    const retry = instantRetry();
    const work = withRetries(
      retry,
      undefined,
      () => false,
      async () => {
        throw new Error("once");
      },
    );
    await expect(work).rejects.toThrow("once");
    expect(retry.waits).toEqual([]);
  });

  it("stops between tries when the caller's signal fires", async () => {
    const caller = new AbortController();
    let tried = 0;
    const work = withRetries(instantRetry(), caller.signal, always, async () => {
      tried += 1;
      caller.abort();
      throw new Error("broken");
    });
    await expect(work).rejects.toMatchObject({ code: "source.aborted" });
    expect(tried).toBe(1);
  });

  it("wakes from its wait when the signal fires", async () => {
    const caller = new AbortController();
    setTimeout(() => caller.abort(), 5);
    await DEFAULT_RETRY.sleep(60_000, caller.signal);
    expect(caller.signal.aborted).toBe(true);
  });
});
