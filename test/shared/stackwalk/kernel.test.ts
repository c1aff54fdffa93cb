import { readFileSync } from "node:fs";
import type { VirtualAddress } from "../../../shared/dump/address.ts";
import { corpusPath, describeCorpus } from "../../support/corpus.ts";
import { walkFile } from "../../support/walk-file.ts";
import { BASE, MODULE, peImage, STACK, shown, stackOf, walk } from "./fake-machine.ts";

/** A KTRAP_FRAME at `at`: the machine frame that the CPU pushed, and what a handler saved. */
function trapFrame(at: number, rip: bigint, rsp: bigint, cs = 0x10n): Record<number, bigint> {
  return {
    [at + 0x30]: 0x1111n,
    [at + 0x158]: 0x2222n,
    [at + 0x168]: rip,
    [at + 0x170]: cs,
    [at + 0x178]: 0x246n,
    [at + 0x180]: rsp,
    [at + 0x188]: cs === 0x10n ? 0x18n : 0x2bn,
  };
}

const SP = STACK + 0x100n;

describe("kernel stacks", () => {
  it("show the volatile registers of a trap frame that unwind data lead to", () => {
    const handler = { begin: 0x1000, end: 0x1100, info: [1, 0, 2, 0, 0, 0x1a, 0, 0x01, 0x2c, 0] };
    // PUSH_MACHFRAME with an error code, above it 0x160 bytes of trap frame.
    handler.info = [1, 8, 3, 0, 8, 0x01, 0x160 / 8, 0, 0, 0x1a];
    const found = walk({
      cpu: "amd64",
      kernel: true,
      pc: BASE + 0x1080n,
      sp: SP,
      registers: {},
      stack: stackOf(trapFrame(0x100, BASE + 0x2040n, STACK + 0x800n)),
      image: peImage(0x8664, [handler]),
    }).frames;
    expect(shown(found)[1]).toBe("+2040 cfi");
    expect(found[1]?.registers).toMatchObject({ rax: 0x1111n, rbp: 0x2222n, rsp: STACK + 0x800n });
  });

  it("are scanned through trap frames, which are believed more than what lies around them", () => {
    const slots = {
      280: BASE + 0x3000n,
      ...trapFrame(0x200, BASE + 0x2040n, STACK + 0x400n),
      928: BASE + 0x4000n,
      1032: BASE + 0x5000n,
    };
    const found = walk({
      cpu: "amd64",
      kernel: true,
      pc: BASE + 0x1080n,
      sp: SP,
      registers: {},
      stack: stackOf(slots),
    }).frames;
    expect(shown(found)).toEqual(["+1080 context", "+3000 scan", "+2040 cfi_scan", "+5000 scan"]);
    expect(found[2]).toMatchObject({ interrupted: true, sp: STACK + 0x400n });
  });

  it("go through traps that were taken where an image has been unloaded, and nowhere else outside of images", () => {
    const gone = BASE + 0x100_0000n;
    const slots = { 280: BASE + 0x3000n, ...trapFrame(0x200, gone + 0x230n, STACK + 0x400n), 1032: BASE + 0x5000n };
    const thread = {
      cpu: "amd64",
      kernel: true,
      pc: BASE + 0x1080n,
      sp: SP,
      registers: {},
      stack: stackOf(slots),
    } as const;
    const unloaded = [{ base: gone as VirtualAddress, size: 0x1000, path: "gone.sys" }];
    const trapped = walk({ ...thread, unloaded }).frames;
    expect(trapped.map(({ ip, trust }) => [ip, trust])).toContainEqual([gone + 0x230n, "cfi_scan"]);
    const other = walk(thread).frames;
    expect(other.map(({ ip }) => ip)).not.toContain(gone + 0x230n);
  });

  it("go from a handler straight to its trap frame, past what a system call has left between the two", () => {
    // RBP of the handler is 0x80 above its trap frame, and a dispatcher's frame of 0x140 bytes lies below.
    const slots = {
      280: BASE + 0x3000n,
      [0x120 + 0x138]: BASE + 0x4000n,
      [0x2b8]: BASE + 0x5000n,
      ...trapFrame(0x2c0, 0x7ffe_0000_1000n, 0x12_3450n, 0x33n),
    };
    const thread = { cpu: "amd64", kernel: true, pc: BASE + 0x1080n, sp: SP, stack: stackOf(slots) } as const;
    const handled = walk({ ...thread, registers: { rbp: STACK + 0x340n } }).frames;
    expect(shown(handled)).toEqual(["+1080 context", "+3000 scan", "+4000 scan", "7ffe00001000 cfi_scan"]);
    const unproven = walk({ ...thread, registers: { rbp: STACK + 0x348n } }).frames;
    expect(shown(unproven)[3]).toBe("+5000 scan");
  });

  it("go on into user mode of x86, with the image found below its code", () => {
    const trap = 0x200;
    const eip = 0x40_1050n;
    const record: Record<number, bigint> = {
      [trap + 4]: eip,
      [trap + 8]: 0xbadb_0d00n,
      [trap + 0x30]: 0x23n,
      [trap + 0x34]: 0x23n,
      [trap + 0x50]: 0x3bn,
      [trap + 0x60]: 0x7_0200n,
      [trap + 0x68]: eip,
      [trap + 0x6c]: 0x1bn,
      [trap + 0x70]: 0x246n,
      [trap + 0x74]: 0x7_0100n,
      [trap + 0x78]: 0x23n,
    };
    const found = walk({
      ...{ cpu: "x86", kernel: true, pc: 0x8360_1080n, sp: SP, registers: { ebp: STACK + BigInt(trap) } },
      modules: [{ ...MODULE, base: 0x8360_0000n as VirtualAddress }],
      stack: stackOf(record, 4),
      memory: [
        [0x40_0000n, peImage(0x14c, [], { 4171: [0xe8, 0, 0, 0, 0], 4219: [0xe8, 0, 0, 0, 0] })],
        [0x7_0000n, stackOf({ 512: 0n, 516: 0x40_1080n }, 4, 0x1000)],
      ],
    } as Parameters<typeof walk>[0]).frames;
    expect(found.map(({ rva, trust }) => `${rva?.toString(16)} ${trust}`)).toEqual([
      "1080 context",
      "1050 frame_pointer",
      "1080 frame_pointer",
    ]);
  });

  it("end where user mode begins when its memory is not there", () => {
    const slots = trapFrame(0x200, 0x7ffe_0000_1000n, 0x12_3450n, 0x33n);
    const found = walk({
      cpu: "amd64",
      kernel: true,
      pc: BASE + 0x1080n,
      sp: SP,
      registers: {},
      stack: stackOf(slots),
    }).frames;
    expect(shown(found)).toEqual(["+1080 context", "7ffe00001000 cfi_scan"]);
  });
});

describeCorpus("stacks of real triage dumps", () => {
  it("are WinDbg's, frame by frame, down to user mode", async () => {
    const dump = corpusPath("kernel/083125-14875-01.dmp");
    const { stacks } = await walkFile(dump, {});
    const kv = readFileSync(`${dump}.expected.windbg.kv.txt`, "latin1");
    const number = (text: string | undefined): bigint => BigInt(`0x${(text ?? "").replace("`", "")}`);
    const wanted = [...kv.matchAll(/^\d\d ([0-9a-f`]+) ([0-9a-f`]+)/gm)].map(([, sp, ip]) => [number(sp), number(ip)]);
    const frames = stacks[0]?.frames ?? [];
    expect(frames.map(({ sp }, index) => [sp, frames[index + 1]?.ip ?? 0n])).toEqual(wanted);
    expect(wanted.length).toBe(4);
  });

  it("find the instruction that a page fault's third argument names behind its trap frame", async () => {
    const { dump, threads } = await walkFile(corpusPath("kernel/102622-15671-01.dmp"), {});
    const fault = dump.bugcheck?.parameters[2] ?? 0n;
    expect(dump.bugcheck?.code).toBe(0x50);
    const frames = threads[0]?.frames ?? [];
    const at = frames.findIndex(({ offset }) => BigInt(offset) === fault);
    expect(frames[at]?.trust).toBe("cfi_scan");
    // The kernel handles the fault by itself: a stale address of the file system lies between.
    expect(frames.slice(0, at).map(({ module }) => module)).toEqual(Array(at).fill("ntoskrnl.exe"));
    expect(at).toBe(5);
  });
});
