import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FormatError } from "../../bytes/errors.ts";
import { dataView } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { attempt, type Notes } from "../../notes.ts";

/** Longest string that is read, in bytes: the longest path of Windows. */
export const MAX_STRING_BYTES = 65_534;
/** Most characters of all names together; real dumps have some 100,000. */
export const MAX_TEXT_TOTAL = 4 << 20;
/** What a plan asks for before the length is known: a path of MAX_PATH characters. */
const LIKELY_STRING_BYTES = 4 + 2 * 260;

/** The bytes that a string at `rva` most likely takes, for planning. */
export function likelyString(rva: number): ByteRange {
  return { start: rva, end: rva + LIKELY_STRING_BYTES };
}

/** The whole of each string whose length is known and sane, for planning the long ones in one round. */
export function exactStrings(bytes: FetchedBytes, places: readonly ByteRange[]): ByteRange[] {
  return places.flatMap(({ start }) => {
    const head = bytes.upTo(start, 4);
    if (head.length < 4) return [];
    const length = dataView(head).getUint32(0, true);
    return length > MAX_STRING_BYTES ? [] : [{ start, end: start + 4 + length }];
  });
}

/**
 * Reads a MINIDUMP_STRING: length in bytes, then UTF-16LE.
 * @throws FormatError when it lies outside of the file, has an odd length or is too long
 */
export function readMinidumpString(bytes: FetchedBytes, rva: number): string {
  const length = dataView(bytes.bytes(rva, 4)).getUint32(0, true);
  if (length % 2 !== 0 || length > MAX_STRING_BYTES) {
    throw new FormatError("format.bad-value", "a MINIDUMP_STRING has an odd or too large length", {
      offset: rva,
      expected: MAX_STRING_BYTES,
      actual: length,
    });
  }
  return decodeUtf16(bytes.bytes(rva + 4, length));
}

/**
 * Reads the names that lists point to, up to {@link MAX_TEXT_TOTAL} in all: a hostile file may let
 * thousands of entries share one long text.
 */
export class NameReader {
  readonly #bytes: FetchedBytes;
  readonly #notes: Notes;
  #left = MAX_TEXT_TOTAL;

  constructor(bytes: FetchedBytes, notes: Notes) {
    this.#bytes = bytes;
    this.#notes = notes;
  }

  /** The string at an RVA, or undefined with a note. */
  string(rva: number, where: string): string | undefined {
    if (this.#left < 0) return undefined;
    const text = attempt(this.#notes, where, () => readMinidumpString(this.#bytes, rva));
    return text !== undefined && this.take(text.length, where) ? text : undefined;
  }

  /** Counts characters of a text that is kept; false, with a note, when there are too many. */
  take(characters: number, where: string): boolean {
    this.#left -= characters;
    if (this.#left >= 0) return true;
    this.#notes.add("limit.text", where, `names of more than ${MAX_TEXT_TOTAL} characters in all are left out`);
    return false;
  }
}

/** UTF-16LE; lone surrogates become U+FFFD. */
export function decodeUtf16(bytes: Uint8Array): string {
  return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(bytes);
}

/** UTF-16LE up to its first NUL: texts in arrays of fixed size. */
export function decodeUtf16Array(bytes: Uint8Array): string {
  const text = decodeUtf16(bytes);
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** UTF-8; what is none becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
