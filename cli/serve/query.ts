import type { Context } from "hono";
import { Problem } from "./problem.ts";

/** Items of a page unless asked otherwise. */
const DEFAULT_LIMIT = 50;

/** A query parameter that must look like `pattern`; undefined when it is not there. @throws Problem */
export function matching(c: Context, name: string, pattern: RegExp, meaning: string): string | undefined {
  const value = c.req.query(name);
  if (value === undefined) return undefined;
  if (!pattern.test(value)) throw new Problem(400, `query.bad-${name}`, `${name} is not ${meaning}`);
  return value;
}

/** The `limit` parameter, 1 to 100. @throws Problem */
export function limitOf(c: Context): number {
  const text = matching(c, "limit", /^([1-9]\d?|100)$/, "a number from 1 to 100");
  return text === undefined ? DEFAULT_LIMIT : Number(text);
}
