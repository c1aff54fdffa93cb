import { ServiceError } from "../../pipeline/errors.ts";

/** Cursors of listings: where the last page ended, as time and id, encoded so that nobody builds on their form. */
export interface ListPosition {
  readonly time: string;
  readonly id: string;
}

/** The cursor of a position. */
export function encodeCursor(position: ListPosition): string {
  return Buffer.from(JSON.stringify([position.time, position.id])).toString("base64url");
}

/** @throws ServiceError `service.rejected` when the text is not a cursor of ours */
export function decodeCursor(cursor: string): ListPosition {
  const bad = () => new ServiceError("service.rejected", "the cursor is not one that a listing gave");
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    throw bad();
  }
  if (!Array.isArray(parts) || parts.length !== 2) throw bad();
  const [time, id] = parts;
  if (typeof time !== "string" || typeof id !== "string") throw bad();
  return { time, id };
}

/** Cuts a page out of rows that were asked for with one more than `limit`. */
export function pageOf<T>(items: readonly T[], limit: number, position: (item: T) => ListPosition) {
  const last = items[limit - 1];
  if (items.length <= limit || last === undefined) return { items };
  return { items: items.slice(0, limit), cursor: encodeCursor(position(last)) };
}

/** @throws ServiceError `service.rejected` unless 1 to 100 */
export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new ServiceError("service.rejected", "a page holds 1 to 100 items", { actual: limit, expected: "1 to 100" });
  }
}
