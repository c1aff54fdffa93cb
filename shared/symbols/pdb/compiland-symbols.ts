import { FormatError } from "../../bytes/errors.ts";
import { AddressTable, type TableRecord } from "../address-table.ts";
import type { WorkBudget } from "../work-budget.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";
import { bytesOf, type Compiland } from "./dbi-modules.ts";
import { findInlineSites, type InlineFrame } from "./inline-sites.ts";
import { LineTables } from "./line-tables.ts";
import type { Msf } from "./msf.ts";
import { forEachSymbol, SYMBOL } from "./symbol-records.ts";

/** A compiland that is longer than this is not read: the largest of browsers stay below 64 MiB. */
const MAX_COMPILAND_BYTES = 256 * 1024 * 1024;
/** CV_SIGNATURE_C13: the only form since Visual C++ 7. */
const C13 = 4;

/** A function of a compiland. Addresses as linked. */
export interface Procedure {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  /** Where its record lies in the compiland's stream. */
  readonly offset: number;
}

/** Functions, lines and inlined calls of one compiland; addresses as linked. */
export class CompilandSymbols {
  readonly #symbols: Uint8Array;
  readonly #procedures = new AddressTable();
  readonly lines: LineTables;
  readonly #budget: WorkBudget;

  /** @throws FormatError, MissingRanges */
  constructor(msf: Msf, compiland: Compiland, space: AddressSpace, budget: WorkBudget) {
    this.#budget = budget;
    const { symbolBytes, c11Bytes } = compiland;
    const size = bytesOf(compiland);
    const stream = msf.stream(compiland.stream);
    if (size > MAX_COMPILAND_BYTES) {
      throw new FormatError("format.limit-exceeded", "a compiland is longer than is read", { actual: size });
    }
    const bytes = stream?.bytes(0, size) ?? new Uint8Array(0);
    budget.spend(bytes.length);
    this.#symbols = bytes.subarray(0, symbolBytes);
    this.lines = new LineTables(bytes.subarray(symbolBytes + c11Bytes), space, budget);
    if (this.#symbols.length >= 4 && new Cursor(this.#symbols).u32() === C13) this.#readProcedures(space);
    this.#procedures.seal();
  }

  /** The function that holds an address. */
  procedureAt(linked: number): Procedure | undefined {
    const record = this.#procedures.enclosing(linked);
    return record && this.#procedure(record);
  }

  /** All functions, by address. */
  *procedures(): Generator<Procedure> {
    for (let index = 0; index < this.#procedures.count; index++) yield this.#procedure(this.#procedures.at(index));
  }

  /** Calls that were inlined at an address of a function, outermost first. */
  inlinesAt(procedure: Procedure, linked: number): InlineFrame[] {
    return findInlineSites(this.#symbols, procedure.offset, linked - procedure.start, this.lines, this.#budget);
  }

  #procedure(record: TableRecord): Procedure {
    const cursor = new Cursor(this.#symbols, record.offset + 2);
    const kind = cursor.u16();
    cursor.skip(kind === SYMBOL.thunk32 ? 21 : 35);
    return { name: cursor.text(), start: record.start, size: record.size, offset: record.offset };
  }

  #readProcedures(space: AddressSpace): void {
    forEachSymbol(this.#symbols, 4, (cursor, kind, offset) => {
      let length: number;
      switch (kind) {
        case SYMBOL.localProcedure:
        case SYMBOL.globalProcedure:
        case SYMBOL.localProcedureId:
        case SYMBOL.globalProcedureId:
          cursor.skip(12);
          length = cursor.u32();
          cursor.skip(12);
          break;
        case SYMBOL.thunk32:
          cursor.skip(12);
          length = new Cursor(cursor.bytes, cursor.at + 6).u16();
          break;
        default:
          return true;
      }
      const start = cursor.u32();
      const linked = space.linked(cursor.u16(), start);
      if (linked !== undefined && length > 0) this.#procedures.add(linked, length, offset, 0);
      return true;
    });
  }
}
