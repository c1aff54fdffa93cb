import {
  MINIDUMP_MISC_INFO,
  MINIDUMP_MISC_INFO_4,
  MINIDUMP_MISC1_PROCESS_ID,
  MINIDUMP_MISC1_PROCESS_TIMES,
  MINIDUMP_MISC4_BUILDSTRING,
} from "../format.ts";
import { decodeUtf16Array } from "../strings.ts";

/** What MiscInfoStream says, as far as its flags mark it valid. */
export interface MiscInfo {
  readonly pid?: number;
  /** Seconds since 1970. */
  readonly createTime?: number;
  /** Build text of Windows from version 4 of the record on. */
  readonly buildString?: string;
}

/**
 * Reads MiscInfoStream of any version: they only ever grew.
 * @throws FormatError when it is shorter than the first version
 */
export function readMiscInfo(body: Uint8Array): MiscInfo {
  const raw = MINIDUMP_MISC_INFO.from(body);
  const has = (flag: number): boolean => (raw.Flags1 & flag) !== 0;
  const text =
    has(MINIDUMP_MISC4_BUILDSTRING) && body.length >= MINIDUMP_MISC_INFO_4.size
      ? decodeUtf16Array(MINIDUMP_MISC_INFO_4.from(body).BuildString)
      : "";
  return {
    ...(has(MINIDUMP_MISC1_PROCESS_ID) ? { pid: raw.ProcessId } : {}),
    ...(has(MINIDUMP_MISC1_PROCESS_TIMES) ? { createTime: raw.ProcessCreateTime } : {}),
    ...(text === "" ? {} : { buildString: text }),
  };
}
