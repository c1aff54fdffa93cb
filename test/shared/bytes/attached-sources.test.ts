import { MissingResource } from "../../../shared/bytes/block-cache.ts";
import { countingSource, memorySource } from "../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../shared/bytes/step-runner.ts";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe("a runner with several sources", () => {
  it("fetches what tasks miss of all sources in one round", async () => {
    const first = countingSource(memorySource(filled(0x4000, 1)));
    const second = countingSource(memorySource(filled(0x4000, 2)));
    const runner = new StepRunner(first);
    const other = runner.attach(second);
    const seen: number[] = [];
    await runner.runTogether([
      (bytes) => {
        seen.push(bytes.bytes(0x2000, 1)[0] as number);
        return [];
      },
      () => {
        seen.push(other.bytes(0x1000, 1)[0] as number);
        return [];
      },
    ]);
    expect(seen).toEqual([1, 2]);
    expect(first.counts.rounds).toBe(1);
    expect(second.counts.rounds).toBe(1);
  });

  it("lets one step read from both", async () => {
    const runner = new StepRunner(memorySource(filled(0x1000, 1)));
    const other = runner.attach(memorySource(filled(0x1000, 2)));
    const sum = await runner.run((bytes) => (bytes.bytes(0, 1)[0] as number) + (other.bytes(0, 1)[0] as number));
    expect(sum).toBe(3);
  });

  it("opens a resource that a step misses and runs the step again", async () => {
    const runner = new StepRunner(memorySource(filled(0x1000, 1)));
    let opened: number | undefined;
    const value = await runner.run(() => {
      if (opened === undefined) {
        throw new MissingResource(async () => {
          opened = 7;
        });
      }
      return opened;
    });
    expect(value).toBe(7);
  });

  it("gives up on a resource that never comes", async () => {
    const runner = new StepRunner(memorySource(filled(0x1000, 1)), { maxRoundsPerStep: 3 });
    const never = runner.run(() => {
      throw new MissingResource(async () => {});
    });
    await expect(never).rejects.toMatchObject({ code: "budget.rounds" });
  });

  it("refuses bytes of a source that is not its own", async () => {
    const runner = new StepRunner(memorySource(filled(0x1000, 1)));
    const stranger = new StepRunner(memorySource(filled(0x1000, 2))).fetched;
    await expect(runner.run(() => stranger.bytes(0, 1))).rejects.toThrow(TypeError);
  });
});
