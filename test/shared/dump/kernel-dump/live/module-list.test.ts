import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import { ModuleList } from "../../../../../shared/dump/kernel-dump/live/module-list.ts";
import { PageScan } from "../../../../../shared/dump/kernel-dump/live/page-scan.ts";
import { LiveWorld, type OpenWorld } from "./live-world.ts";

const HEAD = 0xfffff800_00400100n;
const POOL = 0xffffa000_00000000n;

/** Scattered places, two to a page, in an order that jumps between pages. */
function places(count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => {
    const jump = (index * 37) % count;
    return POOL + BigInt(jump >> 1) * 0x10000n + (jump % 2 === 0 ? 0x40n : 0x840n);
  });
}

function moduleWorld(at: readonly bigint[], size: 4 | 8 = 8): LiveWorld {
  const world = new LiveWorld(size);
  const next = (index: number): bigint => at[index] ?? HEAD;
  const P = BigInt(size);
  world.put(HEAD, at[0] ?? HEAD).put(HEAD + P, at.at(-1) ?? HEAD);
  for (const [index, entry] of at.entries()) {
    world.put(entry, next(index + 1)).put(entry + P, next(index - 1));
    world.put(entry + 6n * P, 0xfffff801_00000000n + BigInt(index) * 0x100000n);
    world.put(entry + 8n * P, 0x8000, 4);
    world.text(entry + 9n * P, `\\SystemRoot\\driver${index}.sys`, entry + 0x100n);
    world.text(entry + 11n * P, `driver${index}.sys`, entry + 0x180n);
    world.put(entry + 15n * P, 0x1000 + index, 4).put(entry + 0x9cn, 0x5f000000 + index, 4);
  }
  return world;
}

async function read({ context, run }: OpenWorld): Promise<ModuleList> {
  const list = new ModuleList(context, HEAD as VirtualAddress, new PageScan(context));
  await run(list.start());
  return list;
}

describe("the list of loaded modules", () => {
  it("is read in order, ahead of its links and with few rounds", async () => {
    const world = moduleWorld(places(81)).open();
    const modules = (await read(world)).modules();
    expect(modules.map(({ path }) => path)).toEqual(
      Array.from({ length: 81 }, (_, index) => `\\SystemRoot\\driver${index}.sys`),
    );
    expect(modules[7]).toEqual({
      base: 0xfffff801_00700000n,
      size: 0x8000,
      path: "\\SystemRoot\\driver7.sys",
      timestamp: 0x5f000007,
      codeId: "5f0000078000",
      checksum: 0x1007,
      identity: "not-read",
    });
    expect(world.notes.list()).toEqual([]);
    // 41 pages in a chain would be 41 rounds.
    expect(world.counts.rounds).toBeLessThanOrEqual(14);
    expect(world.counts.requests).toBeLessThanOrEqual(42);
  });

  it("has no time stamps of its own before Windows 10", async () => {
    const [first] = (await read(moduleWorld(places(3)).open({ build: 7601 }))).modules();
    expect(first).not.toHaveProperty("timestamp");
    expect(first?.checksum).toBe(0x1000);
  });

  it("tells where an image has its unwind data, unless that is a copy elsewhere", async () => {
    const at = places(3);
    const world = moduleWorld(at);
    world.put((at[0] as bigint) + 0x10n, 0xfffff801_00006000n).put((at[0] as bigint) + 0x18n, 0x240, 4);
    world.put((at[1] as bigint) + 0x10n, 0xffffa000_00006000n).put((at[1] as bigint) + 0x18n, 0x240, 4);
    const modules = (await read(world.open())).modules();
    expect(modules.map(({ exceptionTable }) => exceptionTable)).toEqual([
      { rva: 0x6000, size: 0x240 },
      undefined,
      undefined,
    ]);
  });

  it("leaves out what only looks like a member", async () => {
    const at = places(9);
    const stray = (at[4] as bigint) + 0x300n;
    const world = moduleWorld(at);
    world.put(stray, at[0] as bigint).put(stray + 8n, at[1] as bigint);
    world.put(stray + 0x30n, 0xfffff809_00000000n).put(stray + 0x40n, 0x8000, 4);
    world.text(stray + 0x48n, "stray", stray + 0x100n).text(stray + 0x58n, "stray", stray + 0x100n);
    const modules = (await read(world.open())).modules();
    expect(modules).toHaveLength(9);
    expect(modules.map(({ path }) => path)).not.toContain("stray");
  });

  it("recovers both sides of a member that is not there", async () => {
    const at = Array.from({ length: 9 }, (_, index) => POOL + BigInt(index) * 0x10000n);
    const world = moduleWorld(at)
      .lose(at[4] as bigint)
      .open();
    const modules = (await read(world)).modules();
    expect(modules).toHaveLength(8);
    expect(world.notes.list()).toEqual([
      {
        code: "kernel.list-broken",
        where: "kernel/modules",
        detail: "8 modules were found, 4 of them from the tail",
      },
    ]);
  });

  it("leaves a circle", async () => {
    const at = places(9);
    const world = moduleWorld(at);
    world.put(at[5] as bigint, at[2] as bigint);
    const opened = world.open();
    expect((await read(opened)).modules()).toHaveLength(9);
    expect(opened.notes.list().map(({ code }) => code)).toEqual(["kernel.list-looped"]);
  });

  it("takes the base name where the full name is not there, and says how many have none", async () => {
    const at = Array.from({ length: 3 }, (_, index) => POOL + BigInt(index) * 0x10000n);
    const world = moduleWorld(at);
    world.put((at[1] as bigint) + 0x50n, 0xffffb000_00000000n);
    world.put((at[2] as bigint) + 0x50n, 0xffffb000_00000000n).put((at[2] as bigint) + 0x60n, 0xffffb000_00000000n);
    const opened = world.open();
    const names = (await read(opened)).modules().map(({ path }) => path);
    expect(names).toEqual(["\\SystemRoot\\driver0.sys", "driver1.sys", ""]);
    expect(opened.notes.list().map(({ code }) => code)).toEqual(["kernel.no-name"]);
  });

  it("is empty with a note where its head is not there", async () => {
    const world = moduleWorld(places(3)).lose(HEAD).open();
    expect((await read(world)).modules()).toEqual([]);
    expect(world.notes.list().map(({ code }) => code)).toEqual(["kernel.list-unreadable"]);
  });

  it("ends when a hostile list does not", async () => {
    const at = Array.from({ length: 1500 }, (_, index) => POOL + BigInt(index) * 0x400n);
    const world = moduleWorld(at).open();
    expect((await read(world)).modules()).toHaveLength(1024);
    expect(world.notes.list().map(({ code }) => code)).toContain("limit.modules");
  });
});
