import { FormatError } from "../../bytes/errors.ts";
import { dataView } from "../../bytes/layout.ts";

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads little-endian fields one behind the other; leaving the bytes is a FormatError. For records of variable length. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.#view = dataView(bytes);
    this.at = at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
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
    const end = this.bytes.indexOf(0, this.at);
    const text = UTF8.decode(this.bytes.subarray(this.at, end < 0 ? this.bytes.length : end));
    this.at = end < 0 ? this.bytes.length : end + 1;
    return text;
  }

  /** Moves on to a multiple of 4, at most to the end. */
  align(): void {
    this.at = Math.min(this.bytes.length, (this.at + 3) & ~3);
  }

  #take(length: number): number {
    const at = this.at;
    if (!(length >= 0) || at < 0 || at + length > this.bytes.length) {
      throw new FormatError("format.truncated", "a record of a symbol file ends before its fields", {
        expected: at + length,
        actual: this.bytes.length,
      });
    }
    this.at = at + length;
    return at;
  }
}
