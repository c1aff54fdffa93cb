import { loadDisassembler } from "../../../../shared/adapters/disassembly/load-disassembler.ts";
import { openFile } from "../../../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../../../shared/adapters/node/platform.ts";
import { memorySource } from "../../../../shared/bytes/byte-source.ts";
import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../../shared/pipeline/analyze.ts";
import { isMisalignedIp, LOOK_BACK } from "../../../../shared/triage/instruction/misaligned-ip.ts";
import { corpusPath, describeCorpus } from "../../../support/corpus.ts";
import { hexBytes } from "../../../support/synth/byte-writer.ts";
import { CRASH_MODULE, crashAt } from "../../../support/synth/crash-at.ts";

/** A loop over an array, four times: 29 bytes each, instructions of 2 to 5 bytes. */
const LOOP = [
  "4489c8", // mov eax,r9d
  "488b1cc1", // mov rbx,qword ptr [rcx+rax*8]
  "4885db", // test rbx,rbx
  "7409", // je
  "488b4310", // mov rax,qword ptr [rbx+10h]
  "4889442428", // mov qword ptr [rsp+28h],rax
  "41ffc1", // inc r9d
  "4539d1", // cmp r9d,r10d
  "72e0", // jb
];
const CODE = hexBytes(LOOP.join("").repeat(4));
/** Where instructions start. */
const STARTS: ReadonlySet<number> = new Set(
  Array.from({ length: 4 }).flatMap((_, round) =>
    LOOP.map((_, index) => round * 29 + LOOP.slice(0, index).join("").length / 2),
  ),
);

async function verdictAt(offset: number, sinceStart?: number): Promise<boolean | undefined> {
  const disassembler = await loadDisassembler("amd64");
  if (!disassembler) throw new Error("no disassembler");
  const before = CODE.subarray(Math.max(0, offset - LOOK_BACK), offset);
  const code = CODE.subarray(offset, offset + 15);
  const around = { before, code, ...(sinceStart === undefined ? {} : { sinceStart }) };
  return isMisalignedIp("amd64", disassembler, BigInt(0x1000 + offset) as VirtualAddress, around);
}

describe("an instruction pointer", () => {
  it("in the middle of an instruction is told from one at its start", async () => {
    for (let offset = LOOK_BACK; offset < CODE.length - 15; offset++) {
      expect([offset, await verdictAt(offset)]).toEqual([offset, !STARTS.has(offset)]);
    }
  });

  it("near the start of its function is told where unwind data say where that is", async () => {
    expect(await verdictAt(8)).toBeUndefined();
    expect(await verdictAt(8, 8)).toBe(true);
    expect(await verdictAt(7, 7)).toBe(false);
  });

  it("of ARM64 must be a multiple of four", async () => {
    const disassembler = await loadDisassembler("arm64");
    if (!disassembler) throw new Error("no disassembler");
    const around = { before: new Uint8Array(0), code: new Uint8Array(4) };
    expect(isMisalignedIp("arm64", disassembler, 0x1002n as VirtualAddress, around)).toBe(true);
    expect(isMisalignedIp("arm64", disassembler, 0x1004n as VirtualAddress, around)).toBe(false);
  });

  it("stands in the report as MISALIGNED_IP", async () => {
    const ip = CRASH_MODULE + 0x1000n + 0x42n;
    const registers = { rax: 0, rcx: 0 };
    const crash = {
      code: CODE.subarray(0x42),
      ip,
      registers,
      parameters: [0n, 0n],
      memory: [[ip - 0x42n, CODE.subarray(0, 0x42)]],
    } as const;
    const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler: loadDisassembler };
    const { report } = await analyzeSource(memorySource(crashAt(crash)), options);
    expect(report.instruction?.misaligned_ip).toBe(!STARTS.has(0x42));
    expect(report.analysis["MISALIGNED_IP"]).toBe(report.analysis["FAULTING_IP"]);
  });
});

describeCorpus("real kernel dumps", () => {
  /** The instruction that failed; what it says of the fault. The code was looked up in the dumps. */
  it.each([
    // A system call that returned at a raised IRQL: no instruction failed.
    ["083125-14875-01", null, null, false],
    [
      "102622-15671-01",
      "add     al,byte ptr [rax-7Ch]",
      { cause: "null-pointer", null_offset: -76, follows_from_registers: true },
      true,
    ],
    ["102622-17265-01", "sub     rsp,28h", null, false],
    // The record tells of a write to the last byte of the address space; the registers lead elsewhere.
    [
      "triage_x64",
      "mov     dword ptr [r9+r8],edx",
      { address: "0xffffffffffffffff", access: "write", follows_from_registers: false },
      false,
    ],
  ])("%s", async (name, text, fault, misaligned) => {
    const opened = await openFile(corpusPath(`kernel/${name}.dmp`));
    try {
      const options = { limits: DEFAULT_LIMITS, platform: nodePlatform, disassembler: loadDisassembler };
      const { report } = await analyzeSource(opened.source, options);
      expect(report.instruction?.text ?? null).toBe(text);
      if (fault) expect(report.instruction?.fault).toMatchObject(fault);
      else expect(report.instruction?.fault ?? null).toBeNull();
      expect(report.instruction?.misaligned_ip ?? false).toBe(misaligned);
    } finally {
      await opened.close();
    }
  });
});
