import { listRows } from "./list-rows.ts";
import { BLAME_ORDER } from "./lists/generated/blame-order.ts";
import { STOP_BLAME } from "./lists/generated/stop-blame.ts";

/** Whom a verdict asks first, and which stop codes say whom not to ask (lists/blame-order.txt, lists/stop-blame.txt). */

/** Where a candidate comes from. */
export type BlameSource = "kernel-record" | "decoder" | "argument" | "fault" | "stack" | "thread" | "hint" | "guess";

const ORDER: readonly string[] = listRows(BLAME_ORDER).map(({ key }) => key);

/** Place in the order; what the list does not name comes last. */
export function blameRank(source: BlameSource): number {
  const at = ORDER.indexOf(source);
  return at === -1 ? ORDER.length : at;
}

/** What a stop code says of its candidates. */
export interface StopBlameRule {
  /** `no-stack`: the crashing stack is never blamed; `nobody`: nobody is. */
  readonly effect: "no-stack" | "nobody";
  /** The entry with its reason. */
  readonly entry: string;
}

const STOPS: ReadonlyMap<string, StopBlameRule> = new Map(
  listRows(STOP_BLAME).map(({ key, value, reason }) => [
    key,
    { effect: value === "nobody" ? "nobody" : "no-stack", entry: `${key}: ${reason}` },
  ]),
);

/**
 * The rule of a stop code, of its first argument before that of the code alone.
 * @param code without the bit that says "rewritten for a minidump"
 */
export function stopBlameRule(code: number, first: bigint): StopBlameRule | undefined {
  const plain = `0x${code.toString(16)}`;
  return STOPS.get(`${plain}_${first.toString(16)}`) ?? STOPS.get(plain);
}
