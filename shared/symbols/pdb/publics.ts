import { dataView } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { AddressTable } from "../address-table.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";
import { type Msf, type MsfStream, planParts } from "./msf.ts";
import type { DbiParts } from "./pdb.ts";
import { forEachSymbol, SYMBOL } from "./symbol-records.ts";
import { lastAtMost, probes } from "./wide-search.ts";

/** Symbol records up to this size are read whole; of larger ones only those on the way of a search. */
const WHOLE_READ_LIMIT = 1024 * 1024;
/** Records without an address map are read up to here. */
const MAX_RECORD_BYTES = 32 * 1024 * 1024;
/** Longest record that a search reads: names are cut by writers at 64 KiB. */
const RECORD_BYTES = 4096;
/** Most records are no longer: the one that is found needs no round of its own. */
const USUAL_RECORD_BYTES = 256;
/** Heads of the public stream: its own, and that of its hash table. */
const PSI_HEADER_BYTES = 28;
/** Where `off`, `seg` behind it, and the name lie in S_PUB32 from its length on. */
const PUBLIC_OFF = 8;
const PUBLIC_NAME = 14;

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

/**
 * @param wholeLimit bytes of records up to which they are read whole
 * @throws FormatError, MissingRanges
 */
export function readPublics(msf: Msf, dbi: DbiParts, space: AddressSpace, wholeLimit = WHOLE_READ_LIMIT): Publics {
  const { records, publics } = dbi;
  if (!records) return { below: () => undefined };
  if (records.size <= wholeLimit || !publics) return tableOf(records, space);
  return searchOf(msf, records, publics, space);
}

/** Where a search of a large PDB begins: to be fetched before it is needed. @throws FormatError, MissingRanges */
export function publicPlaces(dbi: DbiParts): ByteRange[] {
  const { records, publics } = dbi;
  if (!records || !publics || records.size <= WHOLE_READ_LIMIT) return [];
  const { map, count } = addressMap(publics);
  // A map of 250,000 names costs less than the round that it saves.
  if (count * 4 <= WHOLE_READ_LIMIT) return publics.places(map, count * 4);
  return probes(0, count).flatMap((index) => publics.places(map + index * 4, 4));
}

/** Where the offsets of records lie in the public stream, and how many there are. */
function addressMap(publics: MsfStream): { readonly map: number; readonly count: number } {
  const head = new Cursor(publics.bytes(0, PSI_HEADER_BYTES));
  const map = PSI_HEADER_BYTES + head.u32();
  return { map, count: Math.floor(Math.min(head.u32(), Math.max(0, publics.size - map)) / 4) };
}

function tableOf(records: MsfStream, space: AddressSpace): Publics {
  const bytes = records.bytes(0, Math.min(records.size, MAX_RECORD_BYTES));
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
      return record && { name: new Cursor(bytes, record.offset + PUBLIC_NAME).text(), start: record.start };
    },
  };
}

/** Searches the address map of the public stream: offsets of records, in the order of their addresses. */
function searchOf(msf: Msf, records: MsfStream, publics: MsfStream, space: AddressSpace): Publics {
  const { map, count } = addressMap(publics);
  const placeAt = (index: number): number => dataView(publics.bytes(map + index * 4, 4)).getUint32(0, true);
  const startAt = (place: number): number => {
    const cursor = new Cursor(records.bytes(place, PUBLIC_NAME), PUBLIC_OFF);
    const offset = cursor.u32();
    return space.linked(cursor.u16(), offset) ?? Number.MAX_SAFE_INTEGER;
  };
  return {
    below: (linked) => {
      const last = lastAtMost(count, linked, (indices) => {
        planParts(
          msf,
          publics,
          indices.map((index) => map + index * 4),
          4,
        );
        const places = indices.map(placeAt);
        planParts(msf, records, places, USUAL_RECORD_BYTES);
        return places.map(startAt);
      });
      if (last < 0) return undefined;
      const place = placeAt(last);
      const length = Math.min(new Cursor(records.bytes(place, 2)).u16() + 2, RECORD_BYTES, records.size - place);
      return { name: new Cursor(records.bytes(place, length), PUBLIC_NAME).text(), start: startAt(place) };
    },
  };
}
