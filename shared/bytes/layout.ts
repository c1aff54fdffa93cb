import { FormatError } from "./errors.ts";

/**
 * Declared record layouts: a record is a table of named fields at pinned offsets, its
 * TypeScript type is inferred, and a wrong size or an overlap throws when the module loads.
 * All values are little-endian. For bulk arrays (bitmaps, runs) write a loop instead:
 * a declared record costs about 0.1 µs.
 */

/** A kind of field: how many bytes it takes and how its value is read from them. */
export interface FieldType<T> {
  readonly size: number;
  read(view: DataView, offset: number): T;
}

/** A field type at its place in a record. */
export interface Field<T> {
  readonly offset: number;
  readonly type: FieldType<T>;
}

/** Unsigned and signed integers of 1, 2 and 4 bytes. */
export const u8: FieldType<number> = { size: 1, read: (view, offset) => view.getUint8(offset) };
export const u16: FieldType<number> = { size: 2, read: (view, offset) => view.getUint16(offset, true) };
export const u32: FieldType<number> = { size: 4, read: (view, offset) => view.getUint32(offset, true) };
export const i32: FieldType<number> = { size: 4, read: (view, offset) => view.getInt32(offset, true) };
/** Any 64-bit value, exact. */
export const u64: FieldType<bigint> = { size: 8, read: (view, offset) => view.getBigUint64(offset, true) };
/**
 * A 64-bit file offset, size or count as a number. Values beyond 2^53-1 cannot be one and
 * become `Infinity`, which every bounds check refuses.
 */
export const u64AsNumber: FieldType<number> = {
  size: 8,
  read: (view, offset) => {
    const value = view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
    return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
  },
};

/** `length` raw bytes, a view on the source. */
export function rawBytes(length: number): FieldType<Uint8Array> {
  return {
    size: length,
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length),
  };
}

/** `count` equal elements in a row. */
export function arrayOf<T>(type: FieldType<T>, count: number): FieldType<T[]> {
  return {
    size: type.size * count,
    read: (view, offset) => Array.from({ length: count }, (_, i) => type.read(view, offset + i * type.size)),
  };
}

/** Places a field type at a byte offset of a record. */
export function at<T>(offset: number, type: FieldType<T>): Field<T> {
  return { offset, type };
}

/** The value type of a layout, as its fields declare it. */
export type RecordOf<L> = L extends StructLayout<infer R> ? R : never;

/** A record layout; it is a field type too, so records nest. */
export interface StructLayout<R> extends FieldType<R> {
  readonly name: string;
  /**
   * Reads a record that starts at the first byte of `bytes`.
   * @throws FormatError `format.truncated` when fewer than `size` bytes are given.
   */
  from(bytes: Uint8Array): R;
  /** Byte offset of a field in the record. */
  offsetOf(field: keyof R): number;
}

/**
 * Declares a record. `size` is pinned; fields must lie inside, ascend and not overlap.
 * @param name Microsoft's own name of the structure
 */
export function struct<F extends Record<string, Field<unknown>>>(
  name: string,
  size: number,
  fields: F,
): StructLayout<{ readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }> {
  type R = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };
  const entries = Object.entries(fields);
  let end = 0;
  for (const [field, { offset, type }] of entries) {
    if (offset < end || offset + type.size > size) {
      throw new TypeError(`${name}.${field} at ${offset} overlaps its neighbour or leaves the ${size} bytes`);
    }
    end = offset + type.size;
  }
  const read = (view: DataView, base: number): R => {
    const record: Record<string, unknown> = {};
    for (const [field, { offset, type }] of entries) record[field] = type.read(view, base + offset);
    return record as R;
  };
  return {
    name,
    size,
    read,
    from: (bytes) => {
      if (bytes.length < size) {
        throw new FormatError("format.truncated", `${name} needs ${size} bytes, ${bytes.length} are there`, {
          expected: size,
          actual: bytes.length,
        });
      }
      return read(dataView(bytes), 0);
    },
    offsetOf: (field) => (fields[field as string] as Field<unknown>).offset,
  };
}

/** A DataView over exactly these bytes. */
export function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
