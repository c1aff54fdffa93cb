import { describeCorpus } from "../../support/corpus.ts";
import { compareStacks, dumpsWithStacks, SETS } from "./compare-stacks.ts";
import { DISPROVES, type Evidence } from "./evidence.ts";
import { EXPLAINED } from "./explained.ts";

/**
 * The frames of all threads beside minidump-stackwalk's, in every field. A difference that no bytes explain
 * fails, and so does one that the table does not have or that is gone from it.
 */
describeCorpus("stacks beside minidump-stackwalk's", () => {
  const dumps = SETS.flatMap(({ dumps: folder, symbols }) =>
    dumpsWithStacks(folder).map((path) => ({ path, symbols })),
  );
  const total = { believable: 0, equal: 0, same: 0 };

  it.each(dumps)("$path", async ({ path, symbols }) => {
    const { frames, equal, differences } = await compareStacks(path, symbols);
    const found: Partial<Record<Evidence | "not explained", number>> = {};
    total.believable += frames;
    total.equal += equal;
    for (const { evidence = "not explained", theirs, fields } of differences) {
      found[evidence] = (found[evidence] ?? 0) + 1;
      if (theirs && DISPROVES.some((one) => one === evidence)) total.believable -= 1;
      if (fields.join() === "trust") total.same += 1;
    }
    expect(found).toEqual(EXPLAINED[path] ?? {});
  });

  it("agree in 99 of 100 frames that the bytes do not disprove", () => {
    expect(total.believable).toBeGreaterThan(1400);
    expect((total.equal + total.same) / total.believable).toBeGreaterThan(0.99);
    expect(total.equal / total.believable).toBeGreaterThan(0.97);
  });

  it("has no row for a dump that is not there", () => {
    expect(Object.keys(EXPLAINED).filter((path) => !dumps.some((dump) => dump.path === path))).toEqual([]);
  });
});
