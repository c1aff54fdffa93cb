import { posix } from "node:path";
import { bareSource, importsOf, type SourceImport } from "./scan-source.ts";

/** The rules of the house, as functions from a file's path and text to what is wrong with it. */

/** The rooms of `shared/`: a room imports from itself and from those to its left. */
export const ROOMS = [
  "bytes",
  "notes",
  "image",
  "dump",
  "stackwalk",
  "symbols",
  "triage",
  "report",
  "contracts",
  "pipeline",
] as const;

/** Folders beside `shared/` and which of the others each may import. */
const OUTER: Readonly<Record<string, readonly string[]>> = {
  infra: ["shared/contracts"],
  functions: ["shared"],
  cli: ["shared"],
  web: ["shared/contracts", "shared/report"],
};

/** Files outside of `functions/runtime.ts` that read the environment, each with its reason. */
const READS_ENVIRONMENT: Readonly<Record<string, string>> = {
  "functions/runtime.ts": "the one place for Lambda",
  "cli/analyze/open-s3.ts": "the AWS endpoint of a command line, as AWS's own tools read it",
};

const NO_CATCH = /^shared\/(image|dump|stackwalk|symbols|triage|report)\//;

/** Files that may name MissingRanges beside a `catch`: the runner catches it, `attempt` passes it on. */
const MAY_SEE_MISSING_RANGES = ["shared/bytes/step-runner.ts", "shared/notes.ts"];

const MAX_LINES = 500;

/** Members of Node's `process`; a dump's process is often called so too. */
const NODE_PROCESS =
  /(?<![.\w])process\s*(\?\.|\.)\s*(env|argv|cwd|exit|stdout|stderr|stdin|memoryUsage|hrtime|platform|nextTick|on|versions?)\b/;

/** Product code: everything but tests, measurements and scripts. */
export function isProduct(path: string): boolean {
  return /^(shared|functions|cli|infra|web|bin)\//.test(path);
}

/** What is wrong with a file; one sentence each. */
export function violations(path: string, source: string): string[] {
  const { code } = bareSource(source);
  return [
    ...importsOf(source).flatMap((item) => importViolations(path, item)),
    ...keywordViolations(path, code),
    ...lineViolations(path, source),
    ...(path.startsWith("shared/") ? undocumentedExports(source) : []),
  ];
}

/** The room of a file in `shared/`: `bytes`, …, `adapters`; the folder at the top for all others. */
function roomOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "shared" ? second.replace(/\.ts$/, "") : top;
}

function importViolations(path: string, { specifier, typeOnly, dynamic }: SourceImport): string[] {
  if (!isProduct(path)) return [];
  if (specifier === undefined) return path.startsWith("shared/") ? ["imports something computed"] : [];
  if (!specifier.startsWith(".")) return packageViolations(path, specifier);
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const problems: string[] = [];
  if (target.startsWith("..")) problems.push(`imports ${specifier}, outside of the project`);
  if (!/\.(ts|tsx|js|json)$/.test(specifier)) problems.push(`imports ${specifier} without its file ending`);
  if (!mayImport(path, target)) problems.push(`${dynamic ? "loads" : "imports"} ${target}, which is not to its left`);
  if (path.startsWith("web/") && target.startsWith("shared/") && !typeOnly) {
    problems.push(`imports more than types from ${target}`);
  }
  return problems;
}

function mayImport(path: string, target: string): boolean {
  const [from = "", to = ""] = [path.split("/")[0], target.split("/")[0]];
  if (from !== "shared") {
    if (from === to) return true;
    if (from === "bin") return to === "cli";
    return (OUTER[from] ?? []).some((allowed) => target.startsWith(`${allowed}/`));
  }
  if (to !== "shared") return false;
  const rooms: readonly string[] = ROOMS;
  const [own, other] = [roomOf(path), roomOf(target)];
  if (own === other) return true;
  if (!rooms.includes(other)) return false;
  return own === "adapters" || rooms.indexOf(other) < rooms.indexOf(own);
}

function packageViolations(path: string, specifier: string): string[] {
  const isAws = specifier.startsWith("@aws-sdk/") || specifier.startsWith("@smithy/");
  const isAdapter = path.startsWith("shared/adapters/");
  if (isAws && !isAdapter) return [`imports ${specifier}: AWS clients live in shared/adapters`];
  if (path.startsWith("shared/") && !isAdapter && isNodeModule(specifier)) {
    return [`imports ${specifier}: shared/ has no I/O outside of adapters`];
  }
  if (path.startsWith("web/") && isNodeModule(specifier)) return [`imports ${specifier} into the page`];
  return [];
}

function isNodeModule(specifier: string): boolean {
  return (
    specifier.startsWith("node:") || /^(fs|path|os|zlib|crypto|http|https|net|child_process)(\/|$)/.test(specifier)
  );
}

function keywordViolations(path: string, code: string): string[] {
  if (!isProduct(path)) return [];
  const problems: string[] = [];
  const isAdapter = path.startsWith("shared/adapters/");
  if (NO_CATCH.test(path) && /\bcatch\b/.test(code)) problems.push("catches: use attempt() of shared/notes.ts");
  if (
    path.startsWith("shared/") &&
    !MAY_SEE_MISSING_RANGES.includes(path) &&
    /\bcatch\b/.test(code) &&
    /\bMissingRanges\b/.test(code)
  ) {
    problems.push("names MissingRanges beside a catch: only the step runner catches it");
  }
  if (/(?<![.\w])process\s*(\?\.|\.)\s*env\b|(?<![.\w])process\s*\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(code)) {
    if (!(path in READS_ENVIRONMENT)) problems.push("reads process.env: functions/runtime.ts alone does");
  }
  if (path.startsWith("shared/") && !isAdapter && NODE_PROCESS.test(code)) {
    problems.push("uses process: shared/ knows no Node outside of adapters");
  }
  if (/\b(export\s+default|enum\s+\w+\s*\{)/.test(code)) problems.push("has a default export or an enum");
  return problems;
}

function lineViolations(path: string, source: string): string[] {
  if (/\/generated\//.test(path)) return [];
  const lines = source.split("\n").length - 1;
  return lines > MAX_LINES ? [`has ${lines} lines, more than ${MAX_LINES}`] : [];
}

const EXPORT = /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type) (\w+)/;

/** Exports without a doc comment. One comment serves a block of one-line exports directly below each other. */
function undocumentedExports(source: string): string[] {
  const lines = source.split("\n");
  const problems: string[] = [];
  let blockIsDocumented = false;
  for (const [i, line] of lines.entries()) {
    const name = EXPORT.exec(line)?.[1];
    if (name === undefined) continue;
    const before = lines[i - 1]?.trim() ?? "";
    const inBlock = EXPORT.test(before) && before.endsWith(";");
    const overload = new RegExp(`^export (async )?function ${name}\\b`).test(lines[i - 1] ?? "");
    if (!inBlock && !overload) blockIsDocumented = docCommentEndsAt(lines, i - 1);
    else if (docCommentEndsAt(lines, i - 1)) blockIsDocumented = true;
    if (!blockIsDocumented) problems.push(`exports ${name} without a doc comment`);
  }
  return problems;
}

/** Whether the line ends a comment that began with two stars. */
function docCommentEndsAt(lines: readonly string[], at: number): boolean {
  if (!(lines[at]?.trim().endsWith("*/") ?? false)) return false;
  for (let i = at; i >= 0; i--) {
    const text = lines[i]?.trim() ?? "";
    if (text.startsWith("/**")) return true;
    if (text.startsWith("/*")) return false;
  }
  return false;
}
