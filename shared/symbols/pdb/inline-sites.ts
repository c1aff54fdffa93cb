import type { WorkBudget } from "../work-budget.ts";
import type { Cursor } from "./cursor.ts";
import type { LineRef, LineTables } from "./line-tables.ts";
import { forEachSymbol, SYMBOL } from "./symbol-records.ts";

/** Deepest nesting of scopes that is followed. */
const MAX_DEPTH = 512;

/** Binary annotations: how lines run through inlined code. */
const ANNOTATION = {
  codeOffset: 1,
  changeCodeOffsetBase: 2,
  changeCodeOffset: 3,
  changeCodeLength: 4,
  changeFile: 5,
  changeLineOffset: 6,
  changeLineEndDelta: 7,
  changeRangeKind: 8,
  changeColumnStart: 9,
  changeColumnEndDelta: 10,
  changeCodeOffsetAndLineOffset: 11,
  changeCodeLengthAndCodeOffset: 12,
  changeColumnEnd: 13,
} as const;

/** An inlined call that holds an address. */
export interface InlineFrame {
  /** Id of the inlined function in the id stream. */
  readonly inlinee: number;
  /** Where in that function the address is; absent where its own records do not reach. */
  readonly place?: LineRef;
}

/**
 * The inlined calls that hold an address, outermost first.
 * @param symbols records of the compiland
 * @param from offset of the procedure's record
 * @param target address, from the procedure's start
 */
export function findInlineSites(
  symbols: Uint8Array,
  from: number,
  target: number,
  lines: LineTables,
  budget: WorkBudget,
): InlineFrame[] {
  const scopes: (InlineFrame | undefined)[] = [];
  let found: InlineFrame[] = [];
  forEachSymbol(symbols, from, (cursor, kind, offset) => {
    budget.spend(cursor.left + 4);
    switch (kind) {
      case SYMBOL.localProcedure:
      case SYMBOL.globalProcedure:
      case SYMBOL.localProcedureId:
      case SYMBOL.globalProcedureId:
      case SYMBOL.thunk32:
      case SYMBOL.block32:
      case SYMBOL.separatedCode:
        if (offset === from && kind === SYMBOL.thunk32) return false;
        scopes.push(undefined);
        return scopes.length < MAX_DEPTH;
      case SYMBOL.inlineSite:
      case SYMBOL.inlineSite2: {
        cursor.skip(8);
        const inlinee = cursor.u32();
        if (kind === SYMBOL.inlineSite2) cursor.skip(4);
        const start = lines.inlinee(inlinee) ?? { line: 0, file: 0 };
        const { place, holds } = placeInSite(cursor, start, target);
        scopes.push({ inlinee, ...(place && { place }) });
        const chain = scopes.filter((scope) => scope !== undefined);
        if (holds && chain.length > found.length) found = chain;
        return scopes.length < MAX_DEPTH;
      }
      case SYMBOL.end:
      case SYMBOL.inlineSiteEnd:
      case SYMBOL.procedureIdEnd:
        scopes.pop();
        return scopes.length > 0;
      default:
        return true;
    }
  });
  return found;
}

/**
 * The line of an address by the annotations of a site, and whether the site holds it. Compilers differ in whether
 * a site holds the code of calls that were inlined into it; where it does not, the line before that code called.
 */
function placeInSite(cursor: Cursor, start: LineRef, target: number): { place?: LineRef; holds: boolean } {
  let { file, line } = start;
  let offset = 0;
  let base = 0;
  /** The record that awaits its end. */
  let open: (LineRef & { readonly start: number }) | undefined;
  let before: (LineRef & { readonly start: number }) | undefined;
  let found: LineRef | undefined;
  const close = (end: number): void => {
    if (open && target >= open.start && target < end) found = open;
    if (open && open.start <= target && !(before && before.start > open.start)) before = open;
    open = undefined;
  };
  const emit = (): void => {
    close(base + offset);
    open = { start: base + offset, line: Math.max(0, line), file };
  };
  while (cursor.left > 0 && !found) {
    const annotation = compressed(cursor);
    // Records are padded with zeros.
    if (annotation === 0) break;
    switch (annotation) {
      case ANNOTATION.codeOffset:
        offset = compressed(cursor);
        break;
      case ANNOTATION.changeCodeOffsetBase:
        base = compressed(cursor);
        break;
      case ANNOTATION.changeCodeOffset:
        offset += compressed(cursor);
        emit();
        break;
      case ANNOTATION.changeCodeLength:
        offset += compressed(cursor);
        close(base + offset);
        break;
      case ANNOTATION.changeFile:
        file = compressed(cursor);
        break;
      case ANNOTATION.changeLineOffset:
        line += signed(compressed(cursor));
        break;
      case ANNOTATION.changeCodeOffsetAndLineOffset: {
        const packed = compressed(cursor);
        line += signed(packed >>> 4);
        offset += packed & 0xf;
        emit();
        break;
      }
      case ANNOTATION.changeCodeLengthAndCodeOffset: {
        const length = compressed(cursor);
        offset += compressed(cursor);
        emit();
        offset += length;
        close(base + offset);
        break;
      }
      default:
        compressed(cursor);
    }
  }
  const place = found ?? before;
  return { ...(place && { place }), holds: found !== undefined };
}

/** An unsigned number of 1, 2 or 4 bytes, told by its first bits. */
function compressed(cursor: Cursor): number {
  const first = cursor.u8();
  if ((first & 0x80) === 0) return first;
  if ((first & 0xc0) === 0x80) return ((first & 0x3f) << 8) | cursor.u8();
  if ((first & 0xe0) === 0xc0) return ((first & 0x1f) << 24) | (cursor.u8() << 16) | (cursor.u8() << 8) | cursor.u8();
  return 0;
}

/** A signed number keeps its sign in the lowest bit. */
function signed(value: number): number {
  return (value & 1) !== 0 ? -(value >>> 1) : value >>> 1;
}
