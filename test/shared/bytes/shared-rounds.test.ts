import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { sharedRounds } from "../../../shared/bytes/shared-rounds.ts";
import { StepRunner } from "../../../shared/bytes/step-runner.ts";

const PAGE = 4096;

describe("sharedRounds", () => {
  it("counts reads of several files in one turn as one round, and all their bytes", async () => {
    const io = { bytes: 0, requests: 0, rounds: 0 };
    const runner = new StepRunner(memorySource(new Uint8Array(1)));
    const count = sharedRounds(() => runner.turns, io);
    const files = [1, 2, 3].map(() => runner.attach(count(memorySource(new Uint8Array(4 * PAGE)))));
    await runner.runTogether(
      files.map((file) => () => {
        file.bytes(0, 8);
        file.bytes(2 * PAGE, 8);
        return [];
      }),
    );
    expect(io).toEqual({ bytes: 6 * PAGE, requests: 6, rounds: 2 });
  });

  it("counts reads that wait for each other within one turn", async () => {
    const io = { bytes: 0, requests: 0, rounds: 0 };
    let turn = 1;
    const count = sharedRounds(() => turn, io);
    const [long, short] = [1, 2].map(() => count(memorySource(new Uint8Array(8))));
    for (let piece = 0; piece < 3; piece++) await long?.read([{ start: piece, end: piece + 1 }]);
    await short?.read([{ start: 0, end: 1 }]);
    expect(io.rounds).toBe(3);
    turn = 2;
    await short?.read([{ start: 0, end: 1 }]);
    expect(io.rounds).toBe(4);
  });
});
