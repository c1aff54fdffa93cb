import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FormatError } from "../../bytes/errors.ts";
import { dataView } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";

/** Longest string that is read, in bytes: the longest path of Windows. */
export const MAX_STRING_BYTES = 65_534;
/** What a plan asks for before the length is known: a path of MAX_PATH characters. */
const LIKELY_STRING_BYTES = 4 + 2 * 260;

/** The bytes that a string at `rva` most likely takes, for planning. */
export function likelyString(rva: number): ByteRange {
  return { start: rva, end: rva + LIKELY_STRING_BYTES };
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
