import { BlockCache } from "../../../shared/bytes/block-cache.ts";
import { fileImage, headerBytes, type ImageBytes } from "../../../shared/image/image-bytes.ts";
import { readPeHeaders } from "../../../shared/image/pe.ts";
import { readDebugDirectory, readFileVersion } from "../../../shared/image/pe-identity.ts";

const SIZE = 0x5000;

/** An image in memory: headers, debug data at 0x2000, resources at 0x3000. */
function peImage(options: { wide?: boolean; repro?: boolean } = {}): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number, ...values: number[]): void => {
    for (const [index, value] of values.entries()) view.setUint32(at + index * 4, value, true);
  };
  const wide = options.wide !== false;
  const optional = 0x98;
  const directories = optional + (wide ? 0x70 : 0x60);
  view.setUint16(0, 0x5a4d, true);
  u32(0x3c, 0x80);
  u32(0x80, 0x4550);
  view.setUint16(0x84, wide ? 0x8664 : 0x14c, true);
  view.setUint16(0x86, 1, true);
  u32(0x88, 0x5f5e1000);
  view.setUint16(0x94, directories + 16 * 8 - optional, true);
  view.setUint16(optional, wide ? 0x20b : 0x10b, true);
  u32(optional + 0x38, SIZE, 0x400, 0xabcd);
  u32(directories - 4, 16);
  u32(directories + 2 * 8, 0x3000, 0x200);
  u32(directories + 6 * 8, 0x2000, options.repro ? 56 : 28);
  const section = directories + 16 * 8;
  bytes.set(new TextEncoder().encode(".rdata"), section);
  u32(section + 8, 0x3000, 0x2000, 0x3000, 0x400);
  // Debug directory: CodeView, and REPRO.
  u32(0x2000 + 12, 2, 64, 0x2100, 0x500);
  if (options.repro) u32(0x2000 + 28 + 12, 16);
  u32(0x2100, 0x53445352, 0x33221100, 0x77665544, 0xbbaa9988, 0xffeeddcc, 1);
  bytes.set(new TextEncoder().encode("thing.pdb"), 0x2118);
  // Resources: type 16, name 1, language 0x409, data.
  view.setUint16(0x300e, 2, true);
  u32(0x3010, 3, 0x8000_0100, 16, 0x8000_0040);
  view.setUint16(0x304e, 1, true);
  u32(0x3050, 1, 0x8000_0060);
  view.setUint16(0x306e, 1, true);
  u32(0x3070, 0x409, 0x80);
  u32(0x3080, 0x30a0, 0x200);
  u32(0x30a0 + 0x28, 0xfeef04bd, 0x10000, 0x000a0000, 0x4a610001);
  return bytes;
}

/** Memory with a hole from one address to another. */
function memory(bytes: Uint8Array, hole: readonly [number, number] = [0, 0]): ImageBytes {
  return {
    read: (rva, length) => {
      if (rva >= hole[0] && rva < hole[1]) return new Uint8Array(0);
      const end = rva < hole[0] ? Math.min(rva + length, hole[0]) : rva + length;
      return bytes.subarray(rva, hole[1] > hole[0] ? end : rva + length);
    },
    plan: () => {},
  };
}

describe("PE images", () => {
  it.each([true, false])("gives headers, symbol file and version (64-bit: %s)", (wide) => {
    const image = memory(peImage({ wide }));
    const headers = readPeHeaders(image);
    expect(headers).toMatchObject({ timestamp: 0x5f5e1000, sizeOfImage: SIZE, checksum: 0xabcd });
    expect(headers?.sections).toEqual([
      { name: ".rdata", rva: 0x2000, size: 0x3000, fileOffset: 0x400, fileSize: 0x3000, characteristics: 0 },
    ]);
    expect(headers && readDebugDirectory(image, headers)).toMatchObject({
      reproducible: false,
      codeView: { debugId: "3322110055447766" + "8899AABBCCDDEEFF" + "1", debugFile: "thing.pdb" },
    });
    expect(headers && readFileVersion(image, headers)).toBe("10.0.19041.1");
  });

  it("tells reproducible builds", () => {
    const image = memory(peImage({ repro: true }));
    const headers = readPeHeaders(image);
    expect(headers && readDebugDirectory(image, headers)?.reproducible).toBe(true);
  });

  it("goes without what is paged out", () => {
    const bytes = peImage();
    expect(readPeHeaders(memory(bytes, [0, 0x1000]))).toBeUndefined();
    const noDebug = memory(bytes, [0x2000, 0x3000]);
    const headers = readPeHeaders(noDebug);
    expect(headers && readDebugDirectory(noDebug, headers)).toBeUndefined();
    expect(headers && readFileVersion(noDebug, headers)).toBe("10.0.19041.1");
    const noVersion = memory(bytes, [0x3000, 0x4000]);
    expect(headers && readFileVersion(noVersion, headers)).toBeUndefined();
  });

  it("reads the same from a file laid out by its sections", () => {
    const inMemory = peImage();
    const file = new Uint8Array(0x3400);
    file.set(inMemory.subarray(0, 0x400));
    file.set(inMemory.subarray(0x2000), 0x400);
    const cache = new BlockCache(file.length);
    cache.add({ start: 0, end: file.length }, file);
    const headers = readPeHeaders(headerBytes(cache));
    const image = fileImage(cache, [{ rva: 0, fileOffset: 0, fileSize: 0x400 }, ...(headers?.sections ?? [])]);
    expect(headers && readFileVersion(image, headers)).toBe("10.0.19041.1");
    expect(headers && readDebugDirectory(image, headers)?.codeView?.debugFile).toBe("thing.pdb");
    expect(image.read(0x1800, 16)).toHaveLength(0);
  });

  it("survives any byte set to any extreme", () => {
    const bytes = peImage();
    for (let at = 0; at < SIZE; at++) {
      if (bytes[at] === 0 && at > 0x200 && at % 64 !== 0) continue;
      for (const value of [0, 0x7f, 0xff]) {
        const before = bytes[at] as number;
        bytes[at] = value;
        const image = memory(bytes);
        const headers = readPeHeaders(image);
        if (headers) {
          readDebugDirectory(image, headers);
          readFileVersion(image, headers);
        }
        bytes[at] = before;
      }
    }
  });
});
