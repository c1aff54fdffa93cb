import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import { PageScan } from "../../../../../shared/dump/kernel-dump/live/page-scan.ts";
import { ProcessList } from "../../../../../shared/dump/kernel-dump/live/process-list.ts";
import { LiveWorld, type OpenWorld } from "./live-world.ts";

const HEAD = 0xfffff800_00400200n;
const POOL = 0xffffa000_00000000n;

interface Layout {
  readonly links: bigint;
  readonly name: bigint;
}

const WINDOWS_10: Layout = { links: 0x448n, name: 0x5a8n };
const UNKNOWN: Layout = { links: 0x1d8n, name: 0x338n };

function processWorld(bases: readonly bigint[], { links, name }: Layout): LiveWorld {
  const world = new LiveWorld();
  const node = (index: number): bigint => {
    const base = bases[index];
    return base === undefined ? HEAD : base + links;
  };
  world.put(HEAD, node(0)).put(HEAD + 8n, node(bases.length - 1));
  for (const [index, base] of bases.entries()) {
    // DISPATCHER_HEADER of a process, its waiters, its page directory.
    world
      .put(base, 3, 4)
      .put(base + 8n, base + 8n)
      .put(base + 0x10n, base + 8n);
    world.put(base + 0x28n, 0x1000 * (index + 1));
    world
      .put(base + links - 8n, 4 + index * 4)
      .put(base + links, node(index + 1))
      .put(base + links + 8n, node(index - 1));
    world.put(base + name, index === 0 ? "System" : `p${index}.exe`);
  }
  return world;
}

async function read({ context, run }: OpenWorld): Promise<ProcessList> {
  const list = new ProcessList(context, HEAD as VirtualAddress, new PageScan(context));
  await run(list.start());
  return list;
}

const scattered = (count: number): bigint[] =>
  Array.from({ length: count }, (_, index) => POOL + BigInt(index) * 0x400000n);

describe("the list of processes", () => {
  it("is read by the table of the build", async () => {
    const world = processWorld(scattered(5), WINDOWS_10).open();
    const list = await read(world);
    expect(list.shape?.from).toBe("table");
    expect(list.processes().map(({ pid, name }) => [pid, name])).toEqual([
      [4, "System"],
      [8, "p1.exe"],
      [12, "p2.exe"],
      [16, "p3.exe"],
      [20, "p4.exe"],
    ]);
    expect(list.processes()[1]?.address).toBe(POOL + 0x400000n);
    expect(world.notes.list()).toEqual([]);
  });

  it("recognises the layout of a system that no table knows by its first process", async () => {
    const list = await read(processWorld(scattered(3), UNKNOWN).open({ build: 26100 }));
    expect(list.shape).toMatchObject({ from: "recognition", links: 0x1d8, name: 0x338 });
    expect(list.processes().map(({ pid, name, address }) => [pid, name, address])).toEqual([
      [4, "System", POOL],
      [8, "p1.exe", POOL + 0x400000n],
      [12, "p2.exe", POOL + 0x800000n],
    ]);
  });

  it("stops with the first and the last where each would cost a read", async () => {
    const world = processWorld(scattered(300), WINDOWS_10).open();
    const processes = (await read(world)).processes();
    expect(processes[0]?.name).toBe("System");
    expect(processes.at(-1)?.name).toBe("p299.exe");
    expect(processes).toHaveLength(44);
    expect(world.counts.rounds).toBe(24);
    expect(world.notes.list()).toEqual([
      {
        code: "limit.processes",
        where: "kernel/processes",
        detail: "the first 23 and the last 21 processes are listed, how many lie between them is not known",
      },
    ]);
  });

  it("stops at a round, whatever is still to be read", async () => {
    const world = processWorld(scattered(300), WINDOWS_10).open();
    const list = new ProcessList(world.context, HEAD as VirtualAddress, new PageScan(world.context));
    world.runner.beside(list.start());
    expect(await world.runner.settle(10)).toBe(false);
    expect(world.counts.rounds).toBe(10);
    expect(list.processes().map(({ pid }) => pid)).toEqual([
      ...[4, 8, 12, 16, 20, 24, 28, 32, 36],
      ...[1172, 1176, 1180, 1184, 1188, 1192, 1196, 1200],
    ]);
    expect(world.notes.list().map(({ code }) => code)).toEqual(["limit.processes"]);
  });

  it("lists the crashed process with those around it, wherever it stands", async () => {
    const bases = scattered(300);
    const world = processWorld(bases, WINDOWS_10).open();
    const list = new ProcessList(world.context, HEAD as VirtualAddress, new PageScan(world.context));
    await world.run([...list.start(), ...list.around(bases[150] as VirtualAddress)]);
    const listed = list.processes().map(({ pid }) => pid / 4 - 1);
    expect(listed).toHaveLength(44);
    expect(listed).toEqual([...listed].sort((a, b) => a - b));
    expect(listed.filter((index) => Math.abs(index - 150) < 10)).toHaveLength(19);
    expect(world.counts.rounds).toBeLessThanOrEqual(14);
  });

  it("keeps the crashed process where more are known than are listed", async () => {
    const close = Array.from({ length: 100 }, (_, index) => POOL + BigInt(index) * 0x800n);
    for (const crashed of [2, 60, 80, 98]) {
      const world = processWorld(close, { links: 0x448n, name: 0x5a8n }).open();
      const list = new ProcessList(world.context, HEAD as VirtualAddress, new PageScan(world.context));
      await world.run([...list.start(), ...list.around(close[crashed] as VirtualAddress)]);
      const listed = list.processes().map(({ pid }) => pid / 4 - 1);
      expect(listed).toHaveLength(64);
      expect(listed).toContain(crashed);
      expect(listed).toEqual([...listed].sort((a, b) => a - b));
      expect(world.notes.list().map(({ detail }) => detail)).toEqual(["64 of 100 processes are listed"]);
    }
  });

  it("takes neighbours along, so that processes in a row cost few rounds", async () => {
    const row = Array.from({ length: 40 }, (_, index) => POOL + BigInt(index) * 0x1000n);
    const world = processWorld(row, WINDOWS_10).open();
    expect((await read(world)).processes()).toHaveLength(40);
    expect(world.counts.rounds).toBeLessThanOrEqual(12);
  });

  it("stops after 64", async () => {
    const close = Array.from({ length: 100 }, (_, index) => POOL + BigInt(index) * 0x800n);
    const world = processWorld(close, { links: 0x448n, name: 0x5a8n }).open();
    expect((await read(world)).processes()).toHaveLength(64);
    expect(world.notes.list()).toEqual([
      { code: "limit.processes", where: "kernel/processes", detail: "64 of 100 processes are listed" },
    ]);
  });

  it("finds the owner of an address space", async () => {
    const world = processWorld(scattered(5), WINDOWS_10).open();
    const list = await read(world);
    await world.run(list.findOwner(0x3002n));
    expect(list.owner).toMatchObject({ pid: 12, name: "p2.exe" });
  });

  it("says when its first process is not there and no layout is known", async () => {
    const world = processWorld(scattered(3), UNKNOWN).lose(POOL).open({ cpu: "arm64", build: 22000 });
    expect((await read(world)).processes()).toEqual([]);
    expect(world.notes.list().map(({ code }) => code)).toEqual(["kernel.offsets", "kernel.list-broken"]);
  });
});
