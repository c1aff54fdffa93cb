import {
  contextRecord,
  DRIVER,
  decode,
  exceptionRecord,
  FakeMemory,
  GONE,
  NT,
  POOL,
  STACK,
  stoppedAt,
  trapFrame,
} from "./fake-dump.ts";

/** A stack of 0x2000 bytes with a trap frame at 0x200 below nothing else. */
function stackWithTrap(rip: bigint, cr2 = 0n): { memory: FakeMemory; frame: bigint } {
  const memory = new FakeMemory().zero(STACK, 0x2000);
  const frame = STACK + 0x400n;
  return { memory: trapFrame(memory, frame, { rip, cr2, rsp: frame + 0x190n }), frame };
}

describe("faults at raised IRQL", () => {
  it("finds the trap frame of the instruction that the arguments name", async () => {
    const { memory, frame } = stackWithTrap(DRIVER + 0x20n, 0x60n);
    trapFrame(memory, STACK + 0x100n, { rip: NT + 0x30n, rsp: STACK + 0x300n });
    const facts = await decode(0xd1, [0x60, 2, 1, DRIVER + 0x20n], { memory, context: stoppedAt(STACK) });
    expect(facts.trapFrame).toBe(frame);
    expect(facts.faultSource).toBe("stack-trap-frame");
    expect(facts.faultingContext?.pc).toBe(DRIVER + 0x20n);
    expect(facts.faultingContext?.registers["rax"]).toBe(0x11n);
    expect(facts.faultingContext?.registers["rbx"]).toBeUndefined();
    expect(facts.access).toBe("write");
    expect(facts.accessedAddress).toBe(0x60n);
    expect(facts.irql).toBe(2);
    expect(facts.blame[0]).toMatchObject({ image: "baddrv.sys", rule: "argument-ip" });
    expect(facts.analysis).toMatchObject({ WRITE_ADDRESS: "0000000000000060", CURRENT_IRQL: "2" });
    expect(facts.bucketParts.class).toBe("AV");
  });

  it("completes the registers from the frame of the bug check's dispatcher", async () => {
    const { memory, frame } = stackWithTrap(DRIVER + 0x20n);
    const saved = frame - 0x140n;
    memory.number(saved + 0x100n, 0xbbn).number(saved + 0x130n, 0x15n);
    const facts = await decode(0xa, [0x60, 2, 0, DRIVER + 0x20n], { memory, context: stoppedAt(saved - 8n) });
    expect(facts.faultingContext?.registers).toMatchObject({ rbx: 0xbbn, r15: 0x15n, rip: DRIVER + 0x20n });
    expect(Object.keys(facts.faultingContext?.registers ?? {})).toHaveLength(17);
  });

  it("tells the operations of 0xA by bits and those of 0xD1 by values", async () => {
    expect((await decode(0xa, [0x60, 2, 8, NT])).access).toBe("execute");
    expect((await decode(0xd1, [0x60, 2, 2, NT])).access).toBe("execute");
    expect((await decode(0xd1, [0x60, 2, 0, NT])).access).toBe("read");
  });
});

describe("page faults", () => {
  it("reads the operation by the generation of Windows", async () => {
    expect((await decode(0x50, [POOL, 2, NT, 0], { build: 19041 })).access).toBe("write");
    expect((await decode(0x50, [POOL, 1, NT, 0], { build: 7601 })).access).toBe("write");
    expect((await decode(0x50, [POOL, 0x10, NT, 0], { build: 19041 })).access).toBe("execute");
    expect((await decode(0xd6, [POOL, 0, NT, 0])).access).toBe("read");
  });

  it("blames the driver that went, by either argument", async () => {
    const facts = await decode(0xce, [GONE + 0x30n, 0x10, GONE + 0x30n, 0]);
    expect(facts.blame[0]).toMatchObject({ image: "gonedrv.sys", unloaded: true, rule: "unloaded-driver" });
    const other = await decode(0xce, [POOL, 0, GONE + 0x40n, 0]);
    expect(other.blame.find(({ image }) => image)).toMatchObject({ image: "gonedrv.sys", confidence: "high" });
  });

  it("takes a trap frame from an argument where there is one", async () => {
    const memory = trapFrame(new FakeMemory(), STACK, { rip: DRIVER + 0x50n });
    const facts = await decode(0xbe, [POOL, 0x8000000000000121n, STACK, 0xb], { memory });
    expect(facts).toMatchObject({ trapFrame: STACK, faultSource: "trap-frame", access: "write" });
    expect(facts.faultingContext?.pc).toBe(DRIVER + 0x50n);
    expect((await decode(0xfc, [POOL, 0, 0, 0])).access).toBe("execute");
  });

  it("sees the disk behind a page that could not be read", async () => {
    const facts = await decode(0x7a, [1, 0xffffffffc000009cn, 0, POOL]);
    expect(facts.blame[0]).toMatchObject({ hardware: "disk" });
    expect(facts.bucketParts.class).toBe("0x7a_c000009c");
    expect((await decode(0x77, [0xffffffffc0000185n, 0, 0, 0])).blame[0]?.hardware).toBe("disk");
  });
});

describe("unhandled exceptions", () => {
  const code = 0xc0000005;
  const records = (): FakeMemory => {
    const memory = new FakeMemory().zero(STACK, 0x2000);
    contextRecord(memory, STACK + 0x600n, DRIVER + 0x99n, STACK + 0x1800n);
    return exceptionRecord(memory, STACK + 0xb00n, code, DRIVER + 0x99n, [1n, 0x8n]);
  };

  it.each([0x7e, 0x1000007e])("follows both records of %s", async (stop) => {
    const facts = await decode(stop, [0xffffffffc0000005n, DRIVER + 0x99n, STACK + 0xb00n, STACK + 0x600n], {
      memory: records(),
    });
    expect(facts).toMatchObject({ contextRecord: STACK + 0x600n, faultSource: "context-record", access: "write" });
    expect(facts.exceptionRecord).toMatchObject({ at: STACK + 0xb00n, code, parameters: [1n, 8n] });
    expect(facts.accessedAddress).toBe(8n);
    expect(facts.analysis).toMatchObject({ CONTEXT: "ffffc00000001600", EXCEPTION_RECORD: "ffffc00000001b00" });
    expect(facts.analysis["EXCEPTION_PARAMETER2"]).toBe("0000000000000008");
    expect(facts.bucketParts.class).toBe("AV");
    expect(facts.blame[0]?.image).toBe("baddrv.sys");
  });

  it("finds the trap frame right below a known context", async () => {
    const memory = records();
    const frame = STACK + 0x1800n - 0x190n;
    trapFrame(memory, frame, { rip: DRIVER + 0x99n, rsp: STACK + 0x1800n });
    const facts = await decode(0x3b, [code, DRIVER + 0x99n, STACK + 0x600n, 0], { memory });
    expect(facts.trapFrame).toBe(frame);
    expect(facts.faultSource).toBe("context-record");
  });

  it("finds the dispatcher's records on the stack for 0x1E", async () => {
    const facts = await decode(0x1e, [0xffffffffc0000005n, DRIVER + 0x99n, 0, 0x40], {
      memory: records(),
      context: stoppedAt(STACK),
    });
    expect(facts).toMatchObject({ faultSource: "stack-context", contextRecord: STACK + 0x600n, access: "read" });
    expect(facts.exceptionRecord?.at).toBe(STACK + 0xb00n);
    expect(facts.accessedAddress).toBe(0x40n);
  });

  it("takes the header's registers where they are the exception's", async () => {
    const context = stoppedAt(STACK, DRIVER + 0x99n);
    const facts = await decode(0x1e, [0xffffffffc000001dn, DRIVER + 0x99n, 0, 0], { context });
    expect(facts.faultSource).toBe("header");
    expect(facts.bucketParts.class).toBe("0x1E_c000001d");
  });

  it("follows a trap frame for 0x8E, two records for 0x10F, EXCEPTION_POINTERS for 0x154", async () => {
    const memory = trapFrame(records(), STACK + 0x1000n, { rip: DRIVER + 0x99n });
    expect((await decode(0x8e, [code, DRIVER + 0x99n, STACK + 0x1000n, 0], { memory })).trapFrame).toBe(
      STACK + 0x1000n,
    );
    const manager = await decode(0x10f, [STACK + 0xb00n, STACK + 0x600n, 0, 0], { memory });
    expect(manager).toMatchObject({ contextRecord: STACK + 0x600n, bucketParts: { class: "AV" } });
    memory.number(POOL, STACK + 0xb00n).number(POOL + 8n, STACK + 0x600n);
    const store = await decode(0x154, [0, POOL, 0, 0], { memory });
    expect(store.exceptionRecord?.code).toBe(code);
  });

  it("notes records that are not in the dump", async () => {
    const facts = await decode(0x7e, [code, DRIVER, STACK, STACK + 0x600n]);
    expect(facts.notes).toEqual(["stop.no-record", "stop.no-record"]);
    expect(facts.faultingContext).toBeUndefined();
    expect(facts.blame[0]?.image).toBe("baddrv.sys");
  });

  it("reads file and line of a file system's exception", async () => {
    const facts = await decode(0x24, [0x1904fb, STACK + 0xb00n, STACK + 0x600n, 0], { memory: records() });
    expect(facts.analysis["BUGCHECK_SOURCE"]).toBe("file 0x19 line 1275");
    expect(facts.faultingContext?.pc).toBe(DRIVER + 0x99n);
  });
});

describe("traps", () => {
  it("follows the trap frame of a double fault and sees the stack end", async () => {
    const memory = trapFrame(new FakeMemory(), STACK + 0x4000n, { rip: DRIVER + 7n, rsp: STACK - 0x10n });
    const facts = await decode(0x7f, [8, STACK + 0x4000n, STACK - 0x10n, DRIVER + 7n], { memory });
    expect(facts).toMatchObject({
      trapFrame: STACK + 0x4000n,
      bucketParts: { class: "0x7f_8", qualifier: "STACK_OVERFLOW" },
    });
    expect(facts.blame[0]?.image).toBe("baddrv.sys");
  });

  it("names fast failures", async () => {
    const memory = trapFrame(new FakeMemory(), STACK, { rip: DRIVER + 7n });
    exceptionRecord(memory, STACK - 0xa8n, 0xc0000409, DRIVER + 7n, [3n]);
    const facts = await decode(0x139, [3, STACK, STACK - 0xa8n, 0], { memory });
    expect(facts.bucketParts.class).toBe("0x139_3_CORRUPT_LIST_ENTRY");
    expect(facts.exceptionRecord?.code).toBe(0xc0000409);
    expect(facts.trapFrame).toBe(STACK);
  });

  it("tells a flipped bit in a security cookie", async () => {
    expect((await decode(0xf7, [0x1234, 0x1235, 0, 0])).blame[0]?.hardware).toBe("memory");
    expect((await decode(0xf7, [0x1234, 0xffff, 0, 0])).blame).toEqual([]);
  });

  it("does not take the entry of a system call for a fault", async () => {
    const memory = trapFrame(new FakeMemory(), STACK, { rip: 0x7ffe1000n, rsp: 0x1000n, user: true });
    const facts = await decode(0x4a, [0x7ffe1000, 2, 0, STACK + 0x80n], { memory, processName: "tool.exe" });
    expect(facts).toMatchObject({ trapFrame: STACK, irql: 2 });
    expect(facts.faultingContext).toBeUndefined();
    expect(facts.bucketParts).toEqual({ class: "RAISED_IRQL_FAULT", qualifier: "tool.exe" });
  });
});
