import { TAGS } from "../../../../../shared/dump/kernel-dump/secondary/tags.ts";
import { corpusPath, describeCorpus } from "../../../../support/corpus.ts";
import { openBytes, openFile } from "../../../../support/open-kernel.ts";
import { ByteWriter } from "../../../../support/synth/byte-writer.ts";
import { synthKernelWorld } from "../../../../support/synth/kernel-world.ts";
import { writeBlobs } from "../../../../support/synth/synth-kernel.ts";
import { synthBitmapDump } from "../../../../support/synth/synth-kernel-memory.ts";

/** A tag's bytes: three little-endian numbers, then eight bytes as they stand. */
function tagBytes(tag: string): Uint8Array {
  const hex = tag.replace(/-/g, "");
  const bytes = Array.from({ length: 16 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
  const part = (start: number, end: number): number[] => bytes.slice(start, end).reverse();
  return Uint8Array.from([...part(0, 4), ...part(4, 6), ...part(6, 8), ...bytes.slice(8)]);
}

it("is read behind the last page of a dump with memory, in the rounds of the rest", async () => {
  const { tables, header } = synthKernelWorld({ mode: "x64", base: 0xffff_f802_1e80_0000n });
  const pages = synthBitmapDump(header, "SDMP", tables.pages, Math.max(...tables.pages.keys()) + 1);
  const smbios = new ByteWriter().zeros(4).u32(29).bytes([1, 6, 0, 0, 1, 2]).ascii("innotek GmbH", 13);
  smbios.ascii("VirtualBox", 11).u8(0);
  const boot = new Uint8Array(0xb0);
  boot.set([0xb0]);
  boot[0x34] = 7;
  const blobs = new ByteWriter();
  writeBlobs(blobs, 19041, [
    { tag: tagBytes(TAGS.SMBIOS), data: smbios.finish() },
    { tag: tagBytes(TAGS.BOOT_STATUS), data: boot, prePad: 3, postPad: 5 },
  ]);
  const plain = await openBytes(pages);
  const { dump, counts } = await openBytes(new ByteWriter().bytes(pages).bytes(blobs.finish()).finish());
  expect(dump.system.virtualMachine).toBe("VirtualBox");
  expect(dump.secondaryData).toMatchObject({
    firmware: { manufacturer: "innotek GmbH", product: "VirtualBox" },
    boot: { bootId: 7 },
    blackBoxes: ["BSD"],
  });
  expect(counts.rounds).toBe(plain.counts.rounds);
  expect(plain.dump).not.toHaveProperty("secondaryData");
});

describeCorpus("secondary data of real triage dumps", () => {
  it.each([
    ["083125-14875-01.dmp", ["BSD", "NTFS", "WINLOGON"], 29, "Intel(R) Core(TM) Ultra 9 275HX", 3, 8],
    ["102622-15671-01.dmp", ["BSD", "NTFS", "PNP", "WINLOGON"], 37, "AMD Ryzen 7 4800H with Radeon Graphics", 24, 36],
    ["102622-17265-01.dmp", ["BSD", "NTFS", "PNP", "WINLOGON"], 39, "AMD Ryzen 7 4800H with Radeon Graphics", 24, 36],
    ["triage_x64.dmp", ["NTFS"], 20, "AMD Ryzen 7 3700X 8-Core Processor", 17, 42],
  ])("%s", async (name, boxes, blobs, cpuName, acpi, pci) => {
    const { dump, notes } = await openFile(corpusPath(`kernel/${name}`));
    const data = dump.secondaryData;
    expect(data?.blackBoxes).toEqual(boxes);
    expect(data?.cpuName).toBe(cpuName);
    expect([data?.blobs.length, data?.acpiTables?.length, data?.pciFunctions?.length]).toEqual([blobs, acpi, pci]);
    expect(notes.filter(({ where }) => where.startsWith("secondary"))).toEqual([]);
  });

  it("name the machine of 102622-15671-01 and what winlogon and Plug and Play did", async () => {
    const { dump } = await openFile(corpusPath("kernel/102622-15671-01.dmp"));
    expect(dump.secondaryData).toMatchObject({
      firmware: { biosVersion: "FA506IV.320", biosDate: "06/01/2022", boardProduct: "FA506IV" },
      boot: { lastBootSucceeded: true, bootAttempts: 1, bootId: 17, lastShutdownBootId: 14, lastAbnormalBootId: 16 },
      logon: { operation: "ShellStartupShellStarted", pending: false },
      plugAndPlay: { inProgress: false, problem: 24 },
    });
    const gpu = {
      bus: 1,
      device: 0,
      function: 0,
      vendorId: 0x10de,
      deviceId: 0x1f15,
      classCode: 0x030000,
      revision: 0xa1,
    };
    expect(dump.secondaryData?.pciFunctions).toContainEqual(gpu);
  });
});
