import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { type Analysis, analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import { bigKernelDump } from "./big-kernel.ts";

/** DESIGN's budget for 200 modules and 300 processes that lie all over the pool. */

const analyze = (crashed: number): Promise<Analysis> =>
  analyzeSource(memorySource(bigKernelDump({ modules: 200, processes: 300, crashed })), {
    limits: DEFAULT_LIMITS,
    platform: nodePlatform,
  });

describe("a big kernel dump", () => {
  it.each([5, 150, 290])("costs at most 25 rounds, with process %i of 300 crashed", async (crashed) => {
    const { report, status } = await analyze(crashed);
    expect(status).toBe("analyzed");
    expect(report.modules).toHaveLength(200);
    expect(report.modules.filter(({ filename }) => filename === "")).toEqual([]);
    expect(report.process).toMatchObject({ pid: 4 + crashed * 4, name: `p${crashed}.exe` });
    expect(report.io.rounds).toBeLessThanOrEqual(25);
    expect(report.io.requests).toBeLessThanOrEqual(300);
    expect(report.io.bytes_read).toBeLessThanOrEqual(2 * 2 ** 20);
    const listed = (report.processes ?? []).map(({ pid }) => pid / 4 - 1);
    expect(listed.length).toBeGreaterThanOrEqual(30);
    expect(listed.length).toBeLessThanOrEqual(64);
    expect([listed[0], listed.at(-1)]).toEqual([0, 299]);
    expect(listed).toContain(crashed);
    expect(listed).toEqual([...listed].sort((a, b) => a - b));
    expect(report.notes.map(({ code }) => code)).toContain("limit.processes");
  });

  it("costs the same however its reads are timed", async () => {
    const dump = bigKernelDump({ modules: 200, processes: 300, crashed: 150 });
    const slow = memorySource(dump);
    const { report } = await analyzeSource(
      {
        size: slow.size,
        read: async (ranges, signal) => {
          await new Promise((resolve) => setTimeout(resolve, ranges.length % 3));
          return slow.read(ranges, signal);
        },
      },
      { limits: DEFAULT_LIMITS, platform: nodePlatform },
    );
    expect(report).toEqual((await analyze(150)).report);
  });
});
