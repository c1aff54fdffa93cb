import { readFileSync } from "node:fs";
import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { crashReportSchema } from "../../shared/report/crash-report.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";
import { DIFFERENCES, type Difference, type InstructionView, viewOf } from "./instruction-differences.ts";

/**
 * The failing instruction of every dump of the corpus beside `minidump-stackwalk --json`: equal, or different
 * for one of the reasons in instruction-differences.ts, as often as that says.
 */
const SUFFIX = ".expected.rust-minidump-0.27.json";

describeCorpus("the failing instruction beside minidump-stackwalk's", () => {
  const seen = new Map<Difference, string[]>();

  it.each(corpusFiles("", SUFFIX))(
    "%s",
    async (name) => {
      const { crash_info } = JSON.parse(readFileSync(corpusPath(name), "utf8"));
      const opened = await openFile(corpusPath(name.slice(0, -SUFFIX.length)));
      try {
        const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler: loadDisassembler };
        const { report } = await analyzeSource(opened.source, options);
        expect(crashReportSchema.parse(report)).toEqual(report);
        const [oracle, ours] = [viewOf(crash_info ?? {}), viewOf(report.crash_info)];
        for (const field of Object.keys(ours) as (keyof InstructionView)[]) {
          if (JSON.stringify(oracle[field]) === JSON.stringify(ours[field])) continue;
          const difference = DIFFERENCES.find((one) => one.field === field && one.accepts(oracle, ours, report));
          if (!difference) expect({ [field]: ours[field] }).toEqual({ [field]: oracle[field] });
          else seen.set(difference, [...(seen.get(difference) ?? []), name]);
        }
      } finally {
        await opened.close();
      }
    },
    60_000,
  );

  it("differs as often as is explained", () => {
    const counts = (of: (one: Difference) => number) =>
      Object.fromEntries(DIFFERENCES.map((one) => [`${one.field}: ${one.why}`, of(one)]));
    expect(counts((one) => seen.get(one)?.length ?? 0)).toEqual(counts((one) => one.dumps));
  });
});
