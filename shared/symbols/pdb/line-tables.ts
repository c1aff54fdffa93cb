import { AddressTable } from "../address-table.ts";
import type { WorkBudget } from "../work-budget.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";

/** Kinds of C13 subsections. */
const SUBSECTION = { lines: 0xf2, fileChecksums: 0xf4, inlineeLines: 0xf6 } as const;
/** Set in kinds of subsections that are to be passed. */
const IGNORED = 0x8000_0000;
/** Line numbers that compilers give to code of their own: it counts to the line before it. */
const NO_SOURCE: ReadonlySet<number> = new Set([0xfe_efee, 0xf0_0f00]);
/** The bits of a line record that number its first line. */
const LINE_MASK = 0xff_ffff;
/** Lines of columns follow those of numbers. */
const HAS_COLUMNS = 1;

/** A line, its file as an offset of a checksum record. */
export interface LineRef {
  readonly line: number;
  readonly file: number;
}

/** A piece of code that a line stands for; addresses as linked. */
export interface LineRange extends LineRef {
  readonly start: number;
  readonly end: number;
}

/** C13 line information of a compiland. https://llvm.org/docs/PDB/CodeViewSymbols.html */
export class LineTables {
  readonly #bytes: Uint8Array;
  readonly #budget: WorkBudget;
  readonly #checksums: Uint8Array[] = [];
  readonly #inlinees = new Map<number, LineRef>();
  /** Line subsections by the code that they describe. */
  readonly #tables = new AddressTable();
  /** The subsection that was parsed last: frames of a function come in a row. */
  #parsed: { readonly offset: number; readonly ranges: readonly LineRange[] } | undefined;

  /** @throws FormatError */
  constructor(bytes: Uint8Array, space: AddressSpace, budget: WorkBudget) {
    this.#budget = budget;
    this.#bytes = bytes;
    const cursor = new Cursor(bytes);
    while (cursor.left >= 8) {
      const kind = cursor.u32();
      const offset = cursor.at + 4;
      const data = cursor.take(cursor.u32());
      cursor.align();
      if ((kind & IGNORED) !== 0) continue;
      if (kind === SUBSECTION.lines) this.#addTable(new Cursor(data), offset, data.length, space);
      else if (kind === SUBSECTION.fileChecksums) this.#checksums.push(data);
      else if (kind === SUBSECTION.inlineeLines) this.#addInlinees(new Cursor(data));
    }
    this.#tables.seal();
  }

  /** The line of an address; undefined where there is no source. */
  lineAt(linked: number): LineRef | undefined {
    const table = this.#tables.enclosing(linked);
    if (!table) return undefined;
    if (this.#parsed?.offset !== table.offset) {
      this.#parsed = { offset: table.offset, ranges: this.#ranges(table.start, table.offset, table.length) };
    }
    const range = this.#parsed.ranges.find(({ end }) => linked < end);
    // What lies before the first record belongs to calls that were inlined at the function's first line.
    return range;
  }

  /** All pieces of code with their lines, in the order of their tables' addresses. */
  *ranges(): Generator<LineRange> {
    for (let index = 0; index < this.#tables.count; index++) {
      const { start, offset, length } = this.#tables.at(index);
      yield* this.#ranges(start, offset, length).filter((range) => range.end > range.start);
    }
  }

  /** Where a function begins that is inlined somewhere. */
  inlinee(id: number): LineRef | undefined {
    return this.#inlinees.get(id);
  }

  /** Offset in the string table of the name of a file. */
  fileName(file: number): number | undefined {
    for (const checksums of this.#checksums) {
      if (file >= 0 && file + 4 <= checksums.length) return new Cursor(checksums, file).u32();
    }
    return undefined;
  }

  #addTable(cursor: Cursor, offset: number, length: number, space: AddressSpace): void {
    const start = cursor.u32();
    const linked = space.linked(cursor.u16(), start);
    cursor.skip(2);
    if (linked !== undefined) this.#tables.add(linked, cursor.u32(), offset, length);
  }

  #addInlinees(cursor: Cursor): void {
    const hasMoreFiles = cursor.u32() === 1;
    while (cursor.left >= 12) {
      const id = cursor.u32();
      const file = cursor.u32();
      const line = cursor.u32();
      if (!this.#inlinees.has(id)) this.#inlinees.set(id, { file, line });
      if (hasMoreFiles) cursor.skip(cursor.u32() * 4);
    }
  }

  /** Pieces of one subsection, ascending. */
  #ranges(start: number, offset: number, length: number): LineRange[] {
    this.#budget.spend(length);
    const cursor = new Cursor(this.#bytes.subarray(offset, offset + length), 6);
    const columns = (cursor.u16() & HAS_COLUMNS) !== 0;
    const codeSize = cursor.u32();
    const records: { start: number; line: number; file: number }[] = [];
    while (cursor.left >= 12) {
      const file = cursor.u32();
      const count = cursor.u32();
      cursor.skip(4);
      const lines = new Cursor(cursor.take(count * 8));
      if (columns) cursor.skip(count * 4);
      while (lines.left > 0) {
        const at = lines.u32();
        const line = lines.u32() & LINE_MASK;
        if (at < codeSize && !NO_SOURCE.has(line)) records.push({ start: start + at, line, file });
      }
    }
    records.sort((a, b) => a.start - b.start);
    return records.map((record, index) => ({ ...record, end: records[index + 1]?.start ?? start + codeSize }));
  }
}
