import { FormatError } from "../../bytes/errors.ts";

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads little-endian fields one behind the other; leaving the bytes is a FormatError. For records of variable
 * length, of which a look-up passes thousands: a DataView for each would take most of its time.
 */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly #end: number;
  at: number;

  /** @param end where its record ends, at most the length of the bytes */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#end = Math.min(end, bytes.length);
    this.at = at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.at;
  }

  u8(): number {
    return this.bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.bytes[at] as number) | ((this.bytes[at + 1] as number) << 8);
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  i32(): number {
    const at = this.#take(4);
    const { bytes } = this;
    return (
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    );
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** A view on the next bytes. */
  take(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Text up to a NUL, which is passed, or to the end of the bytes. */
  text(): string {
    const found = this.bytes.indexOf(0, this.at);
    const end = found < 0 || found > this.#end ? this.#end : found;
    const text = UTF8.decode(this.bytes.subarray(this.at, end));
    this.at = Math.min(end + 1, this.#end);
    return text;
  }

  /** Moves on to a multiple of 4, at most to the end. */
  align(): void {
    this.at = Math.min(this.#end, (this.at + 3) & ~3);
  }

  #take(length: number): number {
    const at = this.at;
    if (!(length >= 0) || at < 0 || at + length > this.#end) {
      throw new FormatError("format.truncated", "a record of a symbol file ends before its fields", {
        expected: at + length,
        actual: this.#end,
      });
    }
    this.at = at + length;
    return at;
  }
}
