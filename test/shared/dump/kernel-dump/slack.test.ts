import { corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { openFile } from "../../../support/open-kernel.ts";

describeCorpus("slack behind the secondary data", () => {
  it("ends the chain at the first header of another size and lists nothing behind it", async () => {
    // Producer (a): RequiredDumpSpace reaches the end of the file, the chain does not.
    const { dump } = await openFile(corpusPath("kernel/083125-14875-01.dmp"));
    const blobs = dump.sections.filter(({ name }) => name.startsWith("blob "));
    expect(blobs.length).toBe(29);
    const end = Math.max(...dump.sections.map(({ offset, size }) => offset + size));
    expect(end).toBeLessThan(dump.size);
    expect(dump.truncated).toBe(false);
  });
});
