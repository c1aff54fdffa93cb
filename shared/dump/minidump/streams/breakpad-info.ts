import { MINIDUMP_BREAKPAD_INFO } from "../format.ts";

/** Which threads took part in a dump that a process made of itself. */
export interface BreakpadInfo {
  /** The thread that wrote the dump: never the one that crashed. */
  readonly dumpThreadId?: number;
  /** The thread that asked for it. */
  readonly requestingThreadId?: number;
}

/**
 * Reads BreakpadInfoStream.
 * @throws FormatError when the stream is shorter than its layout
 */
export function readBreakpadInfo(body: Uint8Array): BreakpadInfo {
  const raw = MINIDUMP_BREAKPAD_INFO.from(body);
  return {
    ...((raw.Validity & 1) !== 0 ? { dumpThreadId: raw.DumpThreadId } : {}),
    ...((raw.Validity & 2) !== 0 ? { requestingThreadId: raw.RequestingThreadId } : {}),
  };
}
