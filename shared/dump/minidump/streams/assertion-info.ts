import { MINIDUMP_ASSERTION_INFO } from "../format.ts";
import { decodeUtf16Array } from "../strings.ts";

/** An assertion of the C runtime that ended the process. */
export interface AssertionInfo {
  readonly expression: string;
  readonly function: string;
  readonly file: string;
  readonly line: number;
  /** 1 invalid parameter, 2 pure virtual call. */
  readonly type: number;
}

/**
 * Reads AssertionInfoStream.
 * @throws FormatError when the stream is shorter than its layout
 */
export function readAssertionInfo(body: Uint8Array): AssertionInfo {
  const raw = MINIDUMP_ASSERTION_INFO.from(body);
  return {
    expression: decodeUtf16Array(raw.Expression),
    function: decodeUtf16Array(raw.Function),
    file: decodeUtf16Array(raw.File),
    line: raw.Line,
    type: raw.Type,
  };
}
