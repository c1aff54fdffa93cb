/**
 * Writes little-endian bytes with forward references. Nothing here or in its neighbours imports from
 * `shared/`: synthetic dumps must not share a mistake with the layouts that read them.
 */

/** A place that is named before it is known. */
export class Label {
  /** Set by {@link ByteWriter.mark}. */
  offset: number | undefined;
}

type Fixup = { readonly at: number; readonly bytes: 4 | 8; readonly value: () => number };

/** A growing buffer; every method gives the writer back. */
export class ByteWriter {
  #buffer = new Uint8Array(4096);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;
  readonly #fixups: Fixup[] = [];

  /** Bytes written so far: the offset of what comes next. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value & 0xff);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value & 0xffff, true);
    return this;
  }

  u32(value: number | bigint): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, Number(BigInt.asUintN(32, BigInt(value))), true);
    return this;
  }

  u64(value: number | bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }

  /** A pointer of 4 or 8 bytes. */
  pointer(value: number | bigint, size: 4 | 8): this {
    return size === 8 ? this.u64(value) : this.u32(value);
  }

  bytes(bytes: Uint8Array | readonly number[]): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  zeros(count: number): this {
    this.#grow(count);
    return this;
  }

  /** One character a byte, without an end mark; padded with zeros to `length` when given. */
  ascii(text: string, length = text.length): this {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < Math.min(length, text.length); i++) bytes[i] = text.charCodeAt(i) & 0xff;
    return this.bytes(bytes);
  }

  /** UTF-16LE without an end mark; padded with zeros to `units` code units when given. */
  utf16(text: string, units = text.length): this {
    for (let i = 0; i < units; i++) this.u16(i < text.length ? text.charCodeAt(i) : 0);
    return this;
  }

  /** Zeros up to an absolute offset. */
  to(offset: number): this {
    if (offset < this.#length) throw new RangeError(`already at ${this.#length}, cannot go to ${offset}`);
    return this.zeros(offset - this.#length);
  }

  align(boundary: number): this {
    return this.zeros((boundary - (this.#length % boundary)) % boundary);
  }

  /** The `PAGE` pattern that kernel dump headers are filled with, up to an absolute offset. */
  pageFillTo(offset: number): this {
    while (this.#length < offset) this.u8("PAGE".charCodeAt(this.#length % 4));
    return this;
  }

  /** Names the current offset. */
  mark(label: Label): this {
    label.offset = this.#length;
    return this;
  }

  /** Offset of a label, 4 bytes. */
  ref32(label: Label, delta = 0): this {
    return this.#fixup(4, () => offsetOf(label) + delta);
  }

  /** Offset of a label, 8 bytes. */
  ref64(label: Label, delta = 0): this {
    return this.#fixup(8, () => offsetOf(label) + delta);
  }

  /** Distance between two labels, 4 bytes. */
  size32(start: Label, end: Label): this {
    return this.#fixup(4, () => offsetOf(end) - offsetOf(start));
  }

  /** Overwrites four bytes written earlier. */
  patch32(offset: number, value: number | bigint): this {
    this.#view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
    return this;
  }

  /** Overwrites bytes written earlier. */
  patch(offset: number, bytes: Uint8Array): this {
    if (offset + bytes.length > this.#length) throw new RangeError("a patch must lie in what is written");
    this.#buffer.set(bytes, offset);
    return this;
  }

  /** Resolves all references. */
  finish(): Uint8Array {
    for (const { at, bytes, value } of this.#fixups) {
      if (bytes === 4) this.#view.setUint32(at, value(), true);
      else this.#view.setBigUint64(at, BigInt(value()), true);
    }
    return this.#buffer.slice(0, this.#length);
  }

  #fixup(bytes: 4 | 8, value: () => number): this {
    this.#fixups.push({ at: this.#grow(bytes), bytes, value });
    return this;
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const bigger = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      bigger.set(this.#buffer);
      this.#buffer = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    return at;
  }
}

function offsetOf(label: Label): number {
  if (label.offset === undefined) throw new RangeError("a label was referred to and never marked");
  return label.offset;
}

/** Bytes from hex, spaces allowed. */
export function hexBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replace(/\s/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
