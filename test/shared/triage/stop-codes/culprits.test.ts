import { CLASSPNP, contextRecord, DRIVER, decode, device, FakeMemory, irp, NT, POOL, STACK } from "./fake-dump.ts";

describe("power and requests", () => {
  const [pdo, fdo, request] = [POOL, POOL + 0x10000n, POOL + 0x20000n];
  const world = (): FakeMemory => {
    const memory = device(new FakeMemory(), pdo, POOL + 0x3000n, CLASSPNP, "classpnp");
    device(memory, fdo, POOL + 0x13000n, DRIVER, "baddrv");
    memory.number(pdo + 0x18n, fdo);
    return memory;
  };

  it("blames the driver that holds a power request, not the one at the bottom", async () => {
    const facts = await decode(0x9f, [3, pdo, 0, request], { memory: irp(world(), request, fdo) });
    expect(facts.blame[0]).toMatchObject({ image: "baddrv.sys", rule: "irp-owner", confidence: "high" });
    expect(facts.bucketParts).toEqual({ class: "0x9F_3", qualifier: "baddrv", blame: "IMAGE_classpnp.sys" });
    expect(facts.analysis).toMatchObject({
      IRP_ADDRESS: "ffffb00000020000",
      DEVICE_OBJECT: "ffffb00000010000",
      DRIVER_OBJECT: "ffffb00000003000",
      DRVPOWERSTATE_SUBCODE: "3",
    });
  });

  it("looks at the device stack when the request is not in the dump", async () => {
    const facts = await decode(0x9f, [3, pdo, 0, request], { memory: world() });
    expect(facts.notes).toContain("stop.no-irp");
    expect(facts.blame[0]).toMatchObject({ image: "baddrv.sys", rule: "device-stack", confidence: "medium" });
  });

  it("ends on devices that are attached to each other", async () => {
    const memory = world().number(fdo + 0x18n, pdo);
    const facts = await decode(0x9f, [3, pdo, 0, request], { memory });
    expect(facts.blame.filter(({ rule }) => rule === "device-stack")).toHaveLength(2);
  });

  it("reads the objects of 32-bit systems", async () => {
    const [dev, driver, packet] = [0x85000000n, 0x85001000n, 0x85002000n];
    const memory = new FakeMemory()
      .zero(dev, 0xb8)
      .number(dev, 3, 2)
      .number(dev + 8n, driver, 4);
    memory
      .zero(driver, 0xa8)
      .number(driver, 4, 2)
      .number(driver + 0xcn, 0x90000000, 4);
    memory
      .number(driver + 0x1cn, 28, 2)
      .number(driver + 0x1en, 30, 2)
      .number(driver + 0x20n, driver + 0x200n, 4);
    for (const [index, char] of [..."\\Driver\\wrong1"].entries())
      memory.number(driver + 0x200n + BigInt(2 * index), char.charCodeAt(0), 2);
    memory
      .zero(packet, 0x70 + 2 * 0x24)
      .number(packet, 6, 2)
      .number(packet + 0x22n, 2, 1);
    memory.number(packet + 0x60n, packet + 0x70n, 4).number(packet + 0x84n, dev, 4);
    const facts = await decode(0x44, [packet, 0, 0, 0], { memory, cpu: "x86" });
    expect(facts.blame[0]).toMatchObject({ image: "wrong1.sys", rule: "irp-owner" });
    expect(facts.analysis["DEVICE_OBJECT"]).toBe("85000000");
  });

  it("names a driver that is in no module list by its object", async () => {
    const memory = device(new FakeMemory(), pdo, POOL + 0x3000n, 0xfffff900_00000000n, "hidden");
    const facts = await decode(0x9f, [1, pdo, 0, 0], { memory });
    expect(facts.blame[0]).toMatchObject({ image: "hidden.sys", confidence: "medium" });
  });

  it.each([
    ["completed", (memory: FakeMemory) => memory.number(request + 0xb8n, request + 0xd0n + 4n * 0x48n)],
    ["not aligned", (memory: FakeMemory) => memory.number(request + 0xb8n, request + 0xd1n)],
    ["of another type", (memory: FakeMemory) => memory.number(request, 5, 2)],
    ["with no locations", (memory: FakeMemory) => memory.number(request + 0x42n, 0, 1)],
  ])("does not believe a request that is %s", async (_, damage) => {
    const memory = irp(world(), request, fdo);
    damage(memory);
    expect((await decode(0x44, [request, 0, 0, 0], { memory })).notes).toContain("stop.no-irp");
  });

  it("reads sub-codes and devices of 0x9F, 0xED and 0xCA", async () => {
    const memory = world();
    expect((await decode(0x9f, [0x500, 0, 0, fdo], { memory })).blame[0]?.image).toBe("baddrv.sys");
    expect((await decode(0x9f, [4, 120, POOL, 0])).analysis["FAULTING_THREAD"]).toBe("ffffb00000000000");
    expect((await decode(0xed, [fdo, 0xffffffffc000014fn, 0, 0], { memory })).bucketParts.class).toBe("0xED_c000014f");
    expect((await decode(0xca, [2, fdo, 0, 0], { memory })).blame[0]?.image).toBe("baddrv.sys");
  });

  it("names the cancel routine left in a request", async () => {
    const facts = await decode(0x48, [request, DRIVER + 9n, 0, 0]);
    expect(facts.blame[0]).toMatchObject({ rule: "cancel-routine", image: "baddrv.sys" });
  });
});

describe("hardware", () => {
  const machineCheck = (): FakeMemory => {
    const memory = new FakeMemory().zero(POOL, 0x400);
    memory
      .number(POOL, 0x52455043, 4)
      .number(POOL + 6n, 0xffffffff, 4)
      .number(POOL + 0xan, 1, 2);
    memory.number(POOL + 0xcn, 1, 4).number(POOL + 0x14n, 0x400, 4);
    memory.number(POOL + 0x80n, 0x100, 4).number(POOL + 0x84n, 0x200, 4);
    memory.write(POOL + 0x90n, [0x01, 0x1d, 0x1e, 0x8a, 0xf9, 0x42, 0x57, 0x45]);
    memory.write(POOL + 0x98n, [0x9c, 0x33, 0x56, 0x5e, 0x5c, 0xc3, 0xf7, 0xe8]);
    memory
      .number(POOL + 0x104n, 1, 4)
      .number(POOL + 0x110n, 5, 4)
      .number(POOL + 0x128n, 4, 4);
    return memory;
  };

  it("decodes the record of a machine check", async () => {
    const facts = await decode(0x124, [0, POOL, 0xbe000000, 0x00800150], { memory: machineCheck() });
    expect(facts.blame[0]).toMatchObject({ hardware: "GenuineIntel", confidence: "high" });
    expect(facts.analysis).toMatchObject({
      WHEA_SEVERITY: "fatal",
      WHEA_SECTIONS: "machine check",
      WHEA_PROCESSOR: "5",
      MCA_BANK: "4",
      MCI_STATUS: "be00000000800150",
      MCI_STATUS_FLAGS: "VAL UC EN MISCV ADDRV PCC",
    });
    expect(facts.bucketParts).toEqual({
      class: "0x124_0",
      qualifier: "GenuineIntel_PROCESSOR_CACHE",
      blame: "IMAGE_GenuineIntel.sys",
    });
  });

  it("says so when the record is missing, and stays within a hostile one", async () => {
    const gone = await decode(0x124, [4, POOL, 0, 0]);
    expect(gone.notes).toContain("stop.no-whea-record");
    expect(gone.blame[0]?.hardware).toBe("pcie");
    const memory = machineCheck()
      .number(POOL + 0xan, 0xffff, 2)
      .number(POOL + 0x14n, 0xffffffff, 4);
    memory.number(POOL + 0x80n, 0xfffffff0, 4);
    expect((await decode(0x124, [0, POOL, 0, 0], { memory })).blame[0]?.hardware).toBe("processor");
  });

  it("tells one flipped bit of a page-table entry from other damage", async () => {
    const one = await decode(0x1a, [0x41792, POOL, 0x2000_0000_0000n, 0]);
    expect(one.bucketParts.whole).toBe("MEMORY_CORRUPTION_ONE_BIT");
    expect(one.blame[0]).toMatchObject({ hardware: "memory", confidence: "high" });
    const more = await decode(0x1a, [0x41792, POOL, 0x2000_0000_0003n, 0]);
    expect(more.bucketParts).toEqual({ class: "0x1a_41792" });
    expect(more.blame).toEqual([]);
    expect((await decode(0x1a, [0x61941, POOL, 0, 0])).blame[0]?.confidence).toBe("medium");
    expect((await decode(0x12b, [POOL, 1, 0, 0])).bucketParts.whole).toBe("MEMORY_CORRUPTION_ONE_BIT");
  });

  it("says what the kernel's own check found modified", async () => {
    const facts = await decode(0x109, [1, 2, NT, 0x19]);
    expect(facts.bucketParts).toEqual({ class: "0x109_19", blame: "ANALYSIS_INCONCLUSIVE!unknown_function" });
  });

  it("takes the registers of the processor that hangs", async () => {
    const memory = contextRecord(new FakeMemory(), POOL + 0x1f0n, DRIVER + 3n, STACK);
    const facts = await decode(0x101, [24, 0, POOL, 2], { memory });
    expect(facts.faultSource).toBe("processor");
    expect(facts.blame[0]).toMatchObject({ rule: "hung-processor", image: "baddrv.sys" });
    expect((await decode(0x101, [24, 0, POOL, 2])).notes).toContain("stop.no-processor");
  });
});

describe("arguments that name somebody", () => {
  it.each([0x116, 0x117, 0x141])("%i: the display driver", async (code) => {
    const facts = await decode(code, [POOL, DRIVER + 5n, 0, 0]);
    expect(facts.blame[0]).toMatchObject({ image: "baddrv.sys", confidence: "high", rule: "display-driver" });
    expect(facts.bucketParts.blame).toBe("IMAGE_baddrv.sys");
  });

  it("0xEA: the driver's name", async () => {
    const memory = new FakeMemory().unicode(POOL, POOL + 0x100n, "nv4_disp");
    expect((await decode(0xea, [STACK, 0, POOL, 1], { memory })).blame[0]?.image).toBe("nv4_disp.dll");
  });

  it("0xC4 and 0xC9: code before requests before the kernel itself", async () => {
    const facts = await decode(0xc4, [0x2000, NT + 5n, DRIVER + 5n, 0]);
    expect(facts.blame.map(({ image }) => image)).toEqual(["baddrv.sys", "ntoskrnl.exe"]);
    expect(facts.bucketParts).toEqual({ class: "0xc4_2000", qualifier: "VRF" });
    const memory = device(
      irp(new FakeMemory(), POOL, POOL + 0x1000n),
      POOL + 0x1000n,
      POOL + 0x2000n,
      DRIVER,
      "baddrv",
    );
    expect((await decode(0xc9, [0x224, 0, POOL, 0], { memory })).blame[0]?.rule).toBe("irp-owner");
    const named = new FakeMemory().unicode(POOL, POOL + 0x100n, "leaky");
    expect((await decode(0xc4, [0x62, POOL, 0, 1], { memory: named })).blame[0]?.image).toBe("leaky.sys");
  });

  it("0xC4: the rule, not the text that describes it", async () => {
    const memory = new FakeMemory().text(NT + 0x50n, "Irql is too high").zero(NT + 0x61n, 0x200);
    const facts = await decode(0xc4, [0x20005, NT + 0x50n, 0, 0], { memory });
    expect(facts.bucketParts).toEqual({ class: "0xc4_IrqlExApcLte1_XDV", qualifier: "VRF" });
    expect(facts.analysis).toMatchObject({ VIOLATED_RULE: "IrqlExApcLte1", VIOLATED_CONDITION: "Irql is too high" });
    expect(facts.blame).toEqual([]);
  });

  it.each([0xe1, 0x39, 0x1d6])("%i: the worker routine", async (code) => {
    expect((await decode(code, [DRIVER + 5n, 2, 0, 0])).blame[0]).toMatchObject({
      image: "baddrv.sys",
      rule: "worker-routine",
    });
  });

  it("0xF2, 0xCB, 0xC7, 0x135: addresses", async () => {
    expect((await decode(0xf2, [DRIVER, 0, 0, 0])).blame[0]?.rule).toBe("interrupt-routine");
    expect((await decode(0xcb, [DRIVER, 0, 0, 0])).blame[0]?.image).toBe("baddrv.sys");
    expect((await decode(0xc7, [0, DRIVER, 0, 0])).blame[0]?.image).toBe("baddrv.sys");
    expect((await decode(0x135, [0xc0000005, 0, DRIVER, 0])).blame[0]?.image).toBe("baddrv.sys");
  });
});

describe("pool", () => {
  it("reads the tag before a block that was freed twice", async () => {
    const memory = new FakeMemory().text(POOL + 4n, "MfTl");
    const facts = await decode(0xc2, [7, 0, 0, POOL + 0x10n], { memory });
    expect(facts.analysis["FREED_POOL_TAG"]).toBe("MfTl");
    expect(facts.bucketParts).toEqual({ class: "0xc2_7", qualifier: "MfTl" });
  });

  it("takes tags from arguments, and no tag from what is no text", async () => {
    expect((await decode(0xc2, [0xa, POOL, 0x6c54664d, 0])).bucketParts.qualifier).toBe("MfTl");
    expect((await decode(0xc2, [0xa, POOL, 0x01020304, 0])).bucketParts.qualifier).toBeUndefined();
    expect((await decode(0xc2, [0x9b, 0, 8, DRIVER + 1n])).blame[0]).toMatchObject({ rule: "pool-caller" });
  });

  it("sees one bit between values of a list that must be equal", async () => {
    expect((await decode(0x19, [3, POOL, POOL, POOL ^ 0x4000n])).blame[0]?.hardware).toBe("memory");
    expect((await decode(0x19, [3, POOL, POOL, POOL + 0x4321n])).blame).toEqual([]);
    expect((await decode(0x19, [0x20, POOL, 0, 0])).bucketParts.class).toBe("0x19_20");
  });
});

describe("processes and hard errors", () => {
  const process = (memory: FakeMemory, address: bigint, name: string): FakeMemory =>
    memory
      .zero(address, 0xa40)
      .number(address, 3, 1)
      .text(address + 0x5a8n, name);

  it("names the critical process and who ended it", async () => {
    const memory = process(new FakeMemory(), POOL, "svchost.exe");
    const facts = await decode(0xef, [POOL, 0, 0, 0], { memory, processName: "killer.exe" });
    expect(facts.blame[0]).toMatchObject({ process: "killer.exe", rule: "critical-process" });
    expect(facts.bucketParts).toEqual({ class: "0xEF", qualifier: "svchost.exe_BUGCHECK_CRITICAL_PROCESS" });
    const thread = process(memory, POOL, "svchost.exe").number(STACK + 0xb8n, POOL);
    expect((await decode(0xef, [STACK, 1, 0, 0], { memory: thread })).analysis["CRITICAL_PROCESS"]).toBe("svchost.exe");
  });

  it("falls back to the text of 0xF4", async () => {
    const memory = new FakeMemory().text(POOL, "csrss.exe").zero(POOL + 10n, 0x200);
    expect((await decode(0xf4, [3, STACK, POOL, 0], { memory })).analysis["CRITICAL_PROCESS"]).toBe("csrss.exe");
  });

  it.each([
    ["8-bit", (memory: FakeMemory, hive: string) => memory.text(POOL, hive).zero(POOL + 0x40n, 0x200)],
    ["counted", (memory: FakeMemory, hive: string) => memory.unicode(POOL, POOL + 0x100n, hive)],
  ])("reads a hive's name as %s text", async (_, write) => {
    const memory = new FakeMemory();
    write(memory, "\\SystemRoot\\System32\\Config\\SOFTWARE");
    const facts = await decode(0xc0000218, [POOL, 0, 0, 0], { memory });
    expect(facts.analysis["REGISTRY_HIVE"]).toBe("\\SystemRoot\\System32\\Config\\SOFTWARE");
    expect(facts.blame[0]).toMatchObject({ rule: "registry-hive", remark: true });
  });

  it("says so when the name is not in the dump or is no text", async () => {
    expect((await decode(0xc0000218, [POOL, 0, 0, 0])).notes).toEqual(["stop.no-name"]);
    const memory = new FakeMemory().write(POOL, [1, 2, 3, 4, 5, 6, 7, 8, 0]);
    expect((await decode(0xc0000218, [POOL, 0, 0, 0], { memory })).notes).toEqual(["stop.no-name"]);
  });

  it("reads a dead system process and a bad file", async () => {
    const memory = new FakeMemory().text(POOL, "Windows SubSystem").zero(POOL + 18n, 0x200);
    const facts = await decode(0xc000021a, [POOL, 0xffffffffc0000005n, 0, 0], { memory });
    expect(facts.blame[0]).toMatchObject({ process: "Windows SubSystem" });
    expect(facts.bucketParts.class).toBe("0xc000021a_c0000005");
    const file = new FakeMemory().unicode(POOL, POOL + 0x100n, "\\SystemRoot\\System32\\bad.dll");
    expect((await decode(0xc0000221, [POOL, 0, 0, 0], { memory: file })).bucketParts.blame).toBe("IMAGE_bad.dll");
  });
});
