import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { violations } from "./rules.ts";

const ROOT = join(__dirname, "../..");

/** Every source file that git knows or would take. */
function sources(): string[] {
  return execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: ROOT, encoding: "utf8" })
    .split("\n")
    .filter((path) => /\.(ts|tsx|mts|js)$/.test(path) && existsSync(join(ROOT, path)));
}

describe("the house", () => {
  it("keeps its import direction and its rules in every file", () => {
    const files = sources();
    expect(files.length).toBeGreaterThan(50);
    const found = files.flatMap((path) =>
      violations(path, readFileSync(join(ROOT, path), "utf8")).map((problem) => `${path} ${problem}`),
    );
    expect(found).toEqual([]);
  });
});

/** Wrong arrows and broken rules, each with words that its report must have. */
const WRONG: readonly (readonly [path: string, source: string, report: RegExp])[] = [
  ["shared/bytes/a.ts", 'import { Notes } from "../notes.ts";', /shared\/notes\.ts/],
  ["shared/notes.ts", 'import type { Dump } from "./dump/dump.ts";', /shared\/dump\/dump\.ts/],
  ["shared/image/pe.ts", 'import type { Memory } from "../dump/memory.ts";', /not to its left/],
  ["shared/dump/x/y.ts", 'import { a } from "../../triage/b.ts";', /shared\/triage/],
  ["shared/dump/a.ts", 'export { b } from "../report/b.ts";', /shared\/report/],
  ["shared/dump/a.ts", 'export * from "../report/b.ts";', /shared\/report/],
  ["shared/dump/a.ts", 'export type * from "../report/b.ts";', /shared\/report/],
  ["shared/dump/a.ts", 'const b = await import("../report/b.ts");', /loads shared\/report/],
  ["shared/dump/a.ts", "const b = await import(`../report/b.ts`);", /shared\/report/],
  ["shared/dump/a.ts", "const b = await import(name);", /computed/],
  ["shared/dump/a.ts", 'type B = typeof import("../report/b.ts");', /shared\/report/],
  ["shared/dump/a.ts", 'type B = import("../report/b.ts").B;', /shared\/report/],
  ["shared/dump/a.ts", 'import "../pipeline/b.ts";', /shared\/pipeline/],
  ["shared/dump/a.ts", 'import b = require("../pipeline/b.ts");', /shared\/pipeline/],
  ["shared/dump/a.ts", 'import {\n  b,\n  type C,\n} from "../stackwalk/b.ts";', /shared\/stackwalk/],
  ["shared/dump/a.ts", 'import b, { c } from "../stackwalk/b.ts";', /shared\/stackwalk/],
  ["shared/dump/a.ts", 'import * as b from "../stackwalk/b.ts";', /shared\/stackwalk/],
  ["shared/dump/a.ts", 'const re = /"/; import("../report/b.ts");', /shared\/report/],
  ["shared/report/a.ts", 'import { k } from "../contracts/k.ts";', /shared\/contracts/],
  ["shared/pipeline/a.ts", 'import { k } from "../adapters/k.ts";', /shared\/adapters/],
  ["shared/dump/a.ts", 'import { k } from "../../functions/k.ts";', /functions\/k/],
  ["shared/dump/a.ts", 'import { k } from "../../test/support/k.ts";', /test\/support/],
  ["shared/dump/a.ts", 'import { k } from "./k";', /file ending/],
  ["shared/dump/a.ts", 'import { readFileSync } from "node:fs";', /no I\/O/],
  ["shared/pipeline/a.ts", 'import { createHash } from "crypto";', /no I\/O/],
  ["shared/pipeline/a.ts", 'import { S3Client } from "@aws-sdk/client-s3";', /AWS clients/],
  ["functions/analyze/handler.ts", 'import { S3Client } from "@aws-sdk/client-s3";', /AWS clients/],
  ["functions/analyze/handler.ts", 'import { serve } from "../../cli/serve.ts";', /cli\/serve/],
  ["infra/app.ts", 'import { openDump } from "../shared/dump/open-dump.ts";', /shared\/dump/],
  ["infra/app.ts", 'import { handler } from "../functions/analyze/handler.ts";', /functions/],
  ["web/a.ts", 'import { REPORT_SCHEMA } from "../shared/report/crash-report.ts";', /more than types/],
  ["web/a.ts", 'import type { Dump } from "../shared/dump/dump.ts";', /shared\/dump/],
  ["functions/analyze/handler.ts", "const x = process.env.X;", /process\.env/],
  ["cli/main.ts", 'const x = process["env"].X;', /process\.env/],
  ["cli/main.ts", "const { env } = process;", /process\.env/],
  ["shared/dump/a.ts", "export const a = process.argv;", /knows no Node/],
  ["shared/dump/a.ts", "try { b(); } catch { c(); }", /attempt\(\)/],
  ["shared/symbols/a.ts", "b().catch(() => undefined);", /attempt\(\)/],
  ["shared/pipeline/a.ts", "try { b(); } catch (e) { if (e instanceof MissingRanges) c(); }", /MissingRanges/],
  ["shared/dump/a.ts", "\n".repeat(501), /501 lines/],
  ["test/a.test.ts", "\n".repeat(501), /501 lines/],
  ["shared/dump/a.ts", "export const b = 1;", /without a doc comment/],
  ["shared/dump/a.ts", "/* plain */\nexport function b(): void {}", /without a doc comment/],
  ["shared/dump/a.ts", "/** B. */\nexport interface B {}\n\nexport type C = B;", /exports C/],
  ["shared/dump/a.ts", "enum B { C }", /enum/],
  ["shared/dump/a.ts", "export default 1;", /default export/],
];

/** What is allowed although it looks like one of the above. */
const RIGHT: readonly (readonly [path: string, source: string])[] = [
  ["shared/dump/a.ts", '// import { b } from "../report/b.ts";'],
  ["shared/dump/a.ts", '/* try {} catch {} import("../report/b.ts") */'],
  ["shared/dump/a.ts", "const text = 'import { b } from \"../report/b.ts\"; catch process.env';"],
  ["shared/dump/a.ts", "const text = `catch $" + "{name} process.env`;"],
  ["shared/dump/a.ts", 'import { b } from "../bytes/b.ts";\nimport type { Note } from "../notes.ts";'],
  [
    "shared/adapters/aws/s3.ts",
    'import { S3Client } from "@aws-sdk/client-s3";\nimport { p } from "../../pipeline/ports.ts";',
  ],
  ["shared/adapters/embedded/a.ts", 'import { readFile } from "node:fs/promises";\ntry { b(); } catch {}'],
  ["functions/runtime.ts", "const x = process.env;"],
  ["functions/analyze/handler.ts", 'import { s3Store } from "../../shared/adapters/aws/store.ts";'],
  ["infra/app.ts", 'import { E } from "../shared/contracts/env.ts";\nimport { App } from "aws-cdk-lib";'],
  ["web/a.ts", 'import type { CrashReport } from "../shared/report/crash-report.ts";'],
  ["web/a.ts", 'import { type CrashReport } from "../shared/report/crash-report.ts";'],
  ["shared/triage/words/generated/t.ts", "\n".repeat(3000)],
  ["shared/dump/a.ts", "/** B. */\nexport const b = 1;\nexport const c = 2;"],
  ["shared/dump/a.ts", "/**\n * B.\n */\nexport class B {}"],
  ["test/a.test.ts", 'import { openDump } from "../shared/dump/open-dump.ts";\nconst p = process.env.X;'],
];

describe("the rules", () => {
  it.each(WRONG)("refuse in %s: %j", (path, source, report) => {
    expect(violations(path, source).join("; ")).toMatch(report);
  });

  it.each(RIGHT)("allow in %s: %j", (path, source) => {
    expect(violations(path, source)).toEqual([]);
  });
});
