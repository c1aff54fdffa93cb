import { FormatError } from "../../bytes/errors.ts";
import { dataView } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { IMAGE_SECTION_HEADER } from "../../image/pe-format.ts";
import type { Msf, MsfStream } from "./msf.ts";
import type { DbiParts } from "./pdb.ts";

/** Windows loads images of at most 96 sections; object files may have more. */
const MAX_SECTIONS = 1024;
/** Executable pages. */
const IMAGE_SCN_MEM_EXECUTE = 0x2000_0000;
/** Most entries of an OMAP that are read: 8 bytes each. */
const MAX_OMAP_BYTES = 64 * 1024 * 1024;

interface Section {
  readonly start: number;
  readonly size: number;
  readonly executable: boolean;
}

/**
 * Addresses of a PDB. Its records speak of `section:offset` in the image as the compiler linked it. Images that
 * were reordered afterwards (Microsoft's own of the XP to 7 years) have OMAP tables from there to the image as it is.
 */
export class AddressSpace {
  readonly #sections: readonly Section[];
  readonly #toSource: Omap | undefined;
  readonly #fromSource: Omap | undefined;

  /**
   * @param also parts of the file that are needed soon: they come in the same round
   * @throws FormatError, MissingRanges
   */
  constructor(msf: Msf, dbi: DbiParts, also: readonly (readonly ByteRange[] | undefined)[] = []) {
    const streams = (["sectionHeaders", "omapToSource", "omapFromSource", "originalSectionHeaders"] as const)
      .map((which) => dbi.debugStream(which))
      .map((stream) => stream?.places(0, Math.min(stream.size, MAX_OMAP_BYTES)));
    msf.plan([...streams, ...also]);
    this.#toSource = readOmap(dbi.debugStream("omapToSource"));
    this.#fromSource = readOmap(dbi.debugStream("omapFromSource"));
    const moved = this.#toSource !== undefined && this.#fromSource !== undefined;
    const original = moved ? dbi.debugStream("originalSectionHeaders") : undefined;
    this.#sections = readSections(original ?? dbi.debugStream("sectionHeaders"));
  }

  /** Address as linked of `section:offset`, sections counting from 1; undefined outside of all sections. */
  linked(section: number, offset: number): number | undefined {
    const found = this.#sections[section - 1];
    const address = found && found.start + offset;
    return address !== undefined && address <= 0xffff_ffff ? address : undefined;
  }

  /** Address as linked of an address of the image; undefined where it was made after linking. */
  toLinked(rva: number): number | undefined {
    return this.#toSource ? this.#toSource.map(rva) : rva;
  }

  /** Address in the image of an address as linked; undefined when it was thrown away. */
  fromLinked(linked: number): number | undefined {
    return this.#fromSource ? this.#fromSource.map(linked) : linked;
  }

  /** The section that holds an address as linked. */
  sectionOf(linked: number): Section | undefined {
    return this.#sections.find(({ start, size }) => linked >= start && linked - start < size);
  }
}

function readSections(stream: MsfStream | undefined): Section[] {
  if (!stream) return [];
  const count = Math.min(MAX_SECTIONS, Math.floor(stream.size / IMAGE_SECTION_HEADER.size));
  const bytes = stream.bytes(0, count * IMAGE_SECTION_HEADER.size);
  return Array.from({ length: count }, (_, index) => {
    const header = IMAGE_SECTION_HEADER.from(bytes.subarray(index * IMAGE_SECTION_HEADER.size));
    return {
      start: header.VirtualAddress,
      size: Math.max(header.VirtualSize, header.SizeOfRawData),
      executable: (header.Characteristics & IMAGE_SCN_MEM_EXECUTE) !== 0,
    };
  });
}

/** Pairs of addresses, ascending: from the first on, up to the next pair, addresses move to the second. */
class Omap {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = dataView(bytes);
  }

  map(rva: number): number | undefined {
    let low = 0;
    let high = this.#view.byteLength / 8;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.#view.getUint32(mid * 8, true) <= rva) low = mid + 1;
      else high = mid;
    }
    if (low === 0) return undefined;
    const to = this.#view.getUint32((low - 1) * 8 + 4, true);
    return to === 0 ? undefined : to + (rva - this.#view.getUint32((low - 1) * 8, true));
  }
}

function readOmap(stream: MsfStream | undefined): Omap | undefined {
  if (!stream) return undefined;
  if (stream.size > MAX_OMAP_BYTES) {
    throw new FormatError("format.limit-exceeded", "an OMAP is longer than is read", { actual: stream.size });
  }
  return new Omap(stream.bytes(0, stream.size - (stream.size % 8)));
}
