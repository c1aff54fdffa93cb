import { FormatError } from "../../bytes/errors.ts";
import { AddressTable } from "../address-table.ts";
import type { AddressSpace } from "./address-space.ts";
import { Cursor } from "./cursor.ts";
import { type Msf, type MsfStream, planParts } from "./msf.ts";
import { type DbiParts, WHOLE_PART_BYTES } from "./pdb.ts";
import { lastAtMost } from "./wide-search.ts";

/** Bytes of a module info before its names. */
const MODULE_INFO_BYTES = 64;
/** Entries of the two versions of the contribution list. */
const CONTRIBUTIONS_V60 = 0xeffe_0000 + 19_970_605;
const CONTRIBUTIONS_V2 = 0xeffe_0000 + 20_140_516;
/** Bytes of module infos that are read; those of browsers have 10 MiB. */
const MAX_MODULE_BYTES = 256 * 1024 * 1024;
/** Contributions before the one that begins last, which may be empty. */
const MAX_BACK = 16;

/** A compiland: an object file that was linked in. */
export interface Compiland {
  /** Stream of its symbols and lines; 0xFFFF when it has none. */
  readonly stream: number;
  readonly symbolBytes: number;
  readonly c11Bytes: number;
  readonly c13Bytes: number;
}

/** Bytes of a compiland's stream that are read. */
export function bytesOf({ symbolBytes, c11Bytes, c13Bytes }: Compiland): number {
  return symbolBytes + c11Bytes + c13Bytes;
}

/** All compilands in the order of their numbers. @throws FormatError */
export function readCompilands(dbi: DbiParts): Compiland[] {
  if (dbi.modules.size > MAX_MODULE_BYTES) {
    throw new FormatError("format.limit-exceeded", "there are more compilands than are read");
  }
  const cursor = new Cursor(dbi.modules.bytes(0, dbi.modules.size));
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

/** Which compiland each piece of the image comes from. */
export interface Contributions {
  /** Number of the compiland that an address as linked belongs to. */
  compilandAt(linked: number): number | undefined;
}

/** One piece, as far as it is of use. */
interface Piece {
  readonly start: number;
  readonly size: number;
  readonly compiland: number;
}

/**
 * Short lists are read whole; of long ones only what is on the way of a search.
 * @param wholeLimit bytes up to which a list is short
 * @throws FormatError, MissingRanges
 */
export function readContributions(
  msf: Msf,
  dbi: DbiParts,
  space: AddressSpace,
  wholeLimit = WHOLE_PART_BYTES,
): Contributions {
  const list = dbi.contributions;
  if (list.size < 4) return { compilandAt: () => undefined };
  const version = new Cursor(list.bytes(0, 4)).u32();
  if (version !== CONTRIBUTIONS_V60 && version !== CONTRIBUTIONS_V2) {
    throw new FormatError("format.unsupported", "the list of contributions has an unknown form", { actual: version });
  }
  const entryBytes = version === CONTRIBUTIONS_V2 ? 32 : 28;
  const count = Math.floor((list.size - 4) / entryBytes);
  if (list.size > wholeLimit) return searchedContributions(msf, list, count, entryBytes, space);
  const table = new AddressTable();
  const cursor = new Cursor(list.bytes(0, list.size), 4);
  for (let index = 0; index < count; index++) {
    cursor.at = 4 + index * entryBytes;
    const piece = readPiece(cursor, space);
    if (piece && piece.size > 0) table.add(piece.start, piece.size, piece.compiland, 0);
  }
  table.seal();
  return { compilandAt: (linked) => table.enclosing(linked)?.offset };
}

/** Linkers write contributions in the order of their addresses. */
function searchedContributions(
  msf: Msf,
  list: MsfStream,
  count: number,
  entryBytes: number,
  space: AddressSpace,
): Contributions {
  const pieceAt = (index: number): Piece | undefined =>
    readPiece(new Cursor(list.bytes(4 + index * entryBytes, entryBytes)), space);
  return {
    compilandAt: (linked) => {
      const last = lastAtMost(count, linked, (indices) => {
        const offsets = indices.map((index) => 4 + index * entryBytes);
        planParts(msf, list, offsets, entryBytes);
        // Those of no section come last.
        return indices.map((index) => pieceAt(index)?.start ?? Number.MAX_SAFE_INTEGER);
      });
      for (let index = last; index >= 0 && index > last - MAX_BACK; index--) {
        const piece = pieceAt(index);
        if (piece && linked - piece.start < piece.size) return piece.compiland;
      }
      return undefined;
    },
  };
}

function readPiece(cursor: Cursor, space: AddressSpace): Piece | undefined {
  const section = cursor.u16();
  cursor.skip(2);
  const offset = cursor.i32();
  const size = Math.max(0, cursor.i32());
  cursor.skip(4);
  const compiland = cursor.u16();
  const start = offset >= 0 ? space.linked(section, offset) : undefined;
  return start === undefined ? undefined : { start, size, compiland };
}
