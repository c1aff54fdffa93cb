import { readFileSync } from "node:fs";
import { corpusFiles, corpusPath, describeCorpus } from "../../support/corpus.ts";
import { walkFile } from "../../support/walk-file.ts";

/** What Microsoft's own walker says of a dump. */
interface Reference {
  readonly own_modules: readonly string[];
  readonly crashing_thread_id: number | null;
  readonly threads: readonly {
    readonly thread_id: number;
    readonly frames: readonly { readonly module: string | null; readonly instruction: string }[];
  }[];
}

const ORACLE = ".expected.dbghelp.json";

describeCorpus("stacks as Microsoft's walker walks them", () => {
  it("are the same up to the first frame of a system image, whose file is not at hand", async () => {
    const images = [corpusPath("windows-x64/symstore")];
    const different: string[] = [];
    let compared = 0;
    for (const path of corpusFiles("windows-x64", ORACLE)) {
      const reference = JSON.parse(readFileSync(corpusPath(path), "utf8")) as Reference;
      const { dump, threads } = await walkFile(corpusPath(path.slice(0, -ORACLE.length)), { images });
      const own = new Set(reference.own_modules);
      const index = dump.crashingThread ?? -1;
      const is = reference.threads.find(({ thread_id }) => thread_id === reference.crashing_thread_id);
      if (!is) continue;
      const foreign = is.frames.findIndex(({ module }) => module !== null && !own.has(module));
      // The frame above the last own one was found by its unwind data too.
      const wanted = is.frames.slice(0, foreign < 0 ? is.frames.length : foreign + 1);
      compared += 1;
      const found = (threads[index]?.frames ?? []).slice(0, wanted.length).map(({ offset }) => offset);
      if (found.join() !== wanted.map(({ instruction }) => instruction).join()) different.push(path);
    }
    expect(different).toEqual([]);
    expect(compared).toBe(94);
  });
});
