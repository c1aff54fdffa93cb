/**
 * Fields of one line of a Breakpad symbol file, read from its bytes: no string is made of what is only a number.
 * https://chromium.googlesource.com/breakpad/breakpad/+/HEAD/docs/symbol_files.md
 */

const SPACE = 0x20;
const RETURN = 0x0d;

/** A cursor over one line; fields are parted by single spaces. */
export class LineReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** @param start first byte, `end` behind the last one; a carriage return at the end is no part of the line */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end > start && bytes[end - 1] === RETURN ? end - 1 : end;
  }

  /** Whether all was read. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Passes a keyword with the space behind it. */
  keyword(text: string): boolean {
    const end = this.#at + text.length;
    if (end >= this.#end || this.#bytes[end] !== SPACE) return false;
    for (let index = 0; index < text.length; index++) {
      if (this.#bytes[this.#at + index] !== text.charCodeAt(index)) return false;
    }
    this.#at = end + 1;
    return true;
  }

  /** An unsigned hexadecimal number; NaN when the field is none or passes 2^53. */
  hex(): number {
    return this.#number(16);
  }

  /** An unsigned decimal number; NaN when the field is none or passes 2^53. */
  decimal(): number {
    return this.#number(10);
  }

  /** The next field as text; empty at the end. */
  word(): string {
    const start = this.#at;
    let end = this.#bytes.indexOf(SPACE, start);
    if (end < 0 || end > this.#end) end = this.#end;
    this.#at = end + 1;
    return decode(this.#bytes.subarray(start, end));
  }

  /** What is left of the line as text: names hold spaces. */
  rest(): string {
    const start = Math.min(this.#at, this.#end);
    this.#at = this.#end;
    return decode(this.#bytes.subarray(start, this.#end));
  }

  #number(radix: 10 | 16): number {
    let value = 0;
    let digits = 0;
    for (; this.#at < this.#end; this.#at++) {
      const byte = this.#bytes[this.#at] as number;
      if (byte === SPACE) break;
      const digit = digitOf(byte);
      if (digit >= radix) return this.#skipField();
      value = value * radix + digit;
      digits += 1;
    }
    this.#at += 1;
    return digits > 0 && value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
  }

  #skipField(): number {
    const end = this.#bytes.indexOf(SPACE, this.#at);
    this.#at = end < 0 || end > this.#end ? this.#end : end + 1;
    return Number.NaN;
  }
}

/** Calls back for each line `[start, end)` of a text, the last one too when no line feed ends it. */
export function forEachLine(bytes: Uint8Array, line: (start: number, end: number) => void): void {
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed < 0 ? bytes.length : feed;
    if (end > start) line(start, end);
    start = end + 1;
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

/** 99 for what is no digit. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 99;
}
