import { readFileSync } from "node:fs";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { DirectorySupplier } from "../../../shared/adapters/symbols/directory-supplier.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import { corpusPath, describeCorpus } from "../../support/corpus.ts";
import { mutate } from "../../support/mutate.ts";

describeCorpus("symbols of modules on stacks", () => {
  it("are asked for in a step, whatever of a damaged dump was walked and named before", async () => {
    const dump = readFileSync(corpusPath("mdmp/aprilandjan_node-rs-minidump/mac-electron-gpu.dmp"));
    const supplier = new DirectorySupplier([corpusPath("symbols/breakpad-layout")]);
    const bugs: unknown[] = [];
    // Found by fuzzing: the list of modules is overwritten, and one on a stack had not been asked for.
    const { report } = await analyzeSource(memorySource(mutate(new Uint8Array(dump), 53789308).bytes), {
      limits: DEFAULT_LIMITS,
      platform: nodePlatform,
      symbols: { supplier },
      onBug: (error) => bugs.push(error),
    });
    await supplier.close();
    expect(bugs).toEqual([]);
    expect(report.notes.map(({ code }) => code)).toContain("format.truncated");
    expect(report.symbols.length).toBeGreaterThan(0);
  });
});
