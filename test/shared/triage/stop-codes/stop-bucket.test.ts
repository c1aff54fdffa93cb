import { stopBucket } from "../../../../shared/triage/stop-codes/stop-bucket.ts";
import { CLASSPNP, DRIVER, decode, device, FakeMemory, fakeDump, irp, POOL } from "./fake-dump.ts";

describe("buckets of stop codes", () => {
  const bucket = async (code: number, args: readonly (bigint | number)[], blamed?: string, memory = new FakeMemory()) =>
    stopBucket(fakeDump(code, args), (await decode(code, args, { memory })).bucketParts, blamed).bucketString;

  it.each([
    ["0x116_IMAGE_baddrv.sys", 0x116, [POOL, DRIVER, 0, 0], "nt!TdrBugcheckOnTimeout"],
    ["MEMORY_CORRUPTION_ONE_BIT", 0x1a, [0x41792, POOL, 0x400, 0], "nt!MiDeleteVa"],
    ["0x139_3_CORRUPT_LIST_ENTRY_PROCMON24!unknown_function", 0x139, [3, 0, 0, 0], "PROCMON24!unknown_function"],
    ["0x139_1d_INVALID_BALANCED_TREE_Driver!Entry", 0x139, [0x1d, 0, 0, 0], "Driver!Entry"],
    ["0x133_DPC_gwdrv!unknown_function", 0x133, [0, 0x501, 0x500, 0], "gwdrv!unknown_function"],
    ["0x133_ISR_nvlddmkm!unknown_function", 0x133, [1, 0x1e00, 0, 0], "nvlddmkm!unknown_function"],
    ["AV_myfault!unknown_function", 0xd1, [POOL, 2, 0, DRIVER], "myfault!unknown_function"],
    ["0x13a_12_Driver!CreateRandomFile", 0x13a, [0x12, POOL, POOL, 0], "Driver!CreateRandomFile"],
    ["0x5A_c0000428_IMAGE_filecrypt.sys", 0x5a, [1, POOL, POOL, 0xffffffffc0000428n], "IMAGE_filecrypt.sys"],
    ["0x13C_nt!PspThreadDelete", 0x13c, [POOL, 0, 0, 0], "nt!PspThreadDelete"],
    ["0x162_TestDriver!unknown_function", 0x162, [POOL, 0, 0, 0], "TestDriver!unknown_function"],
    ["0x109_19_ANALYSIS_INCONCLUSIVE!unknown_function", 0x109, [0, 0, 0, 0x19], undefined],
  ] as const)("%s", async (expected, code, args, blamed) => {
    expect(await bucket(code, args, blamed)).toBe(expected);
  });

  it("stands a power driver between the code and the bus", async () => {
    const memory = device(new FakeMemory(), POOL, POOL + 0x3000n, CLASSPNP, "classpnp");
    device(memory, POOL + 0x10000n, POOL + 0x13000n, DRIVER, "baddrv");
    irp(memory, POOL + 0x20000n, POOL + 0x10000n);
    const found = await bucket(0x9f, [3, POOL, 0, POOL + 0x20000n], "nt!PopIrpWatchdog", memory);
    expect(found).toBe("0x9F_3_baddrv_IMAGE_classpnp.sys");
  });

  it("marks live dumps, and what nobody is blamed for", () => {
    const dump = { ...fakeDump(0x117, [POOL, DRIVER, 0, 0]), kind: "kernel-live" as const };
    const parts = { blame: "IMAGE_igdkmd64.sys" };
    expect(stopBucket(dump, parts, undefined).bucketString).toBe("LKD_0x117_IMAGE_igdkmd64.sys");
    expect(stopBucket(fakeDump(0xe2, []), {}, undefined).bucketString).toBe("0xE2");
  });
});
