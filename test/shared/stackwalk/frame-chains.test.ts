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

  /** Code that was made at run time, in no image: called by the program, calling itself once. */
  const MADE = 0x5_0000_0000n;
  const MADE_CHAIN = {
    ...{ 288: STACK + 0x140n, 296: MADE + 0x20n, 320: STACK + 0x160n, 328: MADE + 0x30n },
    ...{ 352: 0n, 360: BASE + 0x2052n },
  };

  it.each(["Windows NT", "Linux"])("lead through code of no image to the next one that is in one: %s", (os) => {
    const registers = { rip: MADE, rsp: RSP, rbp: STACK + 0x120n };
    const thread = { cpu: "amd64", os, pc: MADE, sp: RSP, registers } as const;
    const found = shown(walk({ ...thread, stack: stackOf(MADE_CHAIN) }).frames);
    expect(found.slice(0, 4)).toEqual([
      "500000000 context",
      "500000020 frame_pointer",
      "500000030 frame_pointer",
      "+2052 frame_pointer",
    ]);
    const broken = walk({ ...thread, stack: stackOf({ ...MADE_CHAIN, 328: 0x30n, 352: 5n, 360: 6n }) }).frames;
    expect(broken).toHaveLength(1);
  });
});
