import { FormatError } from "../../bytes/errors.ts";
import { at, dataView, i32, struct, u16, u32 } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { Cursor } from "./cursor.ts";
import type { Msf, MsfStream } from "./msf.ts";

/** Longest type stream that is read; Windows' own kernels have 2 to 4 MiB. */
const MAX_STREAM_BYTES = 256 * 1024 * 1024;
/** Streams up to this size are read whole. */
const WHOLE_READ_LIMIT = 256 * 1024;
/** Marks up to this size come with the first round of a PDB: those of 64 MiB of records. */
const EARLY_MARK_BYTES = 64 * 1024;
/** Marks come every 8 KiB of records, the longest of which have 64 KiB. */
const MAX_BETWEEN_MARKS = 256 * 1024;
const MAX_MARK_BYTES = 16 * 1024 * 1024;
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

/** Head of a type or id stream. https://llvm.org/docs/PDB/TpiStream.html */
const TPI_HEADER = struct("TpiStreamHeader", 56, {
  Version: at(0, u32),
  HeaderSize: at(4, u32),
  TypeIndexBegin: at(8, u32),
  TypeIndexEnd: at(12, u32),
  TypeRecordBytes: at(16, u32),
  HashStreamIndex: at(20, u16),
  IndexOffsetBufferOffset: at(40, i32),
  IndexOffsetBufferLength: at(44, u32),
});

/** A record's kind and a cursor behind it, bounded by the record. */
export interface TypeRecord {
  readonly leaf: number;
  readonly data: Cursor;
}

/**
 * Records of a type or id stream by their indices. The hash stream beside it says where every 8 KiB of records
 * begin, so a few names of a PDB with a gigabyte of types cost a few blocks. Small streams are read whole.
 */
export class TypeRecords {
  readonly #stream: MsfStream | undefined;
  readonly #first: number = FIRST_INDEX;
  readonly #end: number = FIRST_INDEX;
  /** Where the records begin in the stream, and their bytes. */
  readonly #start: number = 0;
  readonly #length: number = 0;
  /** Index and offset of some records, ascending; undefined: all are in `#offsets`. */
  readonly #marks: DataView | undefined;
  readonly #offsets: Uint32Array = new Uint32Array(0);

  /**
   * @param wholeLimit bytes of records up to which a stream is read whole
   * @throws FormatError, MissingRanges
   */
  constructor(msf: Msf, number: number, wholeLimit = WHOLE_READ_LIMIT) {
    const stream = msf.stream(number);
    if (!stream) return;
    const head = TPI_HEADER.from(stream.bytes(0, Math.min(TPI_HEADER.size, stream.size)));
    const count = head.TypeIndexEnd - head.TypeIndexBegin;
    const length = head.TypeRecordBytes;
    if (
      head.HeaderSize < TPI_HEADER.size ||
      head.HeaderSize + length > stream.size ||
      count < 0 ||
      count > length / 4
    ) {
      throw new FormatError("format.bad-value", "the head of a type stream contradicts itself");
    }
    this.#stream = stream;
    this.#first = head.TypeIndexBegin;
    this.#end = head.TypeIndexEnd;
    this.#start = head.HeaderSize;
    this.#length = length;
    if (length > wholeLimit) {
      const { IndexOffsetBufferOffset: at, IndexOffsetBufferLength: size } = head;
      this.#marks = readMarks(msf.stream(head.HashStreamIndex), at, size);
    }
    if (!this.#marks) this.#offsets = this.#allOffsets(count);
  }

  /** Indices that have records: from this one up to, without, the other. */
  get range(): readonly [number, number] {
    return [this.#first, this.#end];
  }

  /** A record by its index. @throws FormatError, MissingRanges */
  record(index: number): TypeRecord | undefined {
    if (!this.#stream || index < this.#first || index >= this.#end) return undefined;
    const offset = this.#marks ? this.#search(this.#marks, index) : this.#offsets[index - this.#first];
    if (offset === undefined) return undefined;
    const length = new Cursor(this.#bytes(offset, 2)).u16();
    if (length < 2) return undefined;
    const data = new Cursor(this.#bytes(offset + 2, length));
    return { leaf: data.u16(), data };
  }

  /** Where a record lies, with those before it that must be passed: for plans. */
  places(index: number): ByteRange[] {
    if (!this.#stream || !this.#marks || index < this.#first || index >= this.#end) return [];
    const mark = markBefore(this.#marks, index);
    if (mark === undefined) return [];
    const [from, to] = this.#between(this.#marks, mark);
    return from <= to && to <= this.#length ? this.#stream.places(this.#start + from, to - from) : [];
  }

  /** All records in order, with their indices. @throws FormatError, MissingRanges */
  *all(): Generator<TypeRecord & { readonly index: number }> {
    if (!this.#stream) return;
    const cursor = new Cursor(this.#whole());
    for (let index = this.#first; index < this.#end; index++) {
      const end = cursor.u16() + cursor.at;
      if (end - cursor.at >= 2) {
        const data = new Cursor(cursor.bytes, cursor.at, end);
        yield { index, leaf: data.u16(), data };
      }
      cursor.skip(end - cursor.at);
    }
  }

  #bytes(offset: number, length: number): Uint8Array {
    if (!this.#stream || offset + length > this.#length) {
      throw new FormatError("format.truncated", "a type record leaves its stream", { offset });
    }
    return this.#stream.bytes(this.#start + offset, length);
  }

  #whole(): Uint8Array {
    if (this.#length > MAX_STREAM_BYTES) {
      throw new FormatError("format.limit-exceeded", "a type stream is longer than is read", { actual: this.#length });
    }
    return this.#bytes(0, this.#length);
  }

  #allOffsets(count: number): Uint32Array {
    const offsets = new Uint32Array(count);
    const cursor = new Cursor(this.#whole());
    for (let index = 0; index < count; index++) {
      offsets[index] = cursor.at;
      cursor.skip(cursor.u16());
    }
    return offsets;
  }

  /** Offset of a record: from the mark before it on, record by record. */
  #search(marks: DataView, index: number): number | undefined {
    const mark = markBefore(marks, index);
    if (mark === undefined) return undefined;
    const [from, to] = this.#between(marks, mark);
    const cursor = new Cursor(this.#bytes(from, Math.max(0, to - from)));
    for (let at = marks.getUint32(mark * 8, true); at < index; at++) cursor.skip(cursor.u16());
    return from + cursor.at;
  }

  /** The bytes of records from a mark to the next one; broken marks may give none. */
  #between(marks: DataView, mark: number): readonly [number, number] {
    const from = marks.getUint32(mark * 8 + 4, true);
    const next = (mark + 1) * 8;
    const to = next < marks.byteLength ? marks.getUint32(next + 4, true) : this.#length;
    return [from, Math.min(to, from + MAX_BETWEEN_MARKS)];
  }
}

/** Number of the last mark that is not behind a record. */
function markBefore(marks: DataView, index: number): number | undefined {
  let low = 0;
  let high = marks.byteLength / 8;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (marks.getUint32(mid * 8, true) <= index) low = mid + 1;
    else high = mid;
  }
  return low === 0 ? undefined : low - 1;
}

/** Where the marks of a type or id stream lie, when it has few: to be fetched before they are needed. */
export function markPlaces(msf: Msf, number: number): ByteRange[] {
  const stream = msf.stream(number);
  if (!stream || stream.size < TPI_HEADER.size) return [];
  const head = TPI_HEADER.from(stream.bytes(0, TPI_HEADER.size));
  const few = head.TypeRecordBytes > WHOLE_READ_LIMIT && head.IndexOffsetBufferLength <= EARLY_MARK_BYTES;
  if (!few || head.IndexOffsetBufferOffset < 0) return [];
  return msf.stream(head.HashStreamIndex)?.places(head.IndexOffsetBufferOffset, head.IndexOffsetBufferLength) ?? [];
}

function readMarks(hash: MsfStream | undefined, offset: number, size: number): DataView | undefined {
  if (!hash || size === 0 || size > MAX_MARK_BYTES || offset < 0 || offset + size > hash.size) return undefined;
  return dataView(hash.bytes(offset, size - (size % 8)));
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
