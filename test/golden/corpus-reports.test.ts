import { readFileSync } from "node:fs";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { WHOLE_READ_LIMIT } from "../../shared/bytes/step-runner.ts";
import { type Analysis, analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { crashReportSchema } from "../../shared/report/crash-report.ts";
import { renderText } from "../../shared/report/text.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";

async function analyze(path: string): Promise<Analysis> {
  const opened = await openFile(path);
  try {
    return await analyzeSource(opened.source, { limits: DEFAULT_LIMITS, platform: nodePlatform });
  } finally {
    await opened.close();
  }
}

describeCorpus("every file of the corpus", () => {
  it.each(corpusFiles())("%s gives a report or a reason", async (name) => {
    const path = corpusPath(name);
    const { status, reason, report } = await analyze(path);
    crashReportSchema.parse(report);
    expect(report.notes.filter(({ code }) => code.startsWith("internal."))).toEqual([]);
    expect(renderText(report).length).toBeGreaterThan(0);
    const magic = readFileSync(path).subarray(0, 4).toString("latin1");
    // Nothing that carries a signature of ours is turned away, nothing else is taken for a dump.
    if (magic === "MDMP" || magic === "PAGE") expect(status).not.toBe("rejected");
    else expect(reason).toMatch(/^dump\./);
    // DESIGN: at most two requests for a dump to 4 MiB. The planner does with one.
    if (report.io.source_size <= WHOLE_READ_LIMIT) expect(report.io.requests).toBeLessThanOrEqual(1);
    expect(report.io.bytes_read).toBeLessThanOrEqual(report.io.source_size);
  });
});
