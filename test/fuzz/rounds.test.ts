import { memorySource } from "../../shared/bytes/byte-source.ts";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import { StepRunner } from "../../shared/bytes/step-runner.ts";
import { openDump } from "../../shared/dump/open-dump.ts";
import { Notes } from "../../shared/notes.ts";
import { mutate } from "../support/mutate.ts";
import { EXAMPLES } from "../support/synth/examples.ts";

/** What a dump says must not depend on how its bytes came: whole at once, or block by block in many rounds. */

/** The opened dump or its error, and the notes, as text; `whole` reads everything first. */
async function opened(bytes: Uint8Array, whole: boolean): Promise<string> {
  const notes = new Notes();
  const runner = new StepRunner(memorySource(bytes));
  let answer: unknown;
  try {
    if (whole) await runner.prefetch();
    answer = { ...(await openDump(runner, notes)), memory: undefined };
  } catch (error) {
    if (!(error instanceof StopcodeError)) throw error;
    answer = { error: error.code, offset: error.offset };
  }
  return JSON.stringify({ answer, notes: notes.list() }, (_, value) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
}

describe("opening a dump", () => {
  it.each(Object.entries(EXAMPLES))("gives the same from one read as from many rounds: %s", async (_, build) => {
    const bytes = build();
    expect(await opened(bytes, false)).toBe(await opened(bytes, true));
  });

  it("gives the same from damaged dumps", async () => {
    for (const build of Object.values(EXAMPLES)) {
      const original = build();
      for (let seed = 0; seed < 25; seed++) {
        const { bytes } = mutate(original, seed);
        expect(await opened(bytes, false)).toBe(await opened(bytes, true));
      }
    }
  }, 60_000);
});
