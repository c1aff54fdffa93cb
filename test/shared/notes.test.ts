import { MissingRanges } from "../../shared/bytes/block-cache.ts";
import { BudgetError, FormatError, SourceError } from "../../shared/bytes/errors.ts";
import { attempt, attemptTogether, MAX_NOTES, Notes } from "../../shared/notes.ts";

describe("Notes", () => {
  it("keeps equal notes once and the order of the others", () => {
    const notes = new Notes();
    notes.add("a", "x");
    notes.add("b", "x", "d");
    notes.add("a", "x");
    notes.addAll([{ code: "c", where: "y", detail: "" }]);
    expect(notes.list().map(({ code }) => code)).toEqual(["a", "b", "c"]);
  });

  it("counts what does not fit", () => {
    const notes = new Notes();
    for (let i = 0; i < MAX_NOTES + 7; i++) notes.add("n", String(i));
    expect(notes.list()).toHaveLength(MAX_NOTES + 1);
    expect(notes.list().at(-1)).toMatchObject({ code: "limit.notes", detail: "7 more were dropped" });
  });
});

describe("attempt", () => {
  const failWith = (error: unknown): (() => never) => {
    return () => {
      throw error;
    };
  };

  it("gives the step's value, also undefined, without a note", () => {
    const notes = new Notes();
    expect(attempt(notes, "x", () => 5)).toBe(5);
    expect(notes.list()).toEqual([]);
  });

  it("notes the code and the offset of a typed error", () => {
    const notes = new Notes();
    const error = new FormatError("format.bad-value", "a count of 9", { offset: 0x40 });
    expect(attempt(notes, "x", failWith(error))).toBeUndefined();
    expect(notes.list()).toEqual([{ code: "format.bad-value", where: "x", detail: "a count of 9 at offset 0x40" }]);
  });

  it("notes of any other error the class alone: its message may quote the dump", () => {
    const notes = new Notes();
    attempt(notes, "x", failWith(new TypeError("secret")));
    attempt(notes, "y", failWith("secret"));
    expect(notes.list().map(({ code }) => code)).toEqual(["internal.TypeError", "internal.unknown"]);
    expect(JSON.stringify(notes.list())).not.toContain("secret");
  });

  it.each([
    ["missing ranges", new MissingRanges([])],
    ["source errors", new SourceError("source.timeout", "")],
    ["budget errors", new BudgetError("budget.time", "")],
  ])("lets %s pass", (_, error) => {
    const notes = new Notes();
    let thrown: unknown;
    try {
      attempt(notes, "x", failWith(error));
    } catch (passed) {
      thrown = passed;
    }
    expect(thrown).toBe(error);
    expect(notes.list()).toEqual([]);
  });
});

describe("attemptTogether", () => {
  it("notes a budget and passes on everything else", async () => {
    const notes = new Notes();
    const runner = (error: Error) => ({ runTogether: () => Promise.reject(error) });
    await attemptTogether(runner(new BudgetError("budget.bytes", "used up")), notes, "lists", []);
    expect(notes.list()).toEqual([{ code: "budget.bytes", where: "lists", detail: "used up" }]);
    const gone = new SourceError("source.not-found", "gone");
    await expect(attemptTogether(runner(gone), notes, "lists", [])).rejects.toBe(gone);
  });
});
