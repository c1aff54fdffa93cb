import type { OracleDifference } from "./minidump-oracle.ts";

/** A difference that was looked into: which one, and which side the bytes prove right. */
interface KnownDifference {
  /** Dump relative to the corpus, or its end. */
  readonly file: RegExp;
  readonly field: RegExp;
  readonly reason: string;
}

const KNOWN: readonly KnownDifference[] = [];

/** Why a difference is right; undefined when nobody has looked into it. */
export function explain(path: string, { field }: OracleDifference): string | undefined {
  return KNOWN.find((known) => known.file.test(path) && known.field.test(field))?.reason;
}
