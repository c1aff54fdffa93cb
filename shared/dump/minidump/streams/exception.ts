import type { RecordOf } from "../../../bytes/layout.ts";
import type { CpuContext } from "../../cpu-context.ts";
import type { DumpException } from "../../dump.ts";
import { MINIDUMP_EXCEPTION_STREAM } from "../format.ts";

/** ExceptionStream as stored. */
export type RawException = RecordOf<typeof MINIDUMP_EXCEPTION_STREAM>;

/**
 * Reads ExceptionStream.
 * @throws FormatError when the stream is shorter than its layout
 */
export function readException(body: Uint8Array): RawException {
  return MINIDUMP_EXCEPTION_STREAM.from(body);
}

/** The exception as dumps show it; parameters beyond the 15 that the record has room for do not exist. */
export function toException(raw: RawException, context: CpuContext | undefined): DumpException {
  return {
    threadId: raw.ThreadId,
    code: raw.ExceptionCode,
    flags: raw.ExceptionFlags,
    address: raw.ExceptionAddress,
    parameters: raw.ExceptionInformation.slice(0, Math.min(raw.NumberParameters, 15)),
    ...(context ? { context } : {}),
  };
}
