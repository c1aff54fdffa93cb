import { at, dataView, struct, u32 } from "../bytes/layout.ts";
import type { ImageBytes } from "../image/image-bytes.ts";
import { readPeHeaders } from "../image/pe.ts";
import type { SymbolHit } from "../stackwalk/symbol-provider.ts";
import { AddressTable } from "./address-table.ts";
import { Cursor } from "./pdb/cursor.ts";
import type { Demangle } from "./symbol-file.ts";

/** Most bytes of an export directory that are read; the largest of Windows' own have 200 KiB. */
const MAX_DIRECTORY_BYTES = 4 * 1024 * 1024;
/** Ordinals have 16 bits. */
const MAX_EXPORTS = 65_536;

/** IMAGE_EXPORT_DIRECTORY. https://learn.microsoft.com/windows/win32/debug/pe-format#export-directory-table */
const IMAGE_EXPORT_DIRECTORY = struct("IMAGE_EXPORT_DIRECTORY", 40, {
  NumberOfFunctions: at(20, u32),
  NumberOfNames: at(24, u32),
  AddressOfFunctions: at(28, u32),
  AddressOfNames: at(32, u32),
  AddressOfNameOrdinals: at(36, u32),
});

/** A section of code that exports may name. */
interface CodeRange {
  readonly start: number;
  readonly end: number;
}

/** Names that an image gives to others: what is left to name code by where there are no symbols. */
export class ExportSymbols {
  readonly #table: AddressTable;
  readonly #directory: Uint8Array;
  readonly #code: readonly CodeRange[];
  readonly #demangle: Demangle;

  private constructor(table: AddressTable, directory: Uint8Array, code: readonly CodeRange[], demangle: Demangle) {
    this.#table = table;
    this.#directory = directory;
    this.#code = code;
    this.#demangle = demangle;
  }

  /**
   * Reads the exports of an image.
   * @returns undefined when it has none or they are in a hole
   * @throws FormatError when the directory contradicts itself, MissingRanges
   */
  static read(image: ImageBytes, demangle: Demangle): ExportSymbols | undefined {
    const headers = readPeHeaders(image);
    const place = headers?.directory("exports");
    if (!headers || !place) return undefined;
    const directory = image.read(place.rva, Math.min(place.size, MAX_DIRECTORY_BYTES));
    if (directory.length < IMAGE_EXPORT_DIRECTORY.size) return undefined;
    const head = IMAGE_EXPORT_DIRECTORY.from(directory);
    const [slots, named] = [head.NumberOfFunctions, head.NumberOfNames].map((count) =>
      Math.min(count, MAX_EXPORTS),
    ) as [number, number];
    image.plan([
      { rva: head.AddressOfFunctions, length: slots * 4 },
      { rva: head.AddressOfNames, length: named * 4 },
      { rva: head.AddressOfNameOrdinals, length: named * 2 },
    ]);
    const functions = arrayAt(image, head.AddressOfFunctions, head.NumberOfFunctions, 4);
    const names = arrayAt(image, head.AddressOfNames, head.NumberOfNames, 4);
    const ordinals = arrayAt(image, head.AddressOfNameOrdinals, head.NumberOfNames, 2);
    const table = new AddressTable();
    const count = Math.min(names.byteLength / 4, ordinals.byteLength / 2);
    for (let index = 0; index < count; index++) {
      const slot = ordinals.getUint16(index * 2, true) * 4;
      if (slot + 4 > functions.byteLength) continue;
      const rva = functions.getUint32(slot, true);
      const name = names.getUint32(index * 4, true) - place.rva;
      // An address within the directory is the text of a forward to another image.
      const forward = rva >= place.rva && rva - place.rva < place.size;
      if (!forward && name >= 0 && name < directory.length) table.add(rva, 0, name, 0);
    }
    table.seal();
    const code = headers.sections
      .filter(({ characteristics }) => (characteristics & 0x2000_0000) !== 0)
      .map(({ rva, size }) => ({ start: rva, end: rva + size }));
    return new ExportSymbols(table, directory, code, demangle);
  }

  /** The export before an address of the same section; undefined outside of code. */
  lookup(rva: number): SymbolHit | undefined {
    const section = this.#code.find(({ start, end }) => rva >= start && rva < end);
    const record = section && this.#table.below(rva);
    if (!record || record.start < section.start) return undefined;
    const rawName = new Cursor(this.#directory, record.offset).text();
    return { name: this.#demangle(rawName) ?? rawName, rawName, rva: record.start, inlines: [] };
  }
}

/** An array of the directory, as much of it as is there. */
function arrayAt(image: ImageBytes, rva: number, count: number, size: number): DataView {
  const bytes = image.read(rva, Math.min(count, MAX_EXPORTS) * size);
  return dataView(bytes.subarray(0, bytes.length - (bytes.length % size)));
}
