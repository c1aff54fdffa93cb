import { FormatError } from "../../bytes/errors.ts";
import { Cursor } from "./cursor.ts";

/** Kinds of symbol records. https://github.com/microsoft/microsoft-pdb/blob/master/include/cvinfo.h */
export const SYMBOL = {
  end: 0x0006,
  thunk32: 0x1102,
  block32: 0x1103,
  public32: 0x110e,
  localProcedure: 0x110f,
  globalProcedure: 0x1110,
  separatedCode: 0x1132,
  localProcedureId: 0x1146,
  globalProcedureId: 0x1147,
  inlineSite: 0x114d,
  inlineSiteEnd: 0x114e,
  procedureIdEnd: 0x114f,
  inlineSite2: 0x115d,
} as const;

/**
 * Visits symbol records from an offset on.
 * @param visit gets a cursor behind the kind, bounded by the record, and the record's offset; false ends the walk
 */
export function forEachSymbol(
  bytes: Uint8Array,
  from: number,
  visit: (cursor: Cursor, kind: number, offset: number) => boolean,
): void {
  for (let offset = from; offset + 4 <= bytes.length; ) {
    const length = (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8);
    const end = offset + 2 + length;
    if (length < 2 || end > bytes.length) {
      throw new FormatError("format.bad-value", "a symbol record has no possible length", { offset, actual: length });
    }
    const kind = (bytes[offset + 2] as number) | ((bytes[offset + 3] as number) << 8);
    if (!visit(new Cursor(bytes, offset + 4, end), kind, offset)) return;
    offset = end;
  }
}
