import { BASE, STACK, shown, stackOf, walk } from "./fake-machine.ts";

/** Chains of frame pointers on x64 of Linux and macOS, without symbols and without code. */
describe("chains of RBP", () => {
  const RSP = STACK + 0x100n;

  function frames(slots: Readonly<Record<number, bigint>>, os = "Linux"): string[] {
    const rip = BASE + 0x1081n;
    const registers = { rip, rsp: RSP, rbp: STACK + 0x120n };
    return shown(walk({ cpu: "amd64", os, pc: rip, sp: RSP, registers, stack: stackOf(slots) }).frames);
  }

  /** main, called by the C library's start of the program, where RBP is zero. */
  const CHAIN = { 288: STACK + 0x140n, 296: BASE + 0x2052n, 320: 0n, 328: BASE + 0x3053n };

  it("end at the frame whose saved RBP is zero", () => {
    expect(frames(CHAIN)).toEqual(["+1081 context", "+2052 frame_pointer", "+3053 frame_pointer"]);
  });

  it("are followed by what called that function: the last return address on the stack", () => {
    const pointers = { 344: BASE + 0x1081n, 360: BASE + 0x4000n, 384: BASE + 0x4021n, 400: BASE + 0x4000n };
    expect(frames({ ...CHAIN, ...pointers }).slice(2)).toEqual(["+3053 frame_pointer", "+4021 scan"]);
    // Threads of macOS keep a pointer to their function further up.
    expect(frames({ ...CHAIN, ...pointers }, "Mac OS X")).toHaveLength(3);
  });

  it("take nothing from beyond the frame of that function", () => {
    expect(frames({ ...CHAIN, 336: 7n, [0x150 + 40 * 8]: BASE + 0x4021n })).toHaveLength(3);
  });
});
