import { readFirmware, virtualMachine } from "../../../../../shared/dump/kernel-dump/secondary/smbios.ts";
import { ByteWriter } from "../../../../support/synth/byte-writer.ts";

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

const FIRMWARE = structure(0, [1, 2, 0, 0xe0, 3], ["A vendor", "1.0", "01/02/2023"]);
const BOARD = structure(2, [1, 2, 0, 3], ["Boards Ltd", "B-1", "SERIAL-OF-BOARD"]);
/** With a serial number as the fourth text, as real ones have it. */
const system = (maker: string, product: string): Uint8Array =>
  structure(1, [1, 2, 3, 4, ...new Array<number>(16).fill(0x55)], [maker, product, "1.2", "SERIAL-OF-SYSTEM"]);

describe("the firmware's tables", () => {
  it.each([
    ["innotek GmbH", "VirtualBox", "VirtualBox"],
    ["VMware, Inc.", "VMware7,1", "VMware"],
    ["Microsoft Corporation", "Virtual Machine", "HyperV"],
    ["Microsoft Corporation", "Surface Pro", undefined],
    ["LENOVO", "20XW", undefined],
  ])("%s, %s: %s", (manufacturer, product, expected) => {
    const firmware = readFirmware(table(FIRMWARE, structure(11, [], []), system(manufacturer, product)));
    expect(firmware).toMatchObject({ manufacturer, product });
    expect(virtualMachine(firmware)).toBe(expected);
  });

  it("tell vendors and products, and neither serial numbers nor identities", () => {
    const firmware = readFirmware(table(FIRMWARE, system("Maker", "Product"), BOARD));
    expect(firmware).toEqual({
      biosVendor: "A vendor",
      biosVersion: "1.0",
      biosDate: "01/02/2023",
      manufacturer: "Maker",
      product: "Product",
      boardManufacturer: "Boards Ltd",
      boardProduct: "B-1",
    });
  });

  it("take the first structure of a kind, and leave texts out that are not there", () => {
    expect(readFirmware(table(system("First", "One"), system("Second", "Two")))).toEqual({
      manufacturer: "First",
      product: "One",
    });
    expect(readFirmware(table(structure(1, [1, 9], ["Maker"])))).toEqual({ manufacturer: "Maker" });
    expect(readFirmware(table(structure(1, [0, 0], [])))).toBeUndefined();
    // A formatted part that ends before the place of the text's number.
    expect(readFirmware(table(structure(1, [1], ["Maker", "Product"])))).toEqual({ manufacturer: "Maker" });
  });

  it("say what stands before damage, and nothing where they are absent", () => {
    const whole = table(FIRMWARE, system("innotek GmbH", "VirtualBox"), BOARD);
    expect(readFirmware(new Uint8Array(0))).toBeUndefined();
    expect(readFirmware(table(Uint8Array.of(1, 0, 0, 0, 1, 2)))).toBeUndefined();
    expect(readFirmware(new Uint8Array(64 * 1024).fill(0xff))).toBeUndefined();
    expect(readFirmware(table(FIRMWARE, Uint8Array.of(1, 3, 0, 0, 1, 2)))?.biosVendor).toBe("A vendor");
    // Texts without their terminators run to the end.
    expect(readFirmware(table(Uint8Array.of(1, 6, 0, 0, 1, 2, 65, 66)))).toEqual({ manufacturer: "AB" });
    for (let length = 0; length < whole.length; length++)
      expect(() => readFirmware(whole.subarray(0, length))).not.toThrow();
  });

  it("print no control characters and end long texts", () => {
    const firmware = readFirmware(table(system("\u001b[31mMaker", "x".repeat(500))));
    expect(firmware).toEqual({ manufacturer: "?[31mMaker", product: "x".repeat(64) });
  });
});
