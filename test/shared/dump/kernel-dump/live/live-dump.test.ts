import { openBytes } from "../../../../support/open-kernel.ts";
import { synthKernelWorld } from "../../../../support/synth/kernel-world.ts";
import { synthBitmapDump } from "../../../../support/synth/synth-kernel-memory.ts";

const BASE = 0xffff_f802_1e80_0000n;

describe("a kernel whose list of modules is lost", () => {
  it("is told by its own headers", async () => {
    const { tables, header, firstEntry } = synthKernelWorld({ mode: "x64", base: BASE });
    tables.setEntry(firstEntry, 0, 0n);
    const { dump, notes } = await openBytes(
      synthBitmapDump(header, "SDMP", tables.pages, Math.max(...tables.pages.keys()) + 1),
    );
    expect(dump.modules).toMatchObject([{ base: BASE, size: 0x8000, path: "ntoskrnl.exe" }]);
    expect(notes.filter(({ where }) => where === "kernel/modules").map(({ code }) => code)).toEqual([
      "kernel.list-broken",
      "kernel.module-list",
    ]);
  });
});
