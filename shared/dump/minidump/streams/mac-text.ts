import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { FormatError } from "../../../bytes/errors.ts";
import { arrayOf, at, type StructLayout, struct, u32, u64, u64AsNumber } from "../../../bytes/layout.ts";
import { hexAddress } from "../../address.ts";
import { MINIDUMP_LOCATION_DESCRIPTOR } from "../format.ts";
import { decodeUtf8, readMinidumpString } from "../strings.ts";

/**
 * Streams that Mozilla's writer adds on macOS: what frameworks left in their __crash_info sections
 * before they aborted, and the kernel's boot arguments.
 */

/** MozMacosCrashInfoStream. */
export const MINIDUMP_MAC_CRASH_INFO = struct("MINIDUMP_MAC_CRASH_INFO", 12 + 20 * 8, {
  StreamType: at(0, u32),
  RecordCount: at(4, u32),
  /** Where the texts start in each record: records may grow in front of them. */
  RecordStartSize: at(8, u32),
  Records: at(12, arrayOf(MINIDUMP_LOCATION_DESCRIPTOR, 20)),
});

/** Its records from version 4 on; version 5 has AbortCause behind. */
export const MINIDUMP_MAC_CRASH_INFO_RECORD_4 = struct("MINIDUMP_MAC_CRASH_INFO_RECORD_4", 32, {
  StreamType: at(0, u64),
  Version: at(8, u64),
  Thread: at(16, u64),
  DialogMode: at(24, u64),
});

/** MozMacosBootargsStream. */
export const MINIDUMP_MAC_BOOTARGS: StructLayout<{ readonly StreamType: number; readonly Bootargs: number }> = struct(
  "MINIDUMP_MAC_BOOTARGS",
  12,
  { StreamType: at(0, u32), Bootargs: at(4, u64AsNumber) },
);

/** Longest text of a record, in bytes. */
const MAX_MAC_TEXT = 8192;
const TEXTS = 5;

/** One record of {@link readMacCrashInfo}; what is empty or zero is null. */
export interface MacCrashRecord {
  readonly thread: string | null;
  readonly dialog_mode: string | null;
  readonly abort_cause: string | null;
  readonly module: string | null;
  readonly message: string | null;
  readonly signature_string: string | null;
  readonly backtrace: string | null;
  readonly message2: string | null;
}

/**
 * Reads MozMacosCrashInfoStream.
 * @throws FormatError when a record leaves the file or its texts do not end
 */
export function readMacCrashInfo(
  bytes: FetchedBytes,
  body: Uint8Array,
): { readonly num_records: number; readonly records: readonly MacCrashRecord[] } {
  const head = MINIDUMP_MAC_CRASH_INFO.from(body);
  const places = head.Records.slice(0, Math.min(head.RecordCount, head.Records.length)).map(({ Rva, DataSize }) => ({
    start: Rva,
    end: Rva + Math.min(DataSize, head.RecordStartSize + TEXTS * MAX_MAC_TEXT),
  }));
  bytes.plan(places);
  const records = places.flatMap(({ start, end }) => {
    return readRecord(bytes.bytes(start, end - start), head.RecordStartSize, start) ?? [];
  });
  return { num_records: records.length, records };
}

/**
 * Reads MozMacosBootargsStream.
 * @throws FormatError when the text cannot be read
 */
export function readMacBootArgs(bytes: FetchedBytes, body: Uint8Array): string {
  return readMinidumpString(bytes, MINIDUMP_MAC_BOOTARGS.from(body).Bootargs);
}

function readRecord(record: Uint8Array, textsAt: number, offset: number): MacCrashRecord | undefined {
  const raw = MINIDUMP_MAC_CRASH_INFO_RECORD_4.from(record);
  if (raw.Version < 4n) return undefined;
  const fixed = MINIDUMP_MAC_CRASH_INFO_RECORD_4.size + (raw.Version >= 5n ? 8 : 0);
  if (textsAt < fixed || record.length < fixed) {
    throw new FormatError("format.bad-value", "a crash info record's texts start inside of its fields", {
      offset,
      expected: fixed,
      actual: textsAt,
    });
  }
  const abortCause = raw.Version >= 5n ? u64.read(new DataView(record.buffer, record.byteOffset + 32, 8), 0) : 0n;
  const [module, message, signature, backtrace, message2] = readTexts(record.subarray(textsAt), offset + textsAt);
  return {
    thread: hexOrNull(raw.Thread),
    dialog_mode: hexOrNull(raw.DialogMode),
    abort_cause: hexOrNull(abortCause),
    module: module || null,
    message: message || null,
    signature_string: signature || null,
    backtrace: backtrace || null,
    message2: message2 || null,
  };
}

function readTexts(bytes: Uint8Array, offset: number): string[] {
  const texts: string[] = [];
  let start = 0;
  for (let index = 0; index < TEXTS; index++) {
    const end = bytes.indexOf(0, start);
    if (end < 0) throw new FormatError("format.truncated", "a crash info record's text does not end", { offset });
    texts.push(decodeUtf8(bytes.subarray(start, end)));
    start = end + 1;
  }
  return texts;
}

function hexOrNull(value: bigint): string | null {
  return value === 0n ? null : hexAddress(value, 8);
}
