import { FormatError } from "../../bytes/errors.ts";
import { Cursor } from "./cursor.ts";
import type { MsfStream } from "./msf.ts";

/** Longest type stream that is read; Windows' own kernels have 2 to 4 MiB. */
const MAX_STREAM_BYTES = 256 * 1024 * 1024;
/** First index of a record: lower ones are built-in types. */
const FIRST_INDEX = 0x1000;

/** Kinds of type records. https://llvm.org/docs/PDB/TpiStream.html */
export const LEAF = {
  vfuncTable: 0x1409,
  fieldList: 0x1203,
  bitField: 0x1205,
  baseClass: 0x1400,
  virtualBase: 0x1401,
  indirectVirtualBase: 0x1402,
  index: 0x1404,
  enumerate: 0x1502,
  class: 0x1504,
  structure: 0x1505,
  union: 0x1506,
  member: 0x150d,
  staticMember: 0x150e,
  method: 0x150f,
  nestedType: 0x1510,
  oneMethod: 0x1511,
  functionId: 0x1601,
  memberFunctionId: 0x1602,
  stringId: 0x1605,
  class2: 0x1608,
  structure2: 0x1609,
} as const;

/** Records of a type or id stream by their indices. */
export class TypeRecords {
  readonly #bytes: Uint8Array;
  readonly #first: number;
  readonly #offsets: Uint32Array;

  /**
   * Reads a whole stream.
   * @throws FormatError, MissingRanges
   */
  constructor(stream: MsfStream | undefined) {
    if (!stream) {
      [this.#bytes, this.#first, this.#offsets] = [new Uint8Array(0), FIRST_INDEX, new Uint32Array(0)];
      return;
    }
    if (stream.size > MAX_STREAM_BYTES) {
      throw new FormatError("format.limit-exceeded", "a type stream is longer than is read", { actual: stream.size });
    }
    const head = new Cursor(stream.bytes(0, 20), 4);
    const headerSize = head.u32();
    this.#first = head.u32();
    const count = head.u32() - this.#first;
    const length = head.u32();
    if (headerSize < 20 || headerSize + length > stream.size || count < 0 || count > length / 4) {
      throw new FormatError("format.bad-value", "the head of a type stream contradicts itself");
    }
    this.#bytes = stream.bytes(headerSize, length);
    this.#offsets = new Uint32Array(count);
    const cursor = new Cursor(this.#bytes);
    for (let index = 0; index < count; index++) {
      this.#offsets[index] = cursor.at;
      cursor.skip(cursor.u16());
    }
  }

  /** Indices that have records: from this one up to, without, the other. */
  get range(): readonly [number, number] {
    return [this.#first, this.#first + this.#offsets.length];
  }

  /** A record's kind and a cursor behind it, bounded by the record. */
  record(index: number): { readonly leaf: number; readonly data: Cursor } | undefined {
    const offset = this.#offsets[index - this.#first];
    if (offset === undefined) return undefined;
    const head = new Cursor(this.#bytes, offset);
    const length = head.u16();
    if (length < 2) return undefined;
    const data = new Cursor(head.take(length));
    return { leaf: data.u16(), data };
  }
}

/** A number that stands in a record: itself when small, else behind the kind of its form. */
export function readNumeric(data: Cursor): number {
  const first = data.u16();
  if (first < 0x8000) return first;
  switch (first) {
    case 0x8000:
      return (data.u8() << 24) >> 24;
    case 0x8001:
      return (data.u16() << 16) >> 16;
    case 0x8002:
      return data.u16();
    case 0x8003:
      return data.i32();
    case 0x8004:
      return data.u32();
    case 0x8009:
    case 0x800a:
      return data.u32() + data.u32() * 2 ** 32;
    default:
      throw new FormatError("format.unsupported", "a number in a type record has an unknown form", { actual: first });
  }
}
