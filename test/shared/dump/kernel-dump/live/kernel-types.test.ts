import { MissingRanges } from "../../../../../shared/bytes/block-cache.ts";
import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import { takeKernelTypes } from "../../../../../shared/dump/kernel-dump/live/kernel-types.ts";
import { PageScan } from "../../../../../shared/dump/kernel-dump/live/page-scan.ts";
import { ProcessList } from "../../../../../shared/dump/kernel-dump/live/process-list.ts";
import { recordFacts } from "../../../../../shared/dump/kernel-dump/live/record-facts.ts";
import type { TypeLayout } from "../../../../../shared/dump/type-layout.ts";
import { LiveWorld } from "./live-world.ts";

/** A build that no table knows, whose symbols are at hand. */
const SIZES: Readonly<Record<string, number>> = { _EPROCESS: 0xb00, _ETHREAD: 0x900, _KPRCB: 0xb000 };
const OFFSETS: Readonly<Record<string, number>> = {
  "_EPROCESS.ActiveProcessLinks": 0x1d8,
  "_EPROCESS.ImageFileName": 0x338,
  "_EPROCESS.CreateTime": 0x1f0,
  "_ETHREAD.Cid": 0x508,
  "_KPRCB.Number": 0x24,
  // Damage in a symbol file: no field lies behind its structure.
  "_KPRCB.MHz": 0x7fff_ffff,
};
const LAYOUT: TypeLayout = {
  offsetOf: (type, field) => OFFSETS[`${type}.${field}`],
  sizeOf: (type) => SIZES[type],
};

const HEAD = 0xfffff800_00400200n;
const SYSTEM = 0xffffa000_00000000n;
const THREAD = 0xffffa000_00100000n;

describe("offsets from symbols", () => {
  it("are taken once, without those that cannot be", () => {
    const types = takeKernelTypes(LAYOUT);
    expect(types?.offsetOf("_EPROCESS", "ImageFileName")).toBe(0x338);
    expect(types?.sizeOf("_ETHREAD")).toBe(0x900);
    expect(types?.offsetOf("_KPRCB", "MHz")).toBeUndefined();
    expect(takeKernelTypes({ offsetOf: () => undefined, sizeOf: () => undefined })).toBeUndefined();
  });

  it("let a symbol file that has to be read first suspend the step", () => {
    const waiting = (): never => {
      throw new MissingRanges([{ start: 0, end: 1 }]);
    };
    expect(() => takeKernelTypes({ offsetOf: waiting, sizeOf: waiting })).toThrow();
  });

  it("come before tables and recognition", async () => {
    const world = new LiveWorld().put(HEAD, SYSTEM + 0x1d8n).put(HEAD + 8n, SYSTEM + 0x1d8n);
    world.put(SYSTEM + 0x1d8n, HEAD).put(SYSTEM + 0x1e0n, HEAD);
    world
      .put(SYSTEM + 0x1d0n, 4)
      .put(SYSTEM + 0x338n, "System")
      .put(SYSTEM + 0xb00n, 0);
    world
      .put(THREAD + 0x508n, 4)
      .put(THREAD + 0x510n, 0x77c)
      .put(THREAD + 0x900n, 0);
    const opened = world.open({ build: 30000 });
    const types = takeKernelTypes(LAYOUT);
    const context = { ...opened.context, types };
    const list = new ProcessList(context, HEAD as VirtualAddress, new PageScan(context));
    await opened.run(list.start());
    expect(list.shape?.from).toBe("symbols");
    expect(list.processes()).toEqual([{ address: SYSTEM, pid: 4, name: "System" }]);
    await opened.run([
      () => {
        for (const at of [SYSTEM, THREAD]) context.memory.read(at as VirtualAddress, 0x901);
        return [];
      },
    ]);
    const record = (address: bigint) => ({
      address: address as VirtualAddress,
      bytes: context.memory.read(address as VirtualAddress, 0x900).bytes,
    });
    const facts = recordFacts(context, record(SYSTEM), record(THREAD));
    expect(facts).toMatchObject({ processFrom: "symbols", threadFrom: "symbols", process: { pid: 4, name: "System" } });
    expect(facts.thread.id).toBe(0x77c);
  });
});
