import type { FetchedBytes } from "../bytes/block-cache.ts";
import { FormatError } from "../bytes/errors.ts";

/**
 * An image as its loader lays it out, wherever its bytes come from: pages of a crashed machine with
 * holes in them, or a file. The one interface that everything about PE images is read through.
 */
export interface ImageBytes {
  /**
   * `length` bytes at a relative virtual address, fewer where the image has a hole or ends.
   * @throws MissingRanges when they have not been fetched yet
   */
  read(rva: number, length: number): Uint8Array;
  /**
   * Says that these will be read soon, so that they come in one round.
   * @throws MissingRanges
   */
  plan(wanted: ReadonlyArray<{ readonly rva: number; readonly length: number }>): void;
}

/** A section as far as it places an image file's bytes. */
interface PlacedSection {
  readonly rva: number;
  readonly fileOffset: number;
  /** Bytes of it in the file. */
  readonly fileSize: number;
}

/** The headers of an image file, before its sections are known: RVA and file offset are the same there. */
export function headerBytes(bytes: FetchedBytes): ImageBytes {
  return fileImage(bytes, [{ rva: 0, fileOffset: 0, fileSize: bytes.size }]);
}

/**
 * An image file laid out by its sections.
 * @param sections the first that holds an address places it
 * @throws FormatError when a section has a negative or fractional place
 */
export function fileImage(bytes: FetchedBytes, sections: readonly PlacedSection[]): ImageBytes {
  for (const { rva, fileOffset, fileSize } of sections) {
    if (![rva, fileOffset, fileSize].every((value) => Number.isSafeInteger(value) && value >= 0)) {
      throw new FormatError("format.bad-value", "a section of an image lies at no place");
    }
  }
  const place = (rva: number, length: number): { start: number; end: number } => {
    const section = sections.find((one) => rva >= one.rva && rva - one.rva < one.fileSize);
    if (!section || length <= 0) return { start: 0, end: 0 };
    const start = section.fileOffset + (rva - section.rva);
    return { start, end: Math.min(start + length, section.fileOffset + section.fileSize, bytes.size) };
  };
  return {
    read: (rva, length) => {
      const { start, end } = place(rva, length);
      return end > start ? bytes.bytes(start, end - start) : new Uint8Array(0);
    },
    plan: (wanted) => bytes.plan(wanted.map(({ rva, length }) => place(rva, length))),
  };
}
