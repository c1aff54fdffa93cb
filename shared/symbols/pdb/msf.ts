import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FormatError } from "../../bytes/errors.ts";
import { at, dataView, rawBytes, struct, u32 } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";

/** First bytes of the container of PDB 7.0. */
const MAGIC = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";
/** First bytes of containers that are not read: PDB 2.0, and portable PDBs of .NET. */
const OLD_MAGIC = "Microsoft C/C++ program database 2.00";
const PORTABLE_MAGIC = "BSJB";

/** Most bytes of the stream directory: 4 for each block of the file; 64 MiB describe 64 GiB of 4 KiB blocks. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** Stream numbers have 16 bits, and 0xFFFF is none. */
const MAX_STREAMS = 0xffff;
/** Size of a stream that is absent. */
const NO_STREAM = 0xffff_ffff;

/** Head of a multi-stream file. https://llvm.org/docs/PDB/MsfFile.html */
const MSF_SUPERBLOCK = struct("MSF_SUPERBLOCK", 0x38, {
  Magic: at(0x00, rawBytes(32)),
  BlockSize: at(0x20, u32),
  FreeBlockMapBlock: at(0x24, u32),
  NumBlocks: at(0x28, u32),
  NumDirectoryBytes: at(0x2c, u32),
  BlockMapAddr: at(0x34, u32),
});

/** Byte streams in blocks that lie anywhere in a file: what a PDB is made of. */
export class Msf {
  readonly #bytes: FetchedBytes;
  readonly #blockSize: number;
  readonly #directory: DataView;
  readonly #sizes: number[] = [];
  /** Where each stream's block numbers begin in the directory. */
  readonly #lists: number[] = [];

  /**
   * Reads head and directory.
   * @throws FormatError `format.bad-signature` when it is no PDB, `format.unsupported` for PDB 2.0 and portable
   *   PDBs, others when head or directory contradict themselves
   * @throws MissingRanges
   */
  constructor(bytes: FetchedBytes) {
    const head = bytes.upTo(0, MSF_SUPERBLOCK.size);
    checkMagic(head);
    const { BlockSize, NumBlocks, NumDirectoryBytes, BlockMapAddr } = MSF_SUPERBLOCK.from(head);
    if (BlockSize < 512 || BlockSize > 65_536 || (BlockSize & (BlockSize - 1)) !== 0) {
      throw new FormatError("format.bad-value", "the block size is none", { offset: 0x20, actual: BlockSize });
    }
    if (NumBlocks * BlockSize > bytes.size + BlockSize - 1) {
      throw new FormatError("format.truncated", "the file ends before its last block", {
        expected: NumBlocks * BlockSize,
        actual: bytes.size,
      });
    }
    if (NumDirectoryBytes > Math.min(bytes.size, MAX_DIRECTORY_BYTES) || NumDirectoryBytes < 4) {
      throw new FormatError("format.bad-value", "the stream directory has no possible size", { offset: 0x2c });
    }
    this.#bytes = bytes;
    this.#blockSize = BlockSize;
    const map = bytes.bytes(BlockMapAddr * BlockSize, Math.ceil(NumDirectoryBytes / BlockSize) * 4);
    this.#directory = dataView(this.#gather(dataView(map), 0, NumDirectoryBytes, 0, NumDirectoryBytes));
    this.#readSizes(NumBlocks);
  }

  /** A stream by number; undefined when there is none or it is empty. */
  stream(number: number): MsfStream | undefined {
    const size = this.#sizes[number] ?? 0;
    const list = this.#lists[number] ?? 0;
    if (size === 0) return undefined;
    return {
      size,
      bytes: (offset, length) => this.#gather(this.#directory, list, size, offset, length),
      places: (offset, length) =>
        this.#places(this.#directory, list, Math.min(offset, size), Math.min(offset + length, size)),
    };
  }

  /**
   * Says that these parts of streams will be needed, so that they come in one round.
   * @throws MissingRanges
   */
  plan(parts: readonly (readonly ByteRange[] | undefined)[]): void {
    this.#bytes.plan(parts.flatMap((ranges) => ranges ?? []));
  }

  #readSizes(blocks: number): void {
    const directory = this.#directory;
    const count = directory.getUint32(0, true);
    if (count > MAX_STREAMS || 4 + count * 4 > directory.byteLength) {
      throw new FormatError("format.bad-value", "the number of streams is none", { actual: count });
    }
    let list = 4 + count * 4;
    for (let index = 0; index < count; index++) {
      const stored = directory.getUint32(4 + index * 4, true);
      const size = stored === NO_STREAM ? 0 : stored;
      this.#sizes.push(size);
      this.#lists.push(list);
      list += Math.ceil(size / this.#blockSize) * 4;
    }
    // Every block belongs to one stream, so all together are no longer than the file.
    const used = (list - 4 - count * 4) / 4;
    if (list > directory.byteLength || used > blocks) {
      throw new FormatError("format.bad-value", "the streams are longer than their file", {
        expected: blocks,
        actual: used,
      });
    }
  }

  /** Bytes of a stream, whose block numbers begin at `list` in `numbers`: without a copy where they lie together. */
  #gather(numbers: DataView, list: number, size: number, offset: number, length: number): Uint8Array {
    const end = offset + length;
    if (!Number.isSafeInteger(offset) || offset < 0 || !(length >= 0) || end > size) {
      throw new FormatError("format.truncated", "a stream of a PDB ends before what is looked for", {
        expected: end,
        actual: size,
      });
    }
    const pieces = this.#places(numbers, list, offset, end);
    if (pieces.length === 1 && pieces[0]) return this.#bytes.bytes(pieces[0].start, length);
    this.#bytes.plan(pieces);
    const out = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      out.set(this.#bytes.bytes(piece.start, piece.end - piece.start), at);
      at += piece.end - piece.start;
    }
    return out;
  }

  /** Where the bytes of a stream lie in the file; neighbours as one. */
  #places(numbers: DataView, list: number, offset: number, end: number): ByteRange[] {
    const pieces: { start: number; end: number }[] = [];
    for (let from = offset; from < end; ) {
      const index = Math.floor(from / this.#blockSize);
      const to = Math.min(end, (index + 1) * this.#blockSize);
      const start = numbers.getUint32(list + index * 4, true) * this.#blockSize + (from - index * this.#blockSize);
      const last = pieces.at(-1);
      if (last?.end === start) last.end += to - from;
      else pieces.push({ start, end: start + (to - from) });
      from = to;
    }
    return pieces;
  }
}

/** One stream of a multi-stream file. */
export interface MsfStream {
  readonly size: number;
  /**
   * Bytes of it.
   * @throws FormatError `format.truncated` beyond its end
   * @throws MissingRanges
   */
  bytes(offset: number, length: number): Uint8Array;
  /** Where bytes of it lie in the file, as far as it has them: for plans. */
  places(offset: number, length: number): ByteRange[];
}

/** Says that all of these bytes of a stream will be needed: they come in one round. @throws MissingRanges */
export function planParts(msf: Msf, stream: MsfStream, offsets: readonly number[], length: number): void {
  msf.plan(offsets.map((offset) => stream.places(offset, length)));
}

/** A part of a stream as a stream; it must lie within. */
export function partOf(stream: MsfStream, start: number, size: number): MsfStream {
  return {
    size,
    bytes: (offset, length) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
        throw new FormatError("format.truncated", "a part of a stream ends before what is looked for", { offset });
      }
      return stream.bytes(start + offset, length);
    },
    places: (offset, length) => stream.places(start + offset, Math.min(length, Math.max(0, size - offset))),
  };
}

function checkMagic(head: Uint8Array): void {
  const text = String.fromCharCode(...head);
  if (text.startsWith(MAGIC)) return;
  if (text.startsWith(OLD_MAGIC)) throw new FormatError("format.unsupported", "PDB 2.0 is not read");
  if (text.startsWith(PORTABLE_MAGIC)) throw new FormatError("format.unsupported", "portable PDBs are not read");
  throw new FormatError("format.bad-signature", "the file is no PDB", { offset: 0 });
}
