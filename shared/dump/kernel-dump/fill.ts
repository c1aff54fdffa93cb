import { dataView } from "../../bytes/layout.ts";
import { DUMP_SIGNATURE } from "./format.ts";

/**
 * The writer fills a header with the text `PAGE` before it sets fields, so a field that
 * reads as that text was never set: it is absent, not 1,162,297,680.
 */

const FILL32 = BigInt(DUMP_SIGNATURE);
const FILL64 = (FILL32 << 32n) | FILL32;
const utf16 = new TextDecoder("utf-16le");

/** A 32-bit field, or undefined where it is fill. */
export function unlessFill(value: number): number | undefined {
  return value === DUMP_SIGNATURE ? undefined : value;
}

/** A pointer or 64-bit field, or undefined where it is fill. */
export function unlessFillWide<T extends bigint>(value: T): T | undefined {
  return value === FILL64 || value === FILL32 ? undefined : value;
}

/** An ANSI text up to its NUL, or undefined where it is fill or empty. */
export function textUnlessFill(bytes: Uint8Array): string | undefined {
  if (bytes.length >= 4 && dataView(bytes).getUint32(0, true) === DUMP_SIGNATURE) return undefined;
  return asciiText(bytes) || undefined;
}

/** ASCII up to the first NUL; bytes that do not print become `?`, so that no control character reaches a terminal. */
export function asciiText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0) break;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?";
  }
  return text.trim();
}

/** UTF-16 text up to the first NUL; control characters become `?`. */
export function utf16Text(bytes: Uint8Array): string {
  const text = utf16.decode(bytes);
  const end = text.indexOf("\0");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being removed
  return (end < 0 ? text : text.slice(0, end)).replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

/** Milliseconds since 1970 of a FILETIME (100 ns since 1601), or undefined outside of 1980..2200. */
export function filetimeToMillis(filetime: bigint): number | undefined {
  const millis = Number(filetime / 10_000n) - 11_644_473_600_000;
  return millis > 315_532_800_000 && millis < 7_258_118_400_000 ? millis : undefined;
}
