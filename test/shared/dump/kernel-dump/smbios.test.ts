import { BlockCache, type FetchedBytes } from "../../../../shared/bytes/block-cache.ts";
import { virtualMachine } from "../../../../shared/dump/kernel-dump/smbios.ts";
import { ByteWriter } from "../../../support/synth/byte-writer.ts";

const TAG = "blob bc5c008f-1e3a-44d7-988d-86f6884c6758";

function fetched(bytes: Uint8Array): FetchedBytes {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

/** A structure with its formatted part (behind type, length and handle) and its texts. */
function structure(type: number, formatted: readonly number[], texts: readonly string[]): Uint8Array {
  const writer = new ByteWriter()
    .u8(type)
    .u8(4 + formatted.length)
    .u16(type)
    .bytes(formatted);
  for (const text of texts) writer.ascii(text, text.length + 1);
  return (texts.length === 0 ? writer.u8(0) : writer).u8(0).finish();
}

function table(...structures: readonly Uint8Array[]): Uint8Array {
  const length = structures.reduce((sum, { length: bytes }) => sum + bytes, 0);
  const writer = new ByteWriter().u8(0).u8(2).u8(5).u8(0).u32(length);
  for (const bytes of structures) writer.bytes(bytes);
  return writer.finish();
}

const machineOf = (bytes: Uint8Array): string | undefined =>
  virtualMachine(fetched(bytes), [{ name: TAG, offset: 0, size: bytes.length }]);

const FIRMWARE = structure(0, [1, 2], ["A vendor", "1.0"]);
const system = (maker: string, product: string): Uint8Array => structure(1, [1, 2, 0, 0], [maker, product]);

describe("the firmware's tables", () => {
  it.each([
    ["innotek GmbH", "VirtualBox", "VirtualBox"],
    ["VMware, Inc.", "VMware7,1", "VMware"],
    ["Microsoft Corporation", "Virtual Machine", "HyperV"],
    ["Microsoft Corporation", "Surface Pro", undefined],
    ["LENOVO", "20XW", undefined],
  ])("%s, %s: %s", (maker, product, expected) => {
    expect(machineOf(table(FIRMWARE, structure(11, [], []), system(maker, product)))).toBe(expected);
  });

  it("say nothing where they are absent, cut or damaged", () => {
    const whole = table(FIRMWARE, system("innotek GmbH", "VirtualBox"));
    expect(virtualMachine(fetched(whole), [])).toBeUndefined();
    expect(machineOf(new Uint8Array(0))).toBeUndefined();
    expect(machineOf(table(Uint8Array.of(1, 0, 0, 0, 1, 2)))).toBeUndefined();
    expect(machineOf(new Uint8Array(64 * 1024).fill(0xff))).toBeUndefined();
    for (let length = 0; length < whole.length; length++)
      expect(() => machineOf(whole.subarray(0, length))).not.toThrow();
  });
});
