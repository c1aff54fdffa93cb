import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crashReportSchema } from "../../../shared/report/crash-report.ts";

const root = join(__dirname, "../../..");
const example = join(root, "examples/kernel-x64-3b-lumenfs.dmp");

/** Runs the real program as a user does. */
function stopcode(args: readonly string[], input?: Uint8Array) {
  const run = spawnSync(process.execPath, [join(root, "bin/stopcode.js"), ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"], NO_COLOR: "1", COLUMNS: "100" },
    ...(input === undefined ? {} : { input }),
  });
  return { status: run.status, out: run.stdout.toString(), err: run.stderr.toString() };
}

describe("stopcode analyze", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "stopcode-cli-"));
    writeFileSync(join(folder, "text.dmp"), "this is a letter, not a dump, though long enough to be looked at");
    writeFileSync(join(folder, "empty.dmp"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("prints one JSON document and nothing else with --json", () => {
    const { status, out, err } = stopcode(["analyze", "--json", example]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(crashReportSchema.parse(JSON.parse(out)).bucket?.title).toBeDefined();
  });

  it("prints the layout of !analyze -v by default, without colours in a pipe", () => {
    const { status, out } = stopcode(["analyze", example]);
    expect(status).toBe(0);
    expect(out).toContain("Bugcheck Analysis");
    expect(out).not.toContain("\u001b[");
  });

  it("reads standard input", () => {
    const file = stopcode(["analyze", "--json", example]);
    const pipe = stopcode(["analyze", "--json", "-"], readFileSync(example));
    expect(pipe).toEqual(file);
  });

  it("says what it cost with --timing, on stderr", () => {
    const { out, err } = stopcode(["analyze", "--json", "--timing", example]);
    expect(err).toMatch(/^\d+\.\d ms, \d+ of \d+ bytes in 1 requests, 1 rounds\n$/);
    expect(() => JSON.parse(out)).not.toThrow();
  });

  it.each([
    ["text.dmp", /not a dump/, "dump.not-a-dump"],
    ["empty.dmp", /empty/, "dump.empty"],
  ])("ends with 3 for %s, with the reason on stderr and as JSON", (name, sentence, code) => {
    const { status, out, err } = stopcode(["analyze", "--json", join(folder, name)]);
    expect(status).toBe(3);
    expect(err).toMatch(sentence);
    expect(err).toContain(code);
    expect(JSON.parse(out).notes[0].code).toBe(code);
  });

  it.each([
    [["analyze", "no-such-file.dmp"], 4, /no-such-file|not.found/i],
    [["analyze", "test"], 4, /regular file/],
    [["analyze"], 2, /missing required argument/],
    [["analyze", "a.dmp", "--budget-bytes", "many"], 2, /whole number of bytes/],
    [["analyze", "a.dmp", "--budget-bytes", "0"], 2, /whole number of bytes/],
    [["analyze", "a.dmp", "--json", "--text"], 2, /cannot be used with/],
    [["analyze", "a.dmp", "--no-such-flag"], 2, /unknown option/],
    [["analyze", "ftp://host/a.dmp"], 2, /ftp:\/\/ is not read/],
    [["analyze", "s3://bucket-only"], 2, /s3:\/\/bucket\/key/],
    [["no-such-command"], 2, /unknown command/],
  ])("%p ends with %p and says what was wrong", (args, status, sentence) => {
    const run = stopcode(args);
    expect(run.status).toBe(status);
    expect(run.err).toMatch(sentence);
    expect(run.out).toBe("");
  });

  it.each([
    ["no file", "lumenfs", /not of the form MODULE=FILE/],
    ["a file of another kind", "lumenfs=package.json", /package\.json is no PDB, Breakpad file or PE image/],
    ["a file that is not there", "lumenfs=nowhere.pdb", /--symbols-for/],
  ])("ends with 2 for --symbols-for with %s", (_, value, sentence) => {
    const { status, err } = stopcode(["analyze", "--symbols-for", value, example]);
    expect(status).toBe(2);
    expect(err).toMatch(sentence);
  });

  it("gives a partial report within a budget", () => {
    const { status, out } = stopcode(["analyze", "--json", "--budget-bytes", "100", example]);
    expect(status).toBe(0);
    expect(JSON.parse(out).notes[0].code).toBe("budget.bytes");
  });

  it("prints the help that is kept as a golden", () => {
    const golden = join(root, "test/golden/cli/analyze-help.txt");
    const { status, out } = stopcode(["analyze", "--help"]);
    expect(status).toBe(0);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(golden, out);
    expect(out).toBe(readFileSync(golden, "utf8"));
  });
});
