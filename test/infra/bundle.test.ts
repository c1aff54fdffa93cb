import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { buildSync, type Metafile } from "esbuild";
import {
  bundleOptions,
  copyPackages,
  FIRST_CHUNK,
  FIRST_CHUNK_LIMIT,
  functionCode,
} from "../../infra/constructs/function-code.ts";
import { ANALYZE_ENTRY } from "../../infra/pipeline-stack.ts";

/** The files that loading one file loads: itself and what it imports other than by `import()`. */
function loadedWith(outputs: Metafile["outputs"], first: string): string[] {
  const loaded = new Set<string>();
  const add = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && external !== true) add(next);
    }
  };
  add(first);
  return [...loaded];
}

describe("the bundle of analyze", () => {
  const outdir = mkdtempSync(join(tmpdir(), "stopcode-bundle-"));
  const result = buildSync(bundleOptions(ANALYZE_ENTRY, outdir));
  const outputs = result.metafile?.outputs ?? {};
  const first = Object.keys(outputs).find((path) => path.endsWith(FIRST_CHUNK)) ?? "";
  const loaded = loadedWith(outputs, first);
  const inputs = (paths: readonly string[]) => paths.flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
  const words = (paths: readonly string[]) =>
    inputs(paths).filter((path) => /shared\/triage\/words\/.*(?<!\.test)\.ts$/.test(path));

  afterAll(() => rmSync(outdir, { recursive: true, force: true }));

  it("builds without warnings and exports a handler", () => {
    expect(result.warnings).toEqual([]);
    expect(outputs[first]?.exports).toEqual(["handler"]);
  });

  it("loads no more than its budget in a cold start", () => {
    const bytes = loaded.reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
    expect(bytes).toBeLessThanOrEqual(FIRST_CHUNK_LIMIT);
  });

  it("has the tables of words in chunks that only import() loads", () => {
    const lazy = Object.keys(outputs).filter((path) => !loaded.includes(path));
    const size = (path: string) => outputs[path]?.bytes ?? 0;
    expect(words(lazy).length).toBeGreaterThan(0);
    expect(Math.max(...lazy.map(size))).toBeGreaterThan(50_000);
    for (const path of words(lazy)) expect(inputs(loaded)).not.toContain(path);
  });

  it("holds nothing of the tests or of the infrastructure", () => {
    const all = inputs(Object.keys(outputs));
    expect(all.filter((path) => /^(test|infra|cli|web)\//.test(path))).toEqual([]);
    expect(readFileSync(join(outdir, FIRST_CHUNK), "utf8")).not.toContain("aws-cdk-lib");
  });
});

describe("the asset of a function", () => {
  it("has a hash of what was built: other code is another asset", () => {
    const hashOf = (entry: string) => {
      const app = new App();
      const stack = new Stack(app, "stack");
      const { s3Location } = functionCode(entry).bind(stack);
      return s3Location?.objectKey;
    };
    expect(hashOf("shared/contracts/table-keys.ts")).not.toBe(hashOf("shared/contracts/object-keys.ts"));
  });
});

describe("packages beside a bundle", () => {
  const outdir = mkdtempSync(join(tmpdir(), "stopcode-packages-"));

  afterAll(() => rmSync(outdir, { recursive: true, force: true }));

  it("are found from there: both disassemblers decode", () => {
    const built = buildSync(bundleOptions("shared/adapters/disassembly/load-disassembler.ts", outdir));
    const outputs: Metafile["outputs"] = built.metafile?.outputs ?? {};
    copyPackages(outdir);
    const bundled = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
    expect(bundled.filter((path) => path.includes("node_modules"))).toEqual([]);
    const script = [
      `import { loadDisassembler } from ${JSON.stringify(join(outdir, FIRST_CHUNK))};`,
      "const x64 = (await loadDisassembler('amd64')).decode(new Uint8Array([0x48, 0x8b, 0x41, 0x08]), 0n);",
      "const arm64 = (await loadDisassembler('arm64')).decode(new Uint8Array([0x20, 0x04, 0x40, 0xf9]), 0n);",
      "process.stdout.write(JSON.stringify([x64.parts, arm64.parts]));",
    ].join("\n");
    // Outside of the repository: nothing but what was copied can be found.
    const stdout = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: outdir,
      encoding: "utf8",
    });
    expect(JSON.parse(stdout)).toEqual([["mov     rax,qword ptr [rcx+8]"], ["ldr         x0,[x1,#8]"]]);
  });
});
