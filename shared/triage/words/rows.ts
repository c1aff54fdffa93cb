/**
 * Rows of a generated table: one string literal of lines `key TAB column …`, sorted by key, that is
 * searched in place. A cold start therefore pays for one literal a table and nothing a row.
 *
 * Writing conventions of scripts/words.ts that this file undoes: keys are lower-case hex without
 * `0x`; a leading `^` stands for the table's own prefix; the two characters outside Latin-1 that
 * the tables use are stored under their Windows-1252 codes, which keeps the string one byte a character.
 */

/** Offset of the first row whose key is not below `key`; the length of the table when there is none. */
export function lowerBound(table: string, key: number): number {
  let low = 0;
  let high = table.length;
  // Invariant: low is the start of a row; every row that starts before it has a smaller key.
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const start = middle === 0 ? 0 : table.lastIndexOf("\n", middle - 1) + 1;
    if (keyAt(table, start) < key) low = endOfRow(table, start) + 1;
    else high = start;
  }
  return low;
}

/** Columns of the row with that key, the key left out; undefined when there is none. */
export function findRow(table: string, key: number): string[] | undefined {
  const start = lowerBound(table, key);
  return start < table.length && keyAt(table, start) === key ? columnsAt(table, start) : undefined;
}

/** Columns of every row with that key, in the order of the table. */
export function* findRows(table: string, key: number): Generator<string[]> {
  for (let start = lowerBound(table, key); start < table.length && keyAt(table, start) === key; ) {
    yield columnsAt(table, start);
    start = endOfRow(table, start) + 1;
  }
}

/** A column as it was in the source table. */
export function plainText(column: string | undefined, prefix = ""): string {
  if (column === undefined) return "";
  const full = column.startsWith("^") ? prefix + column.slice(1) : column;
  return full.replaceAll("\x85", "…").replaceAll("\x96", "–");
}

function keyAt(table: string, start: number): number {
  return Number.parseInt(table.slice(start, table.indexOf("\t", start)), 16);
}

function endOfRow(table: string, start: number): number {
  const end = table.indexOf("\n", start);
  return end === -1 ? table.length : end;
}

function columnsAt(table: string, start: number): string[] {
  return table.slice(table.indexOf("\t", start) + 1, endOfRow(table, start)).split("\t");
}
