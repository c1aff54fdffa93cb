import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GeckoDemangler } from "../../../shared/adapters/symbols/demangler.ts";
import { DirectorySupplier } from "../../../shared/adapters/symbols/directory-supplier.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../shared/bytes/step-runner.ts";
import type { DumpModule } from "../../../shared/dump/dump.ts";
import { Notes } from "../../../shared/notes.ts";
import { Symbolizer } from "../../../shared/symbols/symbolizer.ts";
import { corpusPath, describeCorpus } from "../../support/corpus.ts";

const CRASHME: DumpModule = {
  base: 0x1_4000_0000n as DumpModule["base"],
  size: 0x8c000,
  path: "C:\\src\\crashme.exe",
  identity: "read",
  codeId: "dfc718848c000",
  debugId: "E47CCEF7534CF1294C4C44205044422E1",
  debugFile: "C:\\build\\crashme.pdb",
};
const BASIC32: DumpModule = {
  ...CRASHME,
  path: "basic32.dll",
  debugId: "34060D222DBB44E5AA72243CE8326C2F2",
  debugFile: "basic32.pdb",
};

describeCorpus("symbols from directories", () => {
  const temporary: string[] = [];
  const suppliers: DirectorySupplier[] = [];

  afterEach(async () => {
    await Promise.all(suppliers.splice(0).map((supplier) => supplier.close()));
    for (const path of temporary.splice(0)) rmSync(path, { recursive: true });
  });

  function store(): string {
    const path = mkdtempSync(join(tmpdir(), "stopcode-symbols-"));
    temporary.push(path);
    return path;
  }

  function open(...roots: string[]): { run: StepRunner; symbolizer: Symbolizer; notes: Notes } {
    const run = new StepRunner(memorySource(new Uint8Array(16)));
    const notes = new Notes();
    const supplier = new DirectorySupplier(roots);
    suppliers.push(supplier);
    const gecko = new GeckoDemangler();
    const demangle = (name: string): string | undefined => gecko.demangle(name);
    return { run, notes, symbolizer: new Symbolizer({ supplier, notes, demangle, attach: (s) => run.attach(s) }) };
  }

  const FUNCTION = { name: "on_abort", line: 82, file: "C:\\src\\crashme.cpp" };

  it("finds a PDB and an image in a SymStore layout, in whatever case", async () => {
    const { run, symbolizer } = open(corpusPath("windows-x64", "symstore"));
    const hit = await run.run(() => symbolizer.forModule(CRASHME)?.lookup(0x2dec));
    expect(hit).toMatchObject(FUNCTION);
    const image = await run.run(() => symbolizer.image(CRASHME)?.read(0, 2));
    expect(Buffer.from(image ?? []).toString("latin1")).toBe("MZ");
    // `push rbp; mov rbp, rsp` or the like: not zeros, which a wrong place would give.
    const code = await run.run(() => symbolizer.image(CRASHME)?.read(0x2dd0, 4));
    expect(code?.some((byte) => byte !== 0)).toBe(true);
    const layout = await run.run(() => symbolizer.typeLayout(CRASHME));
    expect(layout?.offsetOf("_NO_SUCH_TYPE", "Field")).toBeUndefined();
  });

  it("finds a Breakpad file, and the same through both", async () => {
    const { run, symbolizer } = open(corpusPath("windows-x64", "sym"));
    const hit = await run.run(() => symbolizer.forModule(CRASHME)?.lookup(0x2dec));
    expect(hit).toMatchObject({ ...FUNCTION, name: "on_abort(int)" });
    expect(await run.run(() => symbolizer.forModule(CRASHME)?.status)).toBe("found");
  });

  it("unpacks a compressed PDB from a two-tier store", async () => {
    const root = store();
    const folder = join(root, "ba", "basic32.pdb", BASIC32.debugId as string);
    mkdirSync(folder, { recursive: true });
    cpSync(corpusPath("symbols/mozilla_dump_syms/basic32.pd_"), join(folder, "BASIC32.PD_"));
    const { run, symbolizer } = open(root);
    const hit = await run.run(() => symbolizer.forModule(BASIC32)?.lookup(0x6be4));
    expect(hit?.name).toBe("test1");
  });

  it("never uses a file of another build", async () => {
    const root = store();
    cpSync(
      corpusPath("windows-x64/symstore/crashme.pdb/28F6C561D6185D354C4C44205044422E1/crashme.pdb"),
      join(root, "crashme.pdb"),
    );
    cpSync(corpusPath("windows-x64/symstore/crashme.exe/1492AE6E8a000/crashme.exe"), join(root, "crashme.exe"));
    const { run, symbolizer } = open(root);
    const symbols = await run.run(() => symbolizer.forModule(CRASHME));
    const hit = await run.run(() => symbols?.lookup(0x2dec));
    expect([symbols?.status, hit, symbols?.covers(0x2dec)]).toEqual(["mismatched", undefined, undefined]);
    expect(await run.run(() => symbolizer.image(CRASHME))).toBeUndefined();
    expect(await run.run(() => symbolizer.typeLayout(CRASHME))).toBeUndefined();
  });

  it("goes on from a wrong or damaged file to the right one", async () => {
    const [first, second] = [store(), store()];
    writeFileSync(join(first, "crashme.sym"), "no symbols at all\n");
    writeFileSync(join(second, "crashme.pdb"), "neither");
    const alone = open(first, second);
    const symbols = await alone.run.run(() => alone.symbolizer.forModule(CRASHME));
    expect(symbols?.status).toBe("corrupt");
    expect(alone.notes.list().map(({ code }) => code)).toContain("format.bad-signature");
    const { run, symbolizer } = open(first, second, corpusPath("windows-x64", "symstore"));
    expect(await run.run(() => symbolizer.forModule(CRASHME)?.lookup(0x2dec)?.name)).toBe("on_abort");
  });

  it("names code by exports where there are no symbols", async () => {
    const root = store();
    cpSync(corpusPath("windows-x64/symstore/helper.dll"), join(root, "helper.dll"), { recursive: true });
    const { run, symbolizer } = open(root);
    const helper = { ...CRASHME, path: "helper.dll", codeId: "6d6e5b231b000", debugFile: "helper.pdb" };
    const hit = await run.run(() => symbolizer.forModule(helper)?.lookup(0x1360));
    expect([await run.run(() => symbolizer.forModule(helper)?.status), hit?.size]).toEqual(["missing", undefined]);
    expect(hit?.name).toBe("helper_deref");
    expect(await run.run(() => symbolizer.forModule(helper)?.lookup(0x8000))).toBeUndefined();
  });

  it("says where it looked in vain, and does not leave its folders", async () => {
    const { run, symbolizer } = open(store());
    const missing = await run.run(() => symbolizer.forModule(CRASHME));
    expect([missing?.status, missing?.lookedIn.length]).toEqual(["missing", 1]);
    const odd = { ...CRASHME, debugFile: "..", path: "..\\..", debugId: "../../etc" };
    expect(await run.run(() => symbolizer.forModule(odd))).toBeUndefined();
    expect(await run.run(() => symbolizer.image(odd))).toBeUndefined();
  });
});

describe("what a supplier is asked for", () => {
  it("is no image of a system whose images nobody reads", async () => {
    const asked: string[] = [];
    const run = new StepRunner(memorySource(new Uint8Array(16)));
    const symbolizer = new Symbolizer({
      supplier: {
        find: async ({ codeId }, kinds) => {
          asked.push(`${codeId} ${kinds.join()}`);
          return { files: [], lookedIn: [] };
        },
      },
      notes: new Notes(),
      attach: (source) => run.attach(source),
    });
    const elf = { ...CRASHME, path: "/usr/lib/libc.so.6", codeId: "8e95bc653ae16f9b0f350e3169a5ec61ac938e5a" };
    expect(await run.run(() => symbolizer.image(elf))).toBeUndefined();
    expect(await run.run(() => symbolizer.image(CRASHME))).toBeUndefined();
    expect(asked).toEqual(["dfc718848c000 pe"]);
  });
});
