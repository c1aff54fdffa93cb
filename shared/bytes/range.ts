import { SourceError } from "./errors.ts";

/**
 * Byte ranges: half-open `[start, end)` everywhere. This file alone knows that
 * HTTP's are inclusive.
 */

/** Half-open range of byte offsets in a source; `0 <= start <= end <= 2^53-1`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes in a range. */
export function rangeLength(range: ByteRange): number {
  return range.end - range.start;
}

/**
 * Checks a range against a source of `size` bytes.
 * @throws SourceError `source.out-of-range` for fractions, negatives, offsets beyond 2^53 and ranges past the end.
 */
export function checkRange(range: ByteRange, size: number): void {
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > size) {
    throw new SourceError("source.out-of-range", `range [${start}, ${end}) is outside a source of ${size} bytes`, {
      offset: start,
      expected: size,
      actual: end,
    });
  }
}

/** The HTTP `Range` header of a non-empty range (RFC 9110 §14.2: the last byte is included). */
export function toHttpRange(range: ByteRange): string {
  return `bytes=${range.start}-${range.end - 1}`;
}

/** Range and total size from a `Content-Range` header, or undefined when it is not of the form `bytes a-b/size`. */
export function parseContentRange(header: string | undefined): { range: ByteRange; size: number } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? "");
  if (!match) return undefined;
  const [start, last, size] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(last) || !Number.isSafeInteger(size)) return undefined;
  if (last < start || last >= size) return undefined;
  return { range: { start, end: last + 1 }, size };
}

/**
 * Sorts ranges and joins those that overlap, touch, or lie at most `gap` bytes apart.
 * Empty ranges vanish. The result is ascending and disjoint and covers every input byte.
 */
export function coalesceRanges(ranges: readonly ByteRange[], gap = 0): ByteRange[] {
  const sorted = ranges.filter((r) => r.end > r.start).sort((a, b) => a.start - b.start);
  const out: { start: number; end: number }[] = [];
  for (const range of sorted) {
    const last = out.at(-1);
    if (last && range.start - last.end <= gap) last.end = Math.max(last.end, range.end);
    else out.push({ start: range.start, end: range.end });
  }
  return out;
}

/** Cuts ranges into pieces of at most `limit` bytes: parallel requests of bounded size. */
export function splitRanges(ranges: readonly ByteRange[], limit: number): ByteRange[] {
  const out: ByteRange[] = [];
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += limit) out.push({ start: at, end: Math.min(end, at + limit) });
  }
  return out;
}
