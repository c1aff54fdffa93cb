import { FormatError } from "../../bytes/errors.ts";
import { AddressTable } from "../address-table.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";
import type { DbiParts } from "./pdb.ts";

/** Bytes of a module info before its names. */
const MODULE_INFO_BYTES = 64;
/** Entries of the two versions of the contribution list. */
const CONTRIBUTIONS_V60 = 0xeffe_0000 + 19_970_605;
const CONTRIBUTIONS_V2 = 0xeffe_0000 + 20_140_516;

/** A compiland: an object file that was linked in. */
export interface Compiland {
  /** Stream of its symbols and lines; 0xFFFF when it has none. */
  readonly stream: number;
  readonly symbolBytes: number;
  readonly c11Bytes: number;
  readonly c13Bytes: number;
}

/** All compilands in the order of their numbers. @throws FormatError */
export function readCompilands(dbi: DbiParts): Compiland[] {
  const cursor = new Cursor(dbi.modules());
  const out: Compiland[] = [];
  while (cursor.left >= MODULE_INFO_BYTES) {
    cursor.skip(34);
    const stream = cursor.u16();
    const symbolBytes = cursor.u32();
    const c11Bytes = cursor.u32();
    const c13Bytes = cursor.u32();
    cursor.skip(16);
    cursor.text();
    cursor.text();
    cursor.align();
    out.push({ stream, symbolBytes, c11Bytes, c13Bytes });
  }
  return out;
}

/** Which compiland each piece of the image comes from: `offset` of a record is its number. @throws FormatError */
export function readContributions(dbi: DbiParts, space: AddressSpace): AddressTable {
  const cursor = new Cursor(dbi.contributions());
  const table = new AddressTable();
  if (cursor.left >= 4) {
    const version = cursor.u32();
    if (version !== CONTRIBUTIONS_V60 && version !== CONTRIBUTIONS_V2) {
      throw new FormatError("format.unsupported", "the list of contributions has an unknown form", { actual: version });
    }
    const size = version === CONTRIBUTIONS_V2 ? 32 : 28;
    for (; cursor.left >= size; ) {
      const end = cursor.at + size;
      const section = cursor.u16();
      cursor.skip(2);
      const offset = cursor.i32();
      const length = cursor.i32();
      cursor.skip(4);
      const compiland = cursor.u16();
      const start = offset >= 0 && length > 0 ? space.linked(section, offset) : undefined;
      if (start !== undefined) table.add(start, length, compiland, 0);
      cursor.at = end;
    }
  }
  table.seal();
  return table;
}
