import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { readTrapFrame } from "../../../../shared/dump/kernel-dump/trap-frame/trap-frame.ts";
import { Notes } from "../../../../shared/notes.ts";
import { decodeStop } from "../../../../shared/triage/stop-codes/decode-stop.ts";
import { ALL_WORDS, loadWords } from "../../../../shared/triage/words/words.ts";
import { corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { openFile } from "../../../support/open-kernel.ts";

async function factsOf(name: string) {
  const { dump } = await openFile(corpusPath("kernel", name));
  const notes = new Notes();
  const facts = decodeStop({ dump, words: await loadWords(ALL_WORDS), notes });
  return { dump, facts, notes: notes.list() };
}

describeCorpus("stop codes of real triage dumps", () => {
  it("0x50: the trap frame on the stack has the arguments' instruction and address", async () => {
    const { dump, facts, notes } = await factsOf("102622-15671-01.dmp");
    const [address, , instruction] = dump.bugcheck?.parameters ?? [];
    expect(facts).toMatchObject({ trapFrame: 0xfffffd827df3a030n, faultSource: "stack-trap-frame", access: "read" });
    expect(facts.faultingContext).toMatchObject({ pc: instruction, sp: 0xfffffd827df3a1c0n });
    expect(facts.accessedAddress).toBe(address);
    const frame = readTrapFrame(dump.memory, dump.cpu, facts.trapFrame as VirtualAddress, 19041);
    expect(frame?.faultAddress).toBe(address);
    expect(facts.blame[0]?.image).toBe("Ntfs.sys");
    expect(notes).toEqual([]);
  });

  it("0x1E: the dispatcher's CONTEXT on the stack stands at the arguments' instruction", async () => {
    const { dump, facts } = await factsOf("102622-17265-01.dmp");
    expect(facts).toMatchObject({ faultSource: "stack-context", contextRecord: 0xffffe5018d9c6920n });
    expect(facts.faultingContext?.pc).toBe(dump.bugcheck?.parameters[1]);
    expect(facts.bucketParts.class).toBe("0x1E_c000001d");
  });

  it("0x1000007E: both records of the arguments, the header's registers", async () => {
    const { dump, facts } = await factsOf("triage_x64.dmp");
    const header = dump.threads[0]?.context;
    expect(facts.faultSource).toBe("context-record");
    expect(facts.faultingContext).toEqual(header);
    expect(facts.exceptionRecord).toMatchObject({ at: 0xffff850429891ee8n, code: 0xc0000005 });
    expect(facts.blame[0]?.image).toBe("amdppm.sys");
    // The trap frame with what the dispatcher saved below it has the very registers of the CONTEXT.
    const frame = readTrapFrame(dump.memory, dump.cpu, facts.trapFrame as VirtualAddress, 19041);
    expect(frame?.context.registers).toEqual(header?.registers);
  });

  it("0x4A: WinDbg's trap frame and the parts of its bucket", async () => {
    const { facts } = await factsOf("083125-14875-01.dmp");
    expect(facts.trapFrame).toBe(0xffffa704eeb6be40n);
    expect(facts.bucketParts).toEqual({ class: "RAISED_IRQL_FAULT", qualifier: "notmyfault64.e" });
    expect(facts.faultingContext).toBeUndefined();
    expect(facts.irql).toBe(2);
  });
});
