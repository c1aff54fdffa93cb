import { readFileSync } from "node:fs";
import { openSymbols } from "../../cli/analyze/open-symbols.ts";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { renderText } from "../../shared/report/text.ts";
import { corpusPath, describeCorpus } from "../support/corpus.ts";
import { walkFile } from "../support/walk-file.ts";

/** Stacks of real kernel dumps beside those that other tools printed of them. */

const plain = (text: string): string => text.replaceAll("`", "").replace(/^0x/, "");

describeCorpus("stacks of real kernel dumps", () => {
  it("are WinDbg's kv in every column that needs no symbols", async () => {
    const path = corpusPath("kernel/083125-14875-01.dmp");
    const file = await openFile(path);
    const { report } = await analyzeSource(file.source, { limits: DEFAULT_LIMITS, platform: nodePlatform });
    await file.close();
    // Stack pointer, return address, four words: 16 digits with a tick each.
    const columns = (text: string): string[] =>
      [...text.matchAll(/^(?:\d\d )?((?:[0-9a-f]{8}`[0-9a-f]{8}[ :]+){6})/gm)].map(([, line = ""]) =>
        line.replace(/[ :]+/g, " ").trim(),
      );
    const kv = columns(readFileSync(`${path}.expected.windbg.kv.txt`, "latin1"));
    expect(kv).toHaveLength(4);
    expect(columns(report.analysis?.["STACK_TEXT"] ?? "")).toEqual(kv);
  });

  it("hold rizin's frames of a triage dump in order, stack pointers too, from the fault to the thread's start", async () => {
    const path = corpusPath("kernel/triage_x64.dmp");
    const text = readFileSync(`${path}.expected.rizin-tests.txt`, "latin1");
    const rizin = [...text.matchAll(/^(\d+) +0x([0-9a-f]+) +sp: 0x([0-9a-f]+) /gm)].map(
      ([, index, ip, sp]) => `${index} ${ip} ${sp}`,
    );
    expect(rizin.length).toBeGreaterThan(36);
    const { stacks } = await walkFile(path, {});
    const frames = (stacks[0]?.frames ?? []).map(({ ip, sp }) => `${plain(ip.toString(16))} ${sp.toString(16)}`);
    // 0 to 7 lie below the fault, which the stop code's fourth argument leads to; 36 is the end.
    const wanted = rizin.slice(8, 36).map((line) => line.replace(/^\d+ /, ""));
    let at = -1;
    const places = wanted.map((line) => {
      at = frames.indexOf(line, at + 1);
      return at;
    });
    expect(places).not.toContain(-1);
    expect(places[0]).toBe(0);
    // Without images the rest is guessed, but only from where calls of x64 leave return addresses.
    expect(frames.length - wanted.length).toBeLessThanOrEqual(16);
    expect((stacks[0]?.frames ?? []).filter(({ sp, trust }) => trust === "scan" && sp % 16n !== 0n)).toEqual([]);
  });

  it("have rizin's functions and offsets where a driver's PDB is given that the dump cannot identify", async () => {
    const path = corpusPath("kernel/triage_x64.dmp");
    const text = readFileSync(`${path}.expected.rizin-tests.txt`, "latin1");
    const rizin = [...text.matchAll(/^\d+ +0x([0-9a-f]+) +sp: 0x([0-9a-f]+) .*pdb\.amdppm\.(\w+)\+(\d+)/gm)].map(
      ([, ip, sp, name, offset]) => `${ip} ${sp} ${name}+0x${Number(offset).toString(16)}`,
    );
    expect(rizin).toHaveLength(6);
    const pdb = corpusPath("symbols/symstore/amdppm.pdb/1C19FDDB27BB3399D9B45973EFEAFCF31/amdppm.pdb");
    const [file, symbols] = await Promise.all([openFile(path), openSymbols([], [`amdppm=${pdb}`])]);
    const { report } = await analyzeSource(file.source, {
      limits: DEFAULT_LIMITS,
      platform: nodePlatform,
      symbols: symbols.options,
    });
    await Promise.all([file.close(), symbols.close()]);
    // A line's return address is the next one's instruction; the first one's the exception names.
    let ip = plain(report.exception?.address ?? "");
    const frames = (report.analysis["STACK_TEXT"] ?? "").split("\n").map((line) => {
      const words = plain(line).split(/[ :]+/);
      const frame = `${ip} ${words[0]} ${words.at(-1)?.replace("amdppm!", "")}`;
      ip = words[1] ?? "";
      return frame;
    });
    expect(frames.filter((frame) => rizin.includes(frame))).toEqual(rizin);
    // The scan finds two stale return addresses of the driver besides, and says of each that it is a guess.
    const own = (report.crashing_thread?.frames ?? []).filter(({ module }) => module === "amdppm.sys");
    expect([own.length, own[0]?.trust, own[0]?.missing_symbols]).toEqual([8, "context", false]);
    expect(report.symbols.find(({ module }) => module === "amdppm.sys")).toMatchObject({
      status: "found",
      verified: false,
    });
    expect(report.notes.map(({ code }) => code)).toContain("symbols.unverified");
    const shown = renderText(report);
    expect(shown).toMatch(/amdppm!WriteGenAddrEx\+0x6b {2}\(scan, unverified\)$/m);
    expect(shown).toMatch(/amdppm\.sys .*symbols not verified/);
    expect(report.symbols.filter(({ verified }) => verified === false)).toHaveLength(1);
  });
});
