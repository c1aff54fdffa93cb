import { DirectorySupplier } from "../../../shared/adapters/symbols/directory-supplier.ts";
import { openSymbolFile } from "../../../shared/adapters/symbols/open-symbol-file.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { StepRunner } from "../../../shared/bytes/step-runner.ts";
import type { DumpModule } from "../../../shared/dump/dump.ts";
import { Notes } from "../../../shared/notes.ts";
import { isNamed } from "../../../shared/symbols/chosen-files.ts";
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
/** As small kernel dumps have drivers: by name and place alone. */
const BARE: DumpModule = { base: CRASHME.base, size: CRASHME.size, path: "crashme.exe", identity: "absent" };
const OWN_PDB = "windows-x64/symstore/crashme.pdb/E47CCEF7534CF1294C4C44205044422E1/crashme.pdb";
const OTHER_PDB = "windows-x64/symstore/crashme.pdb/28F6C561D6185D354C4C44205044422E1/crashme.pdb";
const OWN_IMAGE = "windows-x64/symstore/crashme.exe/DFC718848c000/crashme.exe";
const OTHER_IMAGE = "windows-x64/symstore/crashme.exe/1492AE6E8a000/crashme.exe";

describe("names of modules that files are chosen for", () => {
  it.each([
    ["amdppm.sys", "AMDPPM", true],
    ["amdppm.sys", "amdppm.SYS", true],
    ["amdppm.sys", "amd", false],
    ["ntoskrnl.exe", "nt", true],
    ["ntdll.dll", "nt", false],
    [".hidden", "", false],
  ])("%s by %s: %s", (file, name, is) => expect(isNamed(file, name)).toBe(is));
});

describeCorpus("files that somebody chose for a module", () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  async function symbolizerOf(files: readonly string[], roots: readonly string[] = []) {
    const run = new StepRunner(memorySource(new Uint8Array(16)));
    const notes = new Notes();
    const supplier = new DirectorySupplier(roots.map((root) => corpusPath(root)));
    const opened = await Promise.all(files.map((file) => openSymbolFile(corpusPath(file))));
    open.push(supplier, ...opened);
    const chosen = opened.map(({ file }) => ({ module: "crashme", file }));
    return { run, notes, symbolizer: new Symbolizer({ supplier, notes, chosen, attach: (s) => run.attach(s) }) };
  }

  const codes = (notes: Notes): string[] => notes.list().map(({ code, detail }) => `${code} ${detail}`);

  it("name a module that nothing identifies, and are said to be unverified", async () => {
    const { run, notes, symbolizer } = await symbolizerOf([OWN_PDB]);
    const symbols = await run.run(() => symbolizer.forModule(BARE));
    expect([symbols?.status, symbols?.verified, symbols?.lookedIn]).toEqual(["found", false, ["crashme.pdb"]]);
    expect(await run.run(() => symbols?.lookup(0x2dec)?.name)).toBe("on_abort");
    expect(codes(notes)).toEqual([
      "symbols.unverified crashme.pdb was used for crashme as told: the dump holds no identity to check it by",
    ]);
    const other = { ...BARE, path: "helper.dll" };
    expect(await run.run(() => symbolizer.forModule(other))).toBeUndefined();
  });

  it("are used against the module's own identity too, which the note says", async () => {
    const { run, notes, symbolizer } = await symbolizerOf([OTHER_PDB]);
    const symbols = await run.run(() => symbolizer.forModule(CRASHME));
    expect([symbols?.status, symbols?.verified]).toEqual(["found", false]);
    expect(codes(notes).join()).toMatch(/its identity is another than the module's$/);
    // Records of the dump's own memory are read by no such file.
    expect(await run.run(() => symbolizer.typeLayout(CRASHME))).toBeUndefined();
  });

  it.each([
    ["the chosen one", [OWN_PDB], []],
    ["the chosen one behind a wrong one", [OTHER_PDB, OWN_PDB], []],
    ["that of a store", [OTHER_PDB], ["windows-x64/symstore"]],
  ])("give way to a file of the right identity: %s", async (_, files, roots) => {
    const { run, notes, symbolizer } = await symbolizerOf(files, roots);
    const symbols = await run.run(() => symbolizer.forModule(CRASHME));
    expect([symbols?.status, symbols?.verified, codes(notes)]).toEqual(["found", undefined, []]);
    expect(await run.run(() => symbols?.lookup(0x2dec)?.name)).toBe("on_abort");
  });

  it("are images too, and the PDB that such an image names is no surer", async () => {
    const { run, notes, symbolizer } = await symbolizerOf([OWN_IMAGE], ["windows-x64/symstore"]);
    const symbols = await run.run(() => symbolizer.forModule(BARE));
    expect([symbols?.status, symbols?.verified]).toEqual(["found", false]);
    expect(await run.run(() => symbols?.lookup(0x2dec)?.name)).toBe("on_abort");
    expect(await run.run(() => symbolizer.image(BARE)?.read(0, 2))).toEqual(new Uint8Array([0x4d, 0x5a]));
    expect(codes(notes)).toHaveLength(1);
  });

  it("give way to the image of the right time stamp and size", async () => {
    const { run, notes, symbolizer } = await symbolizerOf([OTHER_IMAGE], ["windows-x64/symstore"]);
    const symbols = await run.run(() => symbolizer.forModule(CRASHME));
    expect(await run.run(() => symbolizer.image(CRASHME)?.read(0, 2))).toHaveLength(2);
    expect([symbols?.verified, codes(notes)]).toEqual([undefined, []]);
  });

  it("are refused when they are of no kind that we read", async () => {
    await expect(openSymbolFile(corpusPath("README.md"))).rejects.toMatchObject({ code: "format.unsupported" });
    await expect(openSymbolFile(corpusPath("no-such-file"))).rejects.toMatchObject({ code: "source.not-found" });
  });
});
