import { readFileSync } from "node:fs";
import { recogniseCid, recogniseImageName, recogniseProcessId } from "../../../../shared/dump/kernel-dump/recognise.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { openBytes } from "../../../support/open-kernel.ts";

describeCorpus("recognising process and thread on real records", () => {
  it.each(corpusFiles("kernel", ".dmp"))("%s: finds by form what the table finds", async (file) => {
    const bytes = new Uint8Array(readFileSync(corpusPath(file)));
    const { dump } = await openBytes(bytes);
    const part = (name: string): Uint8Array => {
      const section = dump.sections.find((candidate) => candidate.name === name);
      return bytes.subarray(section?.offset, (section?.offset ?? 0) + (section?.size ?? 0));
    };
    expect(recogniseProcessId(part("EPROCESS"), part("ETHREAD"), 8)).toBe(dump.process.pid);
    expect(recogniseImageName(part("EPROCESS"))).toBe(dump.process.name);
    expect(recogniseCid(part("ETHREAD"), dump.process.pid, 8)).toBe(dump.threads[0]?.id);
  });

  it("takes no id when several could be one and no thread confirms any", async () => {
    const bytes = new Uint8Array(readFileSync(corpusPath("kernel/triage_x64.dmp")));
    const { dump } = await openBytes(bytes);
    const place = dump.sections.find(({ name }) => name === "EPROCESS");
    const eprocess = bytes.subarray(place?.offset, (place?.offset ?? 0) + (place?.size ?? 0));
    expect(recogniseProcessId(eprocess, undefined, 8)).toBeUndefined();
  });

  it("takes the nearest older table for builds without one when what it finds is plausible", async () => {
    const bytes = new Uint8Array(readFileSync(corpusPath("kernel/triage_x64.dmp")));
    new DataView(bytes.buffer).setUint32(0x0c, 19045, true);
    const { dump } = await openBytes(bytes);
    expect(dump.process).toMatchObject({ pid: 4, name: "System" });
    expect(dump.system.osVersion).toBe("10.0.19045");
    expect(dump.kernel?.offsetsFrom).toEqual({
      process: "table",
      thread: "table",
      processor: "debugger-data",
      tableBuild: 19041,
    });
  });
});
