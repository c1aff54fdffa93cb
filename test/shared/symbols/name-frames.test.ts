import { openFile } from "../../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { DirectorySupplier } from "../../../shared/adapters/symbols/directory-supplier.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import type { StackFrame } from "../../../shared/stackwalk/frame.ts";
import type { SymbolProvider } from "../../../shared/stackwalk/symbol-provider.ts";
import { namesAhead } from "../../../shared/symbols/name-frames.ts";
import { corpusPath, describeCorpus } from "../../support/corpus.ts";

describe("namesAhead", () => {
  it("asks once for each address of each module, neighbours in a row", () => {
    const asked: string[] = [];
    const provider = {
      forModule: (module: { path: string }) => ({ lookup: (rva: number) => void asked.push(`${module.path} ${rva}`) }),
    } as unknown as SymbolProvider;
    const [a, b] = [{ path: "a" }, { path: "b" }];
    const frames = [
      { module: a, lookupRva: 30 },
      { module: b, lookupRva: 7 },
      { module: a, lookupRva: 4 },
      { module: a, lookupRva: 30 },
      { module: undefined, lookupRva: undefined },
    ] as unknown as StackFrame[];
    for (const task of namesAhead(frames, provider))
      for (const next of task(undefined as never)) next(undefined as never);
    expect(asked).toEqual(["a 4", "a 30", "b 7"]);
  });
});

describeCorpus("what the symbols of a stack cost", () => {
  it("reads the compilands of a stack that is scanned by a PDB of 2.9 MB side by side", async () => {
    const opened = await openFile(corpusPath("mdmp/KindTis_DumpAnalysisMCP/sample2/CppConsoleApplication.dmp"));
    const supplier = new DirectorySupplier([corpusPath("symbols/KindTis_DumpAnalysisMCP/sample2")]);
    const { report } = await analyzeSource(opened.source, {
      limits: DEFAULT_LIMITS,
      platform: nodePlatform,
      symbols: { supplier },
    });
    await supplier.close();
    await opened.close();
    // Seven of them open the file and lead to its compilands; one after the other it were 14.
    expect(report.io.symbols).toEqual({ bytes_read: 368_640, requests: 19, rounds: 9 });
  });
});
