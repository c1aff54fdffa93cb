import { FormatError } from "../../bytes/errors.ts";
import { AddressTable } from "../address-table.ts";
import { LineReader } from "./text-reader.ts";

/** Longest line that is looked at; template names of C++ reach some 100 KiB. */
const MAX_LINE_BYTES = 1024 * 1024;

/** First line of a symbol file. */
export interface BreakpadModule {
  /** `windows`, `Linux`, `mac`, … */
  readonly os: string;
  /** `x86`, `x86_64`, `arm64`, … */
  readonly arch: string;
  /** GUID and age in upper-case hex. */
  readonly debugId: string;
  readonly name: string;
}

/** Where every record of a symbol file lies, by the address or number that it is asked for. */
export interface BreakpadIndex {
  readonly module: BreakpadModule;
  /** FUNC with the LINE and INLINE records that follow it. */
  readonly functions: AddressTable;
  readonly publics: AddressTable;
  /** FILE by number. */
  readonly files: AddressTable;
  /** INLINE_ORIGIN by number. */
  readonly origins: AddressTable;
  /** STACK CFI INIT with the STACK CFI records that follow it. */
  readonly cfi: AddressTable;
  /** STACK WIN 4: frame data with programs. */
  readonly frameData: AddressTable;
  /** STACK WIN of the other types: FPO. */
  readonly fpo: AddressTable;
  /** Lines that follow no rule of the format, or lie beyond 4 GiB of a module. */
  readonly badLines: number;
}

/** Which records the lines that come now belong to. */
type Open = "none" | "function" | "cfi";

/**
 * Builds the index of a symbol file from its text, piece by piece in order: memory grows with the number
 * of records, never with their text.
 */
export class BreakpadIndexer {
  #module: BreakpadModule | undefined;
  #open: Open = "none";
  #openOffset = 0;
  #badLines = 0;
  /** Start of a line that the piece before ended within. */
  #carry = new Uint8Array(0);
  /** Offset of the next byte of the file. */
  #offset = 0;
  /** Within a line that is longer than any of the format. */
  #skipping = false;
  readonly #tables = {
    functions: new AddressTable(),
    publics: new AddressTable(),
    files: new AddressTable(),
    origins: new AddressTable(),
    cfi: new AddressTable(),
    frameData: new AddressTable(),
    fpo: new AddressTable(),
  };

  /**
   * Takes the next piece of the file.
   * @throws FormatError `format.bad-signature` when the file does not begin with a MODULE record,
   *   `format.limit-exceeded` when it has more records than are kept
   */
  push(piece: Uint8Array): void {
    let start = 0;
    if (this.#carry.length > 0 || this.#skipping) {
      const feed = piece.indexOf(0x0a);
      if (feed < 0) {
        this.#keep(piece);
        return;
      }
      const head = piece.subarray(0, feed);
      const line = concat(this.#carry, head);
      if (!this.#skipping) this.#line(line, 0, line.length, this.#offset - this.#carry.length);
      this.#carry = new Uint8Array(0);
      this.#skipping = false;
      start = feed + 1;
    }
    while (start < piece.length) {
      const feed = piece.indexOf(0x0a, start);
      if (feed < 0) break;
      if (feed > start) this.#line(piece, start, feed, this.#offset + start);
      start = feed + 1;
    }
    const end = this.#offset + piece.length;
    const tail = piece.subarray(start);
    this.#offset = end - tail.length;
    this.#keep(tail);
  }

  /**
   * The index, when all pieces were given.
   * @throws FormatError `format.bad-signature` for an empty file
   */
  finish(): BreakpadIndex {
    if (this.#carry.length > 0) this.#line(this.#carry, 0, this.#carry.length, this.#offset - this.#carry.length);
    this.#close(this.#offset);
    if (!this.#module) throw badStart();
    for (const table of Object.values(this.#tables)) table.seal();
    return { module: this.#module, ...this.#tables, badLines: this.#badLines };
  }

  /** Keeps the start of a line for the next piece. */
  #keep(tail: Uint8Array): void {
    this.#offset += tail.length;
    if (this.#skipping || tail.length === 0) return;
    if (this.#carry.length + tail.length > MAX_LINE_BYTES) {
      if (!this.#module) throw badStart();
      this.#badLines += 1;
      this.#carry = new Uint8Array(0);
      this.#skipping = true;
    } else {
      this.#carry = concat(this.#carry, tail);
    }
  }

  #line(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const line = new LineReader(bytes, start, end);
    if (!this.#module) {
      this.#module = readModule(line);
      return;
    }
    switch (bytes[start]) {
      case 0x46: // F
        if (line.keyword("FUNC")) this.#function(line, offset);
        else if (line.keyword("FILE")) this.#numbered(this.#tables.files, line, offset, end - start);
        else this.#lineOfFunction(bytes, start);
        return;
      case 0x50: // P
        this.#public(line, offset, end - start);
        return;
      case 0x49: // I
        if (line.keyword("INLINE_ORIGIN")) this.#numbered(this.#tables.origins, line, offset, end - start);
        else if (!line.keyword("INLINE")) this.#close(offset);
        return;
      case 0x53: // S
        this.#stack(line, offset, end - start);
        return;
      case 0x4d: // M
        this.#close(offset);
        return;
      default:
        this.#lineOfFunction(bytes, start);
    }
  }

  /** Line records stay in the file with their function; only that it is one is checked here. */
  #lineOfFunction(bytes: Uint8Array, start: number): void {
    const byte = (bytes[start] as number) | 0x20;
    const digit = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
    if (!digit || this.#open !== "function") this.#badLines += 1;
  }

  #function(line: LineReader, offset: number): void {
    this.#close(offset);
    line.keyword("m");
    const start = line.hex();
    const size = line.hex();
    if (!(start <= 0xffff_ffff) || !(size >= 0)) {
      this.#badLines += 1;
      return;
    }
    this.#tables.functions.add(start, size, offset, 0);
    this.#begin("function", offset);
  }

  #public(line: LineReader, offset: number, length: number): void {
    this.#close(offset);
    if (!line.keyword("PUBLIC")) {
      this.#badLines += 1;
      return;
    }
    line.keyword("m");
    const start = line.hex();
    if (start <= 0xffff_ffff) this.#tables.publics.add(start, 0, offset, length);
    else this.#badLines += 1;
  }

  #numbered(table: AddressTable, line: LineReader, offset: number, length: number): void {
    this.#close(offset);
    const id = line.decimal();
    if (id <= 0xffff_ffff) table.add(id, 0, offset, length);
    else this.#badLines += 1;
  }

  #stack(line: LineReader, offset: number, length: number): void {
    line.keyword("STACK");
    if (line.keyword("CFI")) {
      if (!line.keyword("INIT")) {
        if (this.#open !== "cfi") this.#badLines += 1;
        return;
      }
      this.#close(offset);
      const start = line.hex();
      const size = line.hex();
      if (start <= 0xffff_ffff && size >= 0) {
        this.#tables.cfi.add(start, size, offset, 0);
        this.#begin("cfi", offset);
      } else {
        this.#badLines += 1;
      }
      return;
    }
    this.#close(offset);
    if (!line.keyword("WIN")) {
      this.#badLines += 1;
      return;
    }
    const type = line.hex();
    const start = line.hex();
    const size = line.hex();
    if (!(start <= 0xffff_ffff) || !(size >= 0)) this.#badLines += 1;
    else if (type === 4) this.#tables.frameData.add(start, size, offset, length);
    else this.#tables.fpo.add(start, size, offset, length);
  }

  #begin(open: Open, offset: number): void {
    this.#open = open;
    this.#openOffset = offset;
  }

  /** Ends the record that spans several lines. */
  #close(offset: number): void {
    if (this.#open === "function") this.#tables.functions.extendLast(offset - this.#openOffset);
    if (this.#open === "cfi") this.#tables.cfi.extendLast(offset - this.#openOffset);
    this.#open = "none";
  }
}

function readModule(line: LineReader): BreakpadModule {
  if (!line.keyword("MODULE")) throw badStart();
  const [os, arch, debugId, name] = [line.word(), line.word(), line.word().toUpperCase(), line.rest()];
  if (!/^[0-9A-F]{1,64}$/.test(debugId)) throw new FormatError("format.bad-value", "MODULE has no debug id");
  return { os, arch, debugId, name };
}

function badStart(): FormatError {
  return new FormatError("format.bad-signature", "the file does not begin with a MODULE record", { offset: 0 });
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  return out;
}
