import { synthContext } from "../../support/synth/contexts.ts";
import { SynthTables } from "../../support/synth/page-tables.ts";
import { synthDebuggerData, synthStruct } from "../../support/synth/synth-kernel.ts";
import { synthFullDump } from "../../support/synth/synth-kernel-memory.ts";

/**
 * A full dump of a system with many modules and processes whose records lie all over a pool: what a list's walk costs
 * is a round for every record, unless it is planned. Offsets are those of build 19041, written out by hand.
 */

/** Places of the pool, 2 MiB and more apart, that records are scattered over. */
const PLACES = 24;
const NT = 0xfffff800_01000000n;
const POOL = 0xffff9690_00000000n;
const PRCB = 0xffffe3a0_00000180n;
const STACK = 0xffffc054_00100000n;
const STACK_BYTES = 0x6000;
/** Number of physical pages behind the tables' own. */
const SCATTERED = 2003;
const FIRST_SCATTERED = 0x1000;

/** What the dump holds. */
export interface BigKernelOptions {
  readonly modules: number;
  readonly processes: number;
  /** Index of the process that crashed. */
  readonly crashed: number;
}

class World {
  readonly tables = new SynthTables("x64");
  readonly #room = new Map<number, { page: bigint; used: number }>();
  #pages = 0;
  #turn = 0;

  /** Maps a page at an address to one that lies somewhere. */
  map(address: bigint): bigint {
    const page = FIRST_SCATTERED + ((this.#pages * 331) % SCATTERED);
    this.#pages += 1;
    this.tables.pages.set(page, new Uint8Array(4096));
    this.tables.map(address, page);
    return address;
  }

  /** Room for a record, in the next place's current page or a new one. */
  alloc(size: number): bigint {
    const place = (this.#turn++ * 7) % PLACES;
    const now = this.#room.get(place);
    const kept = now && now.used + size <= 4096;
    const page = kept ? now.page : this.map((now?.page ?? POOL + BigInt(place) * 0x1340_0000n) + 4096n);
    const used = kept ? now.used : 0;
    this.#room.set(place, { page, used: used + ((size + 15) & ~15) });
    return page + BigInt(used);
  }

  put(address: bigint, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const step = Math.min(bytes.length - done, 4096 - Number((address + BigInt(done)) % 4096n));
      this.tables.write(address + BigInt(done), bytes.subarray(done, done + step));
      done += step;
    }
  }

  u64(address: bigint, value: bigint): void {
    this.put(address, synthStruct(8, [[0, value, 8]]));
  }

  /** A UNICODE_STRING with its text. */
  text(address: bigint, text: string): void {
    const bytes = new Uint8Array(new Uint16Array([...text].map((c) => c.charCodeAt(0))).buffer);
    const buffer = this.alloc(bytes.length);
    this.put(buffer, bytes);
    this.put(
      address,
      synthStruct(16, [
        [0, bytes.length, 2],
        [2, bytes.length, 2],
        [8, buffer, 8],
      ]),
    );
  }

  /** Closes a list over the links of its members. */
  link(head: bigint, links: readonly bigint[]): void {
    const ring = [head, ...links];
    for (const [index, at] of ring.entries()) {
      this.u64(at, ring[(index + 1) % ring.length] as bigint);
      this.u64(at + 8n, ring.at(index - 1) as bigint);
    }
  }
}

/** Makes the dump. */
export function bigKernelDump({ modules, processes, crashed }: BigKernelOptions): Uint8Array {
  const world = new World();
  for (let page = 0n; page < 8n; page++) world.map(NT + page * 4096n);
  for (let page = 0n; page < 9n; page++) world.map(PRCB - 0x180n + page * 4096n);
  for (let page = 0n; page < BigInt(STACK_BYTES / 4096); page++) world.map(STACK + page * 4096n);
  const [moduleHead, processHead, block, kdbg] = [NT + 0x4010n, NT + 0x4a30n, NT + 0x5000n, NT + 0x6b20n];

  const entries = Array.from({ length: modules }, (_, index) => {
    const entry = world.alloc(0xa0);
    const base = index === 0 ? NT : NT + BigInt(index) * 0x10_0000n;
    world.put(
      entry + 0x30n,
      synthStruct(0x14, [
        [0, base, 8],
        [0x10, index === 0 ? 0x8000 : 0x9000],
      ]),
    );
    const name = index === 0 ? "ntoskrnl.exe" : `driver${index}.sys`;
    world.text(entry + 0x48n, `\\SystemRoot\\System32\\drivers\\${name}`);
    world.text(entry + 0x58n, name);
    world.put(entry + 0x9cn, synthStruct(4, [[0, 0x5e00_0000 + index]]));
    return entry;
  });
  world.link(moduleHead, entries);

  const bases = Array.from({ length: processes }, (_, index) => {
    const base = world.alloc(0xa40);
    world.put(
      base,
      synthStruct(0xa40, [
        [0, 3],
        [8, base + 8n, 8],
        [0x10, base + 8n, 8],
        [0x28, 0x1000 * (index + 1), 8],
        [0x440, 4 + index * 4, 8],
        [0x5a8, index === 0 ? "System" : `p${index}.exe`],
      ]),
    );
    return base;
  });
  world.link(
    processHead,
    bases.map((base) => base + 0x448n),
  );

  const process = bases[crashed] as bigint;
  const thread = world.alloc(0x898);
  world.put(
    thread + 0x30n,
    synthStruct(0x10, [
      [0, STACK, 8],
      [8, STACK + BigInt(STACK_BYTES), 8],
    ]),
  );
  world.u64(thread + 0xb8n, process);
  world.put(
    thread + 0x478n,
    synthStruct(0x10, [
      [0, 4 + crashed * 4, 8],
      [8, 0x77c, 8],
    ]),
  );
  world.link(process + 0x30n, [thread + 0x2f8n]);
  world.u64(block, PRCB);
  world.put(
    PRCB + 8n,
    synthStruct(0x18, [
      [0, thread, 8],
      [0x10, thread + 0x10n, 8],
    ]),
  );

  world.put(
    kdbg,
    synthDebuggerData(0x380, [
      ...(
        [
          [0x18, NT],
          [0x48, moduleHead],
          [0x50, processHead],
          [0x218, block],
        ] as const
      ).map(([at, value]) => [at, value, 8] as const),
      ...(
        [
          [0x2a0, 0xb8],
          [0x2a8, 0xa40],
          [0x2b4, 8],
          [0x2be, 0x24],
          [0x2c0, 0x898],
          [0x340, 0x38],
        ] as const
      ).map(([at, value]) => [at, value, 2] as const),
    ]),
  );
  const { tables } = world;
  const own = Math.max(...[...tables.pages.keys()].filter((page) => page < FIRST_SCATTERED)) + 1;
  return synthFullDump(
    {
      bits: 64,
      machine: 0x8664,
      build: 19041,
      directoryTableBase: tables.directoryTableBase,
      psLoadedModuleList: moduleHead,
      psActiveProcessHead: processHead,
      kdDebuggerDataBlock: kdbg,
      processors: 1,
      bugcheck: { code: 0xd1, args: [0, 2, 0, NT + 0x1100n] },
      context: synthContext("amd64", { rip: NT + 0x1100n, rsp: STACK + 0x3000n, cs: 0x10, ss: 0x18 }),
      runs: [
        { basePage: 0x40, pageCount: own - 0x40 },
        { basePage: FIRST_SCATTERED, pageCount: SCATTERED },
      ],
      dumpType: 1,
    },
    tables.pages,
  );
}
