import { truncateToPointer } from "../../dump/address.ts";

/** How WinDbg writes numbers, addresses and times. */

/** All digits of an address, no prefix: `8062be87`, `fffff80656786674`. */
export function padded(value: bigint, pointerSize: 4 | 8): string {
  return truncateToPointer(value, pointerSize)
    .toString(16)
    .padStart(pointerSize * 2, "0");
}

/** As debugger listings split 64-bit addresses: `` fffff806`56786674 ``. */
export function ticked(value: bigint, pointerSize: 4 | 8): string {
  const digits = padded(value, pointerSize);
  return pointerSize === 4 ? digits : `${digits.slice(0, 8)}\`${digits.slice(8)}`;
}

/** What stands for a value that is not known, in the width of an address. */
export function unknownAddress(pointerSize: 4 | 8): string {
  return pointerSize === 4 ? "--------" : "--------`--------";
}

/** Hex without leading zeros or prefix, cut to the pointer's width. */
export function bare(value: bigint, pointerSize: 4 | 8): string {
  return truncateToPointer(value, pointerSize).toString(16);
}

/**
 * Text of a dump on one line: control characters, which could forge lines of a report or move a terminal's
 * cursor, become `?`.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * A time as C's asctime writes it, in UTC: `Fri Jun 11 10:22:46 2004`; with milliseconds when there are any.
 * @param milliseconds since 1970
 * @returns undefined for times that no calendar has
 */
export function classicTime(milliseconds: number): string | undefined {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return undefined;
  const two = (value: number): string => String(value).padStart(2, "0");
  const rest = date.getUTCMilliseconds();
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const day = `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
  return `${day} ${clock}${rest === 0 ? "" : `.${String(rest).padStart(3, "0")}`} ${date.getUTCFullYear()}`;
}

/** A duration as `0 days 0:00:24.187`. */
export function classicDuration(seconds: number): string {
  const total = Math.round(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(total / 60_000);
  const days = Math.floor(minutes / 1440);
  const clock = `${Math.floor(minutes / 60) % 24}:${two(minutes % 60)}:${two(Math.floor(total / 1000) % 60)}`;
  return `${days} days ${clock}.${String(total % 1000).padStart(3, "0")}`;
}
