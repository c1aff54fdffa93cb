/**
 * Builds small PDBs from numbers alone: it shares no layout with the reader. Streams lie in blocks that run
 * backwards through the file, so that nothing of more than one block lies together.
 */

/** Bytes of a block. */
const BLOCK = 512;

/** Little-endian numbers and texts in a row. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  u8(...values: number[]): this {
    for (const value of values) this.#bytes.push(value & 0xff);
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) this.u8(value, value >>> 8);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.u8(value, value >>> 8, value >>> 16, value >>> 24);
    return this;
  }

  text(value: string): this {
    return this.u8(...new TextEncoder().encode(value), 0);
  }

  raw(bytes: Uint8Array): this {
    return this.u8(...bytes);
  }

  /** Zeros up to a multiple of 4, or to a length. */
  pad(length = Math.ceil(this.#bytes.length / 4) * 4): this {
    while (this.#bytes.length < length) this.#bytes.push(0);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A record with its length in front. */
export function record(kind: number, body: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  body(writer);
  writer.pad(Math.ceil((writer.length + 4) / 4) * 4 - 4);
  return new ByteWriter()
    .u16(writer.length + 2, kind)
    .raw(writer.done())
    .done();
}

/** The container. A stream that is undefined is absent. */
export function buildMsf(streams: readonly (Uint8Array | undefined)[]): Uint8Array {
  const counts = streams.map((stream) => Math.ceil((stream?.length ?? 0) / BLOCK));
  const directoryBytes = 4 + streams.length * 4 + counts.reduce((sum, count) => sum + count, 0) * 4;
  const directoryBlocks = Math.ceil(directoryBytes / BLOCK);
  const total = 4 + directoryBlocks + counts.reduce((sum, count) => sum + count, 0);
  const file = new Uint8Array(total * BLOCK);
  let next = total - 1;
  const place = (bytes: Uint8Array): number[] => {
    const blocks: number[] = [];
    for (let at = 0; at < bytes.length; at += BLOCK) {
      file.set(bytes.subarray(at, at + BLOCK), next * BLOCK);
      blocks.push(next--);
    }
    return blocks;
  };
  const directory = new ByteWriter().u32(streams.length);
  for (const stream of streams) directory.u32(stream ? stream.length : 0xffff_ffff);
  for (const stream of streams) directory.u32(...place(stream ?? new Uint8Array(0)));
  const map = new ByteWriter().u32(...place(directory.done())).done();
  file.set(map, 3 * BLOCK);
  const head = new ByteWriter();
  for (const char of "Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0") head.u8(char.charCodeAt(0));
  file.set(head.u32(BLOCK, 1, total, directoryBytes, 0, 3).done(), 0);
  return file;
}

/** What a synthetic PDB holds. */
export interface SynthPdb {
  readonly guid: Uint8Array;
  readonly age: number;
  readonly machine: number;
  /** Start and size of sections as linked; all executable. */
  readonly sections: readonly (readonly [start: number, size: number])[];
  /** Name, section from 1, offset. */
  readonly publics: readonly (readonly [name: string, section: number, offset: number])[];
  /** Writes the public stream with its map of addresses, which searches of large files need. */
  readonly addressMap?: true;
  /** Pairs from the image as it is to the image as linked, and back. */
  readonly omap?: { readonly toSource: readonly number[]; readonly fromSource: readonly number[] };
  /** FPO_DATA records. */
  readonly fpo?: Uint8Array;
  /** FRAMEDATA records; `frameFunc` counts into `names`. */
  readonly frameData?: Uint8Array;
  /** Strings of /names. */
  readonly names?: readonly string[];
  /** Type records from index 0x1000 on. */
  readonly types?: readonly Uint8Array[];
}

/** The bytes of a PDB. */
export function buildPdb(pdb: SynthPdb): Uint8Array {
  const info = new ByteWriter().u32(20_000_404, 0x1234_5678, pdb.age + 3).raw(pdb.guid);
  info.u32(7).text("/names").u32(1, 1, 1, 1, 0, 0, 13).u32(0);
  const names = new ByteWriter().u8(0);
  for (const name of pdb.names ?? []) names.text(name);
  const records = new ByteWriter();
  const places: [section: number, offset: number, place: number][] = [];
  for (const [name, section, offset] of pdb.publics) {
    places.push([section, offset, records.length]);
    records.raw(record(0x110e, (writer) => writer.u32(2, offset).u16(section).text(name)));
  }
  const original = pdb.omap ? pdb.sections : undefined;
  const debug = new ByteWriter().u16(
    pdb.fpo ? 11 : 0xffff,
    0xffff,
    0xffff,
    pdb.omap ? 8 : 0xffff,
    pdb.omap ? 9 : 0xffff,
    5,
    0xffff,
    0xffff,
    0xffff,
    pdb.frameData ? 12 : 0xffff,
    original ? 10 : 0xffff,
  );
  const dbi = new ByteWriter()
    .u32(0xffff_ffff, 19_990_903, pdb.age)
    .u16(0xffff, 0, pdb.addressMap ? 14 : 0xffff, 0, 6, 0);
  dbi.u32(0, 4, 0, 0, 0, 0, debug.length, 0).u16(0, pdb.machine).u32(0);
  dbi.u32(0xeffe_0000 + 19_970_605).raw(debug.done());
  const omap = (pairs: readonly number[] | undefined): Uint8Array | undefined =>
    pairs && new ByteWriter().u32(...pairs).done();
  return buildMsf([
    new Uint8Array(0),
    info.done(),
    typeStream(pdb.types ?? []),
    dbi.done(),
    typeStream([]),
    sectionHeaders(pdb.omap ? [[0x1000, 0x10_0000]] : pdb.sections),
    records.done(),
    undefined,
    omap(pdb.omap?.toSource),
    omap(pdb.omap?.fromSource),
    original && sectionHeaders(original),
    pdb.fpo,
    pdb.frameData,
    new ByteWriter().u32(0xeffe_effe, 1, names.length).raw(names.done()).u32(0).done(),
    pdb.addressMap && publicStream(places),
  ]);
}

/** The public stream: no hash table, and the records' places in the order of their addresses. */
function publicStream(places: readonly (readonly [number, number, number])[]): Uint8Array {
  const writer = new ByteWriter().u32(0, places.length * 4, 0, 0, 0, 0, 0);
  const sorted = [...places].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const [, , place] of sorted) writer.u32(place);
  return writer.done();
}

function sectionHeaders(sections: SynthPdb["sections"]): Uint8Array {
  const writer = new ByteWriter();
  for (const [start, size] of sections) {
    writer.u32(0, 0, size, start, size, 0x400, 0, 0).u16(0, 0).u32(0x6000_0020);
  }
  return writer.done();
}

function typeStream(types: readonly Uint8Array[]): Uint8Array {
  const length = types.reduce((sum, type) => sum + type.length, 0);
  const writer = new ByteWriter().u32(20_040_203, 56, 0x1000, 0x1000 + types.length, length).pad(56);
  for (const type of types) writer.raw(type);
  return writer.done();
}
