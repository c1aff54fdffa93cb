import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { DirectorySupplier } from "../../shared/adapters/symbols/directory-supplier.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { renderText } from "../../shared/report/text.ts";
import { corpusPath, describeCorpus } from "../support/corpus.ts";

/** FAULTING_IP and its kin, with names and lines from PDBs: the source of these programs is `src/` beside them. */
describeCorpus("the failing instruction with symbols", () => {
  jest.setTimeout(60_000);

  async function textOf(name: string): Promise<string> {
    const opened = await openFile(corpusPath(`windows-x64/${name}.dmp`));
    const supplier = new DirectorySupplier([corpusPath("windows-x64/symstore")]);
    try {
      const { report } = await analyzeSource(opened.source, {
        limits: DEFAULT_LIMITS,
        platform: nodePlatform,
        disassembler: loadDisassembler,
        symbols: { supplier },
      });
      return renderText(report);
    } finally {
      await supplier.close();
      await opened.close();
    }
  }

  it("is listed as debuggers list it", async () => {
    const text = await textOf("o2-null_read");
    const place = /FAULTING_IP: \n(.*)\n(.*)\n/.exec(text);
    expect(place?.[1]).toMatch(/^crashme!.*\+[0-9a-f]+ \[.*crashme\.cpp @ \d+\]$/);
    expect(place?.[2]).toBe("00000001`40001514 8b4008          mov     eax,dword ptr [rax+8]");
    expect(text).toContain("8b4008          mov     eax,dword ptr [rax+8] ds:00000000`00000008=????????");
    expect(text).toContain("FAULT_INSTR_CODE:  ");
    expect(text).toMatch(/FAULTING_SOURCE_FILE: {2}.*crashme\.cpp/);
    expect(text).toContain(
      "Access: read of 4 bytes at 0000000000000008, a null pointer plus 0x8; the registers lead there",
    );
  });

  it("names what a call would have gone to, and the code that must not run", async () => {
    const text = await textOf("o2-exec_nx");
    expect(text).toContain("FAILED_INSTRUCTION_ADDRESS: \n+0\n00000000`013a0000 c3              ret\n");
    expect(text).toContain(
      "Access: execute at 00000000013a0000, memory that must not be executed; the registers lead there",
    );
  });
});
