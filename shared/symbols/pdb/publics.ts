import { dataView } from "../../bytes/layout.ts";
import { AddressTable } from "../address-table.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";
import type { MsfStream } from "./msf.ts";
import type { DbiParts } from "./pdb.ts";
import { forEachSymbol, SYMBOL } from "./symbol-records.ts";

/** Symbol records up to this size are read whole; of larger ones only those on the way of a search. */
const WHOLE_READ_LIMIT = 32 * 1024 * 1024;
/** Longest record that a search reads: names are cut by writers at 64 KiB. */
const RECORD_BYTES = 4096;
/** Heads of the public stream: its own, and that of its hash table. */
const PSI_HEADER_BYTES = 28;
/** Bytes of `off` and `seg` and the name behind them in S_PUB32. */
const PUBLIC_OFF = 8;

/** A public symbol: a name and an address as linked. */
export interface PublicSymbol {
  readonly name: string;
  readonly start: number;
}

/** Public symbols by address. */
export interface Publics {
  /** The public symbol at or before an address as linked. */
  below(linked: number): PublicSymbol | undefined;
}

/** @throws FormatError, MissingRanges */
export function readPublics(dbi: DbiParts, space: AddressSpace): Publics {
  const { records, publics } = dbi;
  if (!records) return { below: () => undefined };
  if (records.size <= WHOLE_READ_LIMIT || !publics) return tableOf(records, space);
  return searchOf(records, publics, space);
}

function tableOf(records: MsfStream, space: AddressSpace): Publics {
  const bytes = records.bytes(0, Math.min(records.size, WHOLE_READ_LIMIT));
  const table = new AddressTable();
  forEachSymbol(bytes, 0, (cursor, kind, offset) => {
    if (kind !== SYMBOL.public32) return true;
    cursor.skip(4);
    const start = cursor.u32();
    const linked = space.linked(cursor.u16(), start);
    if (linked !== undefined) table.add(linked, 0, offset, 0);
    return true;
  });
  table.seal();
  return {
    below: (linked) => {
      const record = table.below(linked);
      return record && { name: new Cursor(bytes, record.offset + 14).text(), start: record.start };
    },
  };
}

/** Searches the address map of the public stream: offsets of records, in the order of their addresses. */
function searchOf(records: MsfStream, publics: MsfStream, space: AddressSpace): Publics {
  const head = new Cursor(publics.bytes(0, PSI_HEADER_BYTES));
  const hashBytes = head.u32();
  const count = Math.floor(Math.min(head.u32(), Math.max(0, publics.size - PSI_HEADER_BYTES - hashBytes)) / 4);
  const recordAt = (index: number): { start: number; at: number } => {
    const place = publics.bytes(PSI_HEADER_BYTES + hashBytes + index * 4, 4);
    const at = dataView(place).getUint32(0, true);
    const cursor = new Cursor(records.bytes(at, 14), PUBLIC_OFF);
    const offset = cursor.u32();
    return { start: space.linked(cursor.u16(), offset) ?? 0, at };
  };
  return {
    below: (linked) => {
      let low = 0;
      let high = count;
      while (low < high) {
        const mid = (low + high) >>> 1;
        if (recordAt(mid).start <= linked) low = mid + 1;
        else high = mid;
      }
      if (low === 0) return undefined;
      const { start, at } = recordAt(low - 1);
      const bytes = records.bytes(at, Math.min(RECORD_BYTES, records.size - at));
      return { name: new Cursor(bytes, 14).text(), start };
    },
  };
}
