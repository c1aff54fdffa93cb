import { BlockCache, type FetchedBytes, MissingRanges } from "../../../../../shared/bytes/block-cache.ts";
import type { BlobPlace } from "../../../../../shared/dump/kernel-dump/secondary/blobs.ts";
import { readSecondaryData } from "../../../../../shared/dump/kernel-dump/secondary/secondary-data.ts";
import { HOLDS, TAGS } from "../../../../../shared/dump/kernel-dump/secondary/tags.ts";
import type { DumpSecondaryData } from "../../../../../shared/dump/secondary-data.ts";
import { ByteWriter } from "../../../../support/synth/byte-writer.ts";

/** Blobs one behind the other, without headers: those are the chain's. */
function read(...blobs: ReadonlyArray<readonly [tag: string, data: Uint8Array]>): DumpSecondaryData {
  const writer = new ByteWriter();
  const places: BlobPlace[] = [];
  let offset = 0;
  for (const [tag, data] of blobs) {
    places.push({ tag, offset, size: data.length });
    writer.bytes(data);
    offset += data.length;
  }
  return readSecondaryData(fetched(writer.finish()), places);
}

function fetched(bytes: Uint8Array): FetchedBytes {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

function filled(size: number, fields: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, values] of Object.entries(fields)) bytes.set(values, Number(offset));
  return bytes;
}

const letters = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));
const wide = (text: string): number[] => letters(text).flatMap((letter) => [letter, 0]);

const BOOT = filled(0xb0, { 0: [0xb0], 10: [1], 48: [2], 52: [17], 56: [14], 60: [16] });
const LOGON = filled(0x20, { 0: [1], 4: [0x20], 8: [1], 12: wide("Welcome") });
const PNP = filled(0x50, { 28: [1], 32: [24], 44: wide("USB\\VID_1") });
const NTFS = new Uint8Array(0x1000);

function cpuRegister(kind: number, number: number, value: readonly number[]): Uint8Array {
  return new ByteWriter()
    .u32(kind)
    .u32(number)
    .bytes(filled(16, { 0: value }))
    .bytes(new Uint8Array(16))
    .finish();
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** The first `kept` bytes of an ACPI table. */
function acpi(signature: string, length: number, kept: number): Uint8Array {
  const whole = filled(Math.max(kept, 0x24), { 0: letters(signature), 10: letters("MAKER1"), 16: letters("TABLE") });
  new DataView(whole.buffer).setUint32(4, length, true);
  return whole.subarray(0, kept);
}

function pci(place: number, vendor: number, device: number, size = 0x7c): Uint8Array {
  const record = filled(size, { 0: letters("PCfg") });
  const view = new DataView(record.buffer);
  view.setUint32(4, size, true);
  view.setUint16(0x0c, place, true);
  view.setUint16(0x3c, vendor, true);
  view.setUint16(0x3e, device, true);
  view.setUint32(0x44, 0x030000a1, true);
  return record;
}

describe("black boxes", () => {
  it("tell what the system was doing, in the order in which debuggers print them", () => {
    const data = read([TAGS.WINLOGON, LOGON], [TAGS.PLUG_AND_PLAY, PNP], [TAGS.NTFS, NTFS], [TAGS.BOOT_STATUS, BOOT]);
    expect(data.blackBoxes).toEqual(["BSD", "NTFS", "PNP", "WINLOGON"]);
    expect(data.boot).toEqual({
      lastBootSucceeded: true,
      bootAttempts: 2,
      bootId: 17,
      lastShutdownBootId: 14,
      lastAbnormalBootId: 16,
    });
    expect(data.logon).toEqual({ operation: "Welcome", pending: true });
    expect(data.plugAndPlay).toEqual({ deviceId: "USB\\VID_1", inProgress: true, problem: 24 });
  });

  it("are absent where their data are too short, of another version or of another size", () => {
    const data = read(
      [TAGS.BOOT_STATUS, BOOT.subarray(0, 0x40)],
      [TAGS.NTFS, NTFS.subarray(0, 15)],
      [TAGS.PLUG_AND_PLAY, PNP.subarray(0, 0x2b)],
      [TAGS.WINLOGON, LOGON.subarray(0, 0x1f)],
    );
    expect(data.blackBoxes).toEqual([]);
    expect(read([TAGS.WINLOGON, filled(0x20, { 0: [2], 4: [0x20] })]).logon).toBeUndefined();
    expect(read([TAGS.BOOT_STATUS, filled(0xb0, { 0: [0x20] })]).boot).toBeUndefined();
  });

  it("count the first of two pieces with one tag", () => {
    expect(read([TAGS.BOOT_STATUS, BOOT], [TAGS.BOOT_STATUS, filled(0xb0, { 0: [0xb0], 52: [9] })]).boot?.bootId).toBe(
      17,
    );
  });
});

describe("the machine's parts", () => {
  it("name the processor by three leaves of CPUID", () => {
    const name = ["A Processor  with", " a name", "  "];
    const leaves = name.map((part, index) => cpuRegister(0, 0x80000002 + index, letters(part.padEnd(16).slice(0, 16))));
    expect(read([TAGS.PROCESSOR_REGISTERS, joined(cpuRegister(1, 0x80000002, [65]), ...leaves)]).cpuName).toBe(
      "A Processor wit a name",
    );
    expect(read([TAGS.PROCESSOR_REGISTERS, joined(...leaves.slice(1))]).cpuName).toBeUndefined();
    const empty = [0, 1, 2].map((index) => cpuRegister(0, 0x80000002 + index, []));
    expect(read([TAGS.PROCESSOR_REGISTERS, joined(...empty)]).cpuName).toBeUndefined();
  });

  it.each([0x0c, 0x24, 0x44, 0x60])("list ACPI tables of which %i bytes are kept", (kept) => {
    const data = joined(acpi("FACP", 0x114, kept), acpi("APIC", 0x15e, kept), acpi("SSDT", 0x7216, kept));
    const ids = kept >= 0x18 ? { oemId: "MAKER1", oemTable: "TABLE" } : {};
    expect(read([TAGS.ACPI, data]).acpiTables).toEqual(
      ["FACP", "APIC", "SSDT"].map((signature) => ({ signature, ...ids })),
    );
  });

  it("list whole ACPI tables among cut ones, and end at damage", () => {
    const data = joined(
      acpi("HPET", 0x38, 0x38),
      acpi("SSDT", 0x7216, 0x24),
      acpi("TPM2", 0x4c, 0x4c),
      new Uint8Array(99),
    );
    const signatures = (read([TAGS.ACPI, data]).acpiTables ?? []).map(({ signature }) => signature);
    expect(signatures).toEqual(["HPET", "SSDT", "TPM2"]);
    expect(read([TAGS.ACPI, new Uint8Array(100).fill(0xff)]).acpiTables).toEqual([]);
  });

  it("list PCI functions, and end at records that are too short or of no such signature", () => {
    const data = joined(pci(0x0100, 0x10de, 0x1f15, 0x90), pci(0x050a, 0x1002, 0x1636), new Uint8Array(0x7c));
    expect(read([TAGS.PCI, data]).pciFunctions).toEqual([
      { bus: 1, device: 0, function: 0, vendorId: 0x10de, deviceId: 0x1f15, classCode: 0x030000, revision: 0xa1 },
      { bus: 5, device: 1, function: 2, vendorId: 0x1002, deviceId: 0x1636, classCode: 0x030000, revision: 0xa1 },
    ]);
    const short = pci(0, 1, 2);
    short.set([0, 0, 0, 0], 4);
    expect(read([TAGS.PCI, short]).pciFunctions).toEqual([]);
  });
});

describe("pieces of secondary data", () => {
  const OTHER = "01234567-89ab-cdef-0123-456789abcdef";

  it("are listed with what they hold and the component that they name", () => {
    const data = read(
      [OTHER, filled(0x44, { 0: letters("win32kfull") })],
      [OTHER, filled(0x44, { 0: letters("NVCDn"), 5: [0xdc] })],
      [OTHER, new Uint8Array(0)],
      [TAGS.NTFS, filled(0x44, { 0: letters("looks") })],
      [TAGS.DRIVER_FRAMEWORK_LOG, filled(0x100, { 36: letters("USBXHCI") })],
    );
    expect(data.blobs.map(({ holds, component }) => [holds, component])).toEqual([
      [undefined, "win32kfull"],
      [undefined, undefined],
      [undefined, undefined],
      [HOLDS[TAGS.NTFS], undefined],
      [HOLDS[TAGS.DRIVER_FRAMEWORK_LOG], "USBXHCI"],
    ]);
  });

  it("are asked for in one round, in bounded parts, and may reach past the end of the file", () => {
    const size = 1 << 30;
    const places = [TAGS.SMBIOS, TAGS.PCI, TAGS.BOOT_STATUS, OTHER].map((tag, index) => ({
      tag,
      offset: index * 0x100000,
      size: 0xffff_ffff,
    }));
    let asked = 0;
    try {
      readSecondaryData(new BlockCache(size), places);
    } catch (missing) {
      expect(missing).toBeInstanceOf(MissingRanges);
      asked = (missing as MissingRanges).ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    }
    expect(asked).toBe(16 * 1024 + 64 * 1024 + 4096 + 4096);
    expect(
      readSecondaryData(fetched(BOOT.subarray(0, 100)), [{ tag: TAGS.BOOT_STATUS, offset: 0, size: 4096 }]).boot,
    ).toBeDefined();
    expect(
      readSecondaryData(fetched(BOOT), [{ tag: TAGS.BOOT_STATUS, offset: 1 << 20, size: 4096 }]).boot,
    ).toBeUndefined();
  });

  it("survive bytes of any kind", () => {
    for (const tag of Object.values(TAGS)) {
      for (let seed = 1; seed < 60; seed++) {
        const noise = Uint8Array.from({ length: seed * 7 }, (_, index) => (index * seed * 2654435761) >>> 13);
        expect(() => read([tag, noise])).not.toThrow();
        expect(() => read([tag, noise.fill(0xff)])).not.toThrow();
      }
    }
  });
});
