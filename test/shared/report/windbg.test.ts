import { readFileSync } from "node:fs";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import { renderText } from "../../../shared/report/text.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../../support/corpus.ts";

async function reportOf(path: string) {
  const bytes = new Uint8Array(readFileSync(corpusPath(path)));
  return (await analyzeSource(memorySource(bytes), { limits: DEFAULT_LIMITS, platform: nodePlatform })).report;
}

describeCorpus("fields and modules beside WinDbg's own", () => {
  it("prints the fields that WinDbg prints for 083125-14875-01, as far as they need no symbols", async () => {
    const windbg = readFileSync(corpusPath("kernel/083125-14875-01.dmp.expected.windbg.analyze_v.txt"), "utf8");
    const { analysis } = await reportOf("kernel/083125-14875-01.dmp");
    const same =
      "BUGCHECK_CODE BUGCHECK_P1 BUGCHECK_P2 BUGCHECK_P3 BUGCHECK_P4 DUMP_FILE_ATTRIBUTES PROCESS_NAME MODULE_NAME STACK_COMMAND OSPLATFORM_TYPE OSNAME";
    for (const key of same.split(" ")) {
      const value = new RegExp(`^${key}: *(.*?)\\s*$`, "m").exec(windbg)?.[1];
      expect({ key, value: analysis[key] }).toEqual({ key, value });
    }
    // Frame 0: WinDbg's stack pointer.
    expect(analysis["STACK_TEXT"]?.startsWith("ffffa704`eeb6bc88 ")).toBe(true);
  });

  it("lists the modules of WinDbg's lm with their timestamps", async () => {
    const lm = readFileSync(corpusPath("kernel/083125-14875-01.dmp.expected.windbg.lm_t_n.txt"), "utf8");
    const text = renderText(await reportOf("kernel/083125-14875-01.dmp"));
    const loaded = lm.split("\n").filter((line) => /^[0-9a-f]{8}`.{8} [0-9a-f]{8}`.{8} {3}\S+ +\S+ +/.test(line));
    expect(loaded.length).toBeGreaterThan(100);
    const ours = new Map(text.split("\n").map((line) => [line.slice(0, 35), line]));
    for (const line of loaded) {
      const stamp = /\b([0-9A-F]{8})\b(?=\)| \(This)/.exec(line)?.[1];
      const mine = ours.get(line.slice(0, 35));
      expect({ line, found: mine !== undefined }).toEqual({ line, found: true });
      if (stamp !== undefined) expect(mine).toContain(stamp);
    }
  });

  it("prints every dump that is analysed, without control characters", async () => {
    const files = corpusFiles("", ".dmp").filter((file) => !file.startsWith("oracle/"));
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) {
      const text = renderText(await reportOf(file));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      expect({ file, clean: !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text) }).toEqual({ file, clean: true });
    }
  });
});
