import { StopcodeError } from "../bytes/errors.ts";

/** Why a file is not analysed; stable reason codes of rejected crashes. */
export type DumpErrorCode =
  | "dump.empty"
  | "dump.not-a-dump"
  | "dump.truncated-header"
  | "dump.unsupported-format"
  | "dump.encrypted"
  | "dump.big-endian"
  | "dump.corrupt-header";

/** The file as a whole cannot be read as a dump: an answer (status `rejected`), not a failure. */
export class DumpError extends StopcodeError<DumpErrorCode> {}
