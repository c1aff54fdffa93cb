import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import type { DumpModule } from "../../../../../shared/dump/dump.ts";
import { Identities } from "../../../../../shared/dump/kernel-dump/live/identities.ts";
import { synthPe } from "../../../../support/synth/synth-pe.ts";
import { LiveWorld, type OpenWorld } from "./live-world.ts";

const GUID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const DEBUG_ID = "0403020106050807090A0B0C0D0E0F101";
const CREATED = Date.UTC(2026, 0, 1);
const base = (index: number): bigint => 0xfffff801_00000000n + BigInt(index) * 0x10_0000n;

const driver = (index: number, more: Partial<DumpModule> = {}): DumpModule => ({
  base: base(index) as VirtualAddress,
  size: 0x3000,
  path: `driver${index}.sys`,
  identity: "not-read",
  ...more,
});

/** Drivers whose headers and debug data lie a page each. */
function world(count: number, timestamp = 0x5e00_0000): LiveWorld {
  const made = new LiveWorld();
  for (let index = 0; index < count; index++) {
    const file = synthPe({ timestamp, sizeOfImage: 0x3000, guid: GUID, age: 1, pdb: `driver${index}.pdb` });
    made.put(base(index), file.subarray(0, 0x400)).put(base(index) + 0x1000n, file.subarray(0x400));
  }
  return made;
}

const open = (made: LiveWorld): { opened: OpenWorld; identities: Identities } => {
  const opened = made.open();
  const space = { memory: opened.context.memory, kernelBase: base(0) as VirtualAddress };
  return { opened, identities: new Identities(space, CREATED, opened.notes) };
};

/** Reads them side by side. */
async function readAll({ opened, identities }: ReturnType<typeof open>, modules: readonly DumpModule[]) {
  const found = new Map<DumpModule, DumpModule>();
  await opened.run(
    modules.map((one) => () => {
      found.set(one, identities.read(one));
      return [];
    }),
  );
  return modules.map((one) => found.get(one));
}

describe("identities of a crashed kernel's modules", () => {
  it("come in the same rounds for all that are asked for", async () => {
    const scene = open(world(20));
    const read = await readAll(
      scene,
      Array.from({ length: 20 }, (_, index) => driver(index)),
    );
    expect(read[7]).toMatchObject({
      path: "driver7.sys",
      identity: "read",
      debugId: DEBUG_ID,
      debugFile: "driver7.pdb",
      codeId: "5e0000003000",
    });
    expect(scene.opened.counts.rounds).toBe(2);
    expect(scene.opened.notes.list()).toEqual([]);
  });

  it("are read of 24 modules, and the others stay as they are", async () => {
    const scene = open(world(40));
    const modules = Array.from({ length: 40 }, (_, index) => driver(index));
    const read = await readAll(scene, modules);
    expect(read.filter((one) => one?.identity === "read")).toHaveLength(24);
    expect(read[30]).toBe(modules[30]);
    expect(scene.identities.known(driver(3))).toBe(read[3]);
    expect(scene.identities.known(modules[30] as DumpModule)).toBe(modules[30]);
  });

  it("are absent where the image's first page is not in the dump", async () => {
    const scene = open(world(2).lose(base(1)));
    expect((await readAll(scene, [driver(1)]))[0]).toMatchObject({ identity: "absent", path: "driver1.sys" });
  });

  it("tell a time stamp that is later than the crash from a time, and keep what the loader wrote down", async () => {
    const scene = open(world(3, 0xd000_0000));
    const [later, stated] = await readAll(scene, [driver(1), driver(2, { timestamp: 0x5e00_0001, codeId: "X" })]);
    expect(later).toMatchObject({ timestampIsHash: true, timestamp: 0xd000_0000 });
    expect(stated).toMatchObject({ timestamp: 0x5e00_0001, codeId: "X" });
  });

  it("are known of the kernel before its list is", async () => {
    const { opened, identities } = open(world(1));
    await opened.run(identities.start());
    expect(identities.kernel()).toMatchObject({ debugId: DEBUG_ID, debugFile: "driver0.pdb" });
    expect(identities.known(driver(0, { path: "ntoskrnl.exe" }))).toMatchObject({
      path: "ntoskrnl.exe",
      size: 0x3000,
      debugId: DEBUG_ID,
    });
  });
});
