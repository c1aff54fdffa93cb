import { type FetchedBytes, MissingResource } from "../../../shared/bytes/block-cache.ts";
import { countingSource, memorySource } from "../../../shared/bytes/byte-source.ts";
import { BudgetError } from "../../../shared/bytes/errors.ts";
import { FIRST_READ_BYTES, StepRunner, type Task, WHOLE_READ_LIMIT } from "../../../shared/bytes/step-runner.ts";
import { sparseSource } from "../../support/synth/sparse-source.ts";

const HUGE = 5 * 2 ** 40;

function huge() {
  return countingSource(sparseSource(HUGE, [{ start: 2 ** 42, size: 16, byteAt: (distance) => distance + 1 }]));
}

describe("StepRunner", () => {
  it("runs a step again until its bytes are there", async () => {
    const source = huge();
    const runner = new StepRunner(source);
    let runs = 0;
    const value = await runner.run((bytes) => {
      runs += 1;
      const first = bytes.bytes(2 ** 42, 1)[0] ?? 0;
      return first + (bytes.bytes(HUGE - 4096 * first, 1)[0] ?? 0);
    });
    expect({ value, runs }).toEqual({ value: 1, runs: 3 });
    expect(source.counts).toMatchObject({ rounds: 2, requests: 2 });
  });

  it("fetches a plan in one round", async () => {
    const source = huge();
    await new StepRunner(source).run((bytes) => {
      const wanted = [0, 1, 2, 3].map((n) => ({ start: n * 2 ** 40, end: n * 2 ** 40 + 8 }));
      bytes.plan(wanted);
      return wanted.map(({ start }) => bytes.bytes(start, 8));
    });
    expect(source.counts).toEqual({ bytes: 4 * 4096, requests: 4, rounds: 1 });
  });

  it("reads a small object whole in its first request, and the start of a large one", async () => {
    const small = countingSource(memorySource(new Uint8Array(WHOLE_READ_LIMIT)));
    await new StepRunner(small).prefetch();
    expect(small.counts).toEqual({ bytes: WHOLE_READ_LIMIT, requests: 1, rounds: 1 });
    const large = huge();
    await new StepRunner(large).prefetch();
    expect(large.counts).toEqual({ bytes: FIRST_READ_BYTES, requests: 1, rounds: 1 });
    const empty = countingSource(memorySource(new Uint8Array(0)));
    await new StepRunner(empty).prefetch();
    expect(empty.counts.requests).toBe(0);
  });

  it("passes on what a step throws", async () => {
    const step = (): never => {
      throw new RangeError("a bug");
    };
    await expect(new StepRunner(huge()).run(step)).rejects.toBeInstanceOf(RangeError);
  });

  it("ends a step that asks without end", async () => {
    let at = 0;
    const step = (bytes: FetchedBytes): Uint8Array => {
      at += 4096;
      return bytes.bytes(at, 1);
    };
    await expect(new StepRunner(huge(), { maxRoundsPerStep: 5 }).run(step)).rejects.toMatchObject({
      code: "budget.rounds",
    });
  });

  it("starts nothing after its deadline or an abort", async () => {
    const late = new StepRunner(huge(), { deadline: performance.now() - 1 });
    await expect(late.run(() => 1)).rejects.toBeInstanceOf(BudgetError);
    const aborted = new StepRunner(huge(), { signal: AbortSignal.abort() });
    await expect(aborted.run(() => 1)).rejects.toMatchObject({ code: "budget.time" });
  });

  it("runs tasks side by side in shared rounds, with the work that they find", async () => {
    const source = huge();
    const found: number[] = [];
    /** Follows `hops` reads from a place of its own. */
    const chain =
      (start: number, hops: number): Task =>
      (bytes) => {
        bytes.bytes(start, 1);
        found.push(start);
        return hops > 1 ? [chain(start + 2 ** 30, hops - 1)] : [];
      };
    await new StepRunner(source).runTogether([chain(0, 3), chain(2 ** 40, 3), chain(2 ** 41, 2)]);
    expect(found).toHaveLength(8);
    expect(source.counts).toMatchObject({ requests: 8, rounds: 3 });
  });

  it("keeps what tasks found when one goes on for ever", async () => {
    const found: number[] = [];
    const endless =
      (at: number): Task =>
      (bytes) => {
        bytes.bytes(at, 1);
        found.push(at);
        return [endless(at + 4096)];
      };
    await expect(new StepRunner(huge()).runTogether([endless(0)], 7)).rejects.toMatchObject({ code: "budget.rounds" });
    expect(found).toHaveLength(7);
  });

  it("lets work that nobody waits for share the rounds of other work", async () => {
    const source = huge();
    const runner = new StepRunner(source);
    const found: number[] = [];
    const chain =
      (start: number, hops: number): Task =>
      (bytes) => {
        bytes.bytes(start, 1);
        found.push(start);
        return hops > 1 ? [chain(start + 2 ** 30, hops - 1)] : [];
      };
    runner.beside([chain(2 ** 41, 9)]);
    await runner.runTogether([chain(0, 3)]);
    await runner.run((bytes) => bytes.bytes(2 ** 40, 1));
    expect(source.counts).toMatchObject({ rounds: 4, requests: 8 });
    expect(runner.rounds).toBe(4);
    expect(await runner.settle(7)).toBe(false);
    expect(source.counts.rounds).toBe(7);
    // What was given up stays so.
    expect(await runner.settle(20)).toBe(true);
    expect(source.counts.rounds).toBe(7);
    expect(found.filter((at) => at >= 2 ** 41)).toHaveLength(7);
  });

  it("reads nothing beside a round that only opens files", async () => {
    const source = huge();
    const runner = new StepRunner(source);
    const beside: Task = (bytes) => {
      bytes.bytes(0, 1);
      return [];
    };
    runner.beside([beside]);
    const opened: string[] = [];
    const open = async (): Promise<void> => void opened.push("file");
    await runner.run(() => {
      if (opened.length === 0) throw new MissingResource(open);
    });
    expect(source.counts.rounds).toBe(0);
    expect(await runner.settle(1)).toBe(true);
    expect(source.counts.rounds).toBe(1);
  });
});
