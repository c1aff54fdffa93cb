import { dataView } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../../dump/address.ts";
import type { StopScene } from "../stop-scene.ts";

/** Short texts that stop codes point to. */

/** Longer ones are cut. */
const MAX_BYTES = 0x200;

/** The text of a UNICODE_STRING; undefined when the record or its buffer is not in the dump or is no text. */
export function unicodeStringAt(scene: StopScene, address: VirtualAddress): string | undefined {
  const header = scene.read(address, scene.pointerSize === 8 ? 16 : 8);
  if (!header) return undefined;
  const view = dataView(header);
  const [length, max] = [view.getUint16(0, true), view.getUint16(2, true)];
  if (length === 0 || length % 2 !== 0 || length > max) return undefined;
  const buffer = scene.pointer(address, scene.pointerSize);
  const bytes = buffer === undefined ? undefined : scene.read(buffer, Math.min(length, MAX_BYTES));
  return bytes && printable(wide(bytes));
}

/** A text that ends with a NUL: 8-bit, 16-bit, or behind a UNICODE_STRING, whichever reads as text. */
export function textAt(scene: StopScene, address: VirtualAddress): string | undefined {
  if (!scene.isKernelAddress(address)) return undefined;
  const counted = unicodeStringAt(scene, address);
  if (counted !== undefined) return counted;
  const bytes = scene.readUpTo(address, MAX_BYTES);
  const isWide = bytes.length >= 4 && bytes[1] === 0 && bytes[3] === 0 && bytes[0] !== 0;
  return printable(untilNul(isWide ? wide(bytes) : narrow(bytes)));
}

/** A pool tag or another name of four characters in a number; undefined when it is not printable. */
export function fourCharacters(value: number): string | undefined {
  // The high bit of the last character marks protected pool.
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0x7f];
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...bytes) : undefined;
}

function wide(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at + 2 <= bytes.length; at += 2)
    text += String.fromCharCode((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
  return text;
}

function narrow(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function untilNul(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** Undefined for what is no text; paths and messages have no control characters. */
function printable(text: string): string | undefined {
  const trimmed = text.trimEnd();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return trimmed.length > 1 && !/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/.test(trimmed) ? trimmed : undefined;
}
