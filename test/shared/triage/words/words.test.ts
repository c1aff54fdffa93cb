import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateWords } from "../../../../scripts/words.ts";
import { parseContextHint } from "../../../../shared/triage/words/context-hint.ts";
import { BUGCHECK_SUBCODES } from "../../../../shared/triage/words/generated/bugcheck-subcodes.ts";
import { findRows, plainText } from "../../../../shared/triage/words/rows.ts";
import { ALL_WORDS, type ExceptionPlatform, loadWords } from "../../../../shared/triage/words/words.ts";

const FOLDER = join(__dirname, "../../../../shared/triage/words");

function rows(table: string): string[][] {
  const [, ...lines] = readFileSync(join(FOLDER, "tables", table), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => line.split("\t"));
}

function known(column: string | undefined): string | undefined {
  return column === "" || column === "-" ? undefined : column;
}

describe("words", () => {
  it("has generated modules that are up to date with the tables", () => {
    for (const [file, text] of generateWords(join(FOLDER, "tables"))) {
      expect({ file, same: readFileSync(join(FOLDER, "generated", file), "utf8") === text }).toEqual({
        file,
        same: true,
      });
    }
  });

  it("finds every stop code with all its columns", async () => {
    const words = await loadWords(ALL_WORDS);
    const table = rows("bugchecks.tsv");
    expect(table.length).toBeGreaterThan(500);
    for (const [code = "", name, p1, p2, p3, p4, kind, hint = "", source] of table) {
      expect(words.bugcheck(Number(code))).toEqual({
        code: Number(code),
        name,
        kind,
        args: [known(p1), known(p2), known(p3), known(p4)],
        contextHint: parseContextHint(hint),
        source,
      });
    }
  });

  it("finds every sub-code with all its columns", async () => {
    const words = await loadWords(ALL_WORDS);
    const table = rows("bugcheck_subcodes.tsv");
    expect(table.length).toBeGreaterThan(900);
    const seen = new Set<string>();
    for (const [code = "", value = "", ...columns] of table) {
      // The documentation repeats some values (0x122 lists error sources after its own): the first row answers,
      // the others are in the generated text too.
      const found = [...findRows(BUGCHECK_SUBCODES, Number(code))].filter(([p1]) => p1 === BigInt(value).toString(16));
      expect(found.map(([, ...rest]) => [0, 1, 2, 3].map((at) => plainText(rest[at])))).toContainEqual(columns);
      const key = `${code} ${BigInt(value)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const [meaning, p2, p3, p4] = columns;
      const all = { meaning, p2: known(p2), p3: known(p3), p4: known(p4) };
      expect(words.subCode(Number(code), BigInt(value))).toEqual(all);
    }
  });

  it("finds every NTSTATUS and every Win32 error with all their columns", async () => {
    const words = await loadWords(ALL_WORDS);
    const statuses = rows("ntstatus.tsv");
    expect(statuses.length).toBeGreaterThan(2900);
    for (const [code = "", name, text = "", aliases = ""] of statuses) {
      const list = aliases === "" ? [] : aliases.split(",");
      expect(words.ntstatus(Number(code))).toEqual({ name, text, aliases: list });
    }
    const errors = rows("winerror.tsv");
    expect(errors.length).toBeGreaterThan(3100);
    for (const [code = "", name, text = ""] of errors) expect(words.winError(Number(code))).toEqual({ name, text });
  });

  it("finds every exception name", async () => {
    const words = await loadWords(ALL_WORDS);
    const table = rows("exceptions.tsv");
    expect(table.length).toBeGreaterThan(300);
    for (const [platform = "", group = "", value = "", name] of table) {
      const os = (platform === "mac" ? "macos" : platform) as ExceptionPlatform;
      expect(words.exceptionName(os, group, BigInt(value))).toBe(name);
    }
  });

  it("answers undefined between, before and after rows", async () => {
    const words = await loadWords(ALL_WORDS);
    const codes = rows("ntstatus.tsv").map(([code]) => Number(code));
    const taken = new Set(codes);
    for (const code of codes) {
      for (const near of [code - 1, code + 1]) {
        if (near >= 0 && near <= 0xffffffff && !taken.has(near)) expect(words.ntstatus(near)).toBeUndefined();
      }
    }
    expect(words.bugcheck(0x0ffffff0)).toBeUndefined();
    expect(words.subCode(0x1a, 0x12345678n)).toBeUndefined();
    expect(words.exceptionName("linux", "Code", 0x777)).toBeUndefined();
  });

  it("looks up the exact stop code first, then without modifier bits", async () => {
    const words = await loadWords(ALL_WORDS);
    expect(words.bugcheck(0x1000007e)).toMatchObject({
      code: 0x1000007e,
      name: "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M",
    });
    expect(words.bugcheck(0x1000000a)).toMatchObject({ code: 0xa, name: "IRQL_NOT_LESS_OR_EQUAL" });
    expect(words.bugcheck(0x8000009f)).toMatchObject({ code: 0x9f });
    expect(words.bugcheck(0xc0000218)?.name).toBe("STATUS_CANNOT_LOAD_REGISTRY_FILE");
    expect(words.subCode(0x1000001a, 0x41792n)).toEqual(words.subCode(0x1a, 0x41792n));
  });

  it("takes sign-extended codes", async () => {
    const words = await loadWords(ALL_WORDS);
    expect(words.ntstatus(0xffffffffc0000005n)?.name).toBe("STATUS_ACCESS_VIOLATION");
    expect(words.ntstatus(-1073741819)?.name).toBe("STATUS_ACCESS_VIOLATION");
    expect(words.exceptionName("linux", "Sicode", -6)).toBe("SI_TKILL");
  });

  it("loads only what is asked for", async () => {
    const words = await loadWords(new Set(["ntstatus"]));
    expect(words.ntstatus(0xc0000005)).toBeDefined();
    expect(words.bugcheck(0xa)).toBeUndefined();
    expect(words.winError(5)).toBeUndefined();
  });
});

describe("context hints", () => {
  it("reads places, runs, doubts and conditions", () => {
    expect(parseContextHint("MEM=1;OP=2;IP=3")).toEqual([
      { key: "MEM", argument: 1, lastArg: 1, maybe: false },
      { key: "OP", argument: 2, lastArg: 2, maybe: false },
      { key: "IP", argument: 3, lastArg: 3, maybe: false },
    ]);
    expect(parseContextHint("TRAP=3?")).toEqual([{ key: "TRAP", argument: 3, lastArg: 3, maybe: true }]);
    expect(parseContextHint("POOL=2..4")).toEqual([{ key: "POOL", argument: 2, lastArg: 4, maybe: false }]);
    expect(parseContextHint("DEVOBJ=2;IRP=4 (when p1=3)")[1]).toEqual({
      key: "IRP",
      argument: 4,
      lastArg: 4,
      maybe: false,
      whenFirst: 3n,
    });
  });

  it("leaves remarks for people out", () => {
    expect(parseContextHint("PHYS/VA per doc")).toEqual([]);
    expect(parseContextHint("")).toEqual([]);
  });

  it("understands every KEY=n item of the table", () => {
    for (const [code, , , , , , , hint = ""] of rows("bugchecks.tsv")) {
      const items = hint.split(";").filter((item) => /^[A-Z0-9]+=/.test(item));
      expect({ code, read: parseContextHint(hint).length }).toEqual({ code, read: items.length });
    }
  });
});
