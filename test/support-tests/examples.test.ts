import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memorySource } from "../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import type { CrashReport } from "../../shared/report/crash-report.ts";
import { fuzzPlatform } from "../fuzz/targets.ts";
import { EXAMPLES } from "../support/synth/examples.ts";

const FOLDER = join(__dirname, "../../examples");

describe("examples", () => {
  it("are exactly what scripts/make-examples.ts makes", () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith(".dmp"));
    expect(files.sort()).toEqual(Object.keys(EXAMPLES).sort());
    for (const [name, build] of Object.entries(EXAMPLES)) {
      expect(Buffer.compare(readFileSync(join(FOLDER, name)), build())).toBe(0);
    }
  });

  it("stay small: none above 100 KB, all together below 300 KB", () => {
    const sizes = Object.values(EXAMPLES).map((build) => build().length);
    expect(Math.max(...sizes)).toBeLessThan(100_000);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
  });

  it("are all named in the folder's README", () => {
    const readme = readFileSync(join(FOLDER, "README.md"), "utf8");
    for (const name of Object.keys(EXAMPLES)) expect(readme).toContain(`\`${name}\``);
  });
});

async function reportOf(name: string): Promise<CrashReport> {
  const source = memorySource(EXAMPLES[name]?.() ?? new Uint8Array(0));
  const { status, report } = await analyzeSource(source, { limits: DEFAULT_LIMITS, platform: fuzzPlatform });
  expect(status).toBe("analyzed");
  return report;
}

describe("the reports of the examples", () => {
  it.each([
    ["kernel-x86-registry-file-failure.dmp", "0xc0000218", "ntoskrnl.exe"],
    ["kernel-x64-d1-nightjar-desk.dmp", "0xd1", "nightjarnet.sys"],
    ["kernel-x64-3b-lumenfs.dmp", "0x3b", "lumenfs.sys"],
    ["user-windows-x64-inkwell.dmp", undefined, "quillrender.dll"],
    ["user-linux-x64-cartograph.dmp", undefined, "libtilecache.so"],
    ["user-windows-arm64-ferrycontrol.dmp", undefined, "ferrycontrol.exe"],
  ])("name in %s stop code %s and %s", async (name, code, module) => {
    const report = await reportOf(name);
    expect([report.bugcheck?.code, report.culprit?.module]).toEqual([code, module]);
  });

  it("put the same fault of two machines into one bucket, and every other into its own", async () => {
    const buckets = new Map<string, string | undefined>();
    for (const name of Object.keys(EXAMPLES)) buckets.set(name, (await reportOf(name)).bucket?.id);
    expect(buckets.get("kernel-x64-d1-nightjar-desk.dmp")).toBe(buckets.get("kernel-x64-d1-nightjar-laptop.dmp"));
    expect(new Set(buckets.values()).size).toBe(buckets.size - 1);
  });
});
