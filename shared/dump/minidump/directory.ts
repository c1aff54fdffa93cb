import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import type { Notes } from "../../notes.ts";
import type { DumpSection } from "../dump.ts";
import { DumpError } from "../errors.ts";
import {
  MINIDUMP_DIRECTORY,
  MINIDUMP_HEADER,
  MINIDUMP_SIGNATURE,
  MINIDUMP_SIGNATURE_SWAPPED,
  MINIDUMP_VERSION,
} from "./format.ts";
import { streamName } from "./stream-types.ts";

/** Most streams of a directory; real ones have below 30. */
export const MAX_STREAMS = 4096;

/** Header and directory. */
export interface MinidumpDirectory {
  /** Seconds since 1970. */
  readonly created: number;
  /** MINIDUMP_TYPE. */
  readonly flags: number;
  /** Place of each stream by type: the first that lies in the file. */
  readonly streams: ReadonlyMap<number, ByteRange>;
  /** All entries of the directory in its order, paddings left out. */
  readonly sections: readonly DumpSection[];
  /** True when an entry or a stream leaves the file. */
  readonly truncated: boolean;
}

/** Whether the file starts like a minidump of either byte order. */
export function isMinidump(start: Uint8Array): boolean {
  if (start.length < 4) return false;
  const signature = dataView(start).getUint32(0, true);
  return signature === MINIDUMP_SIGNATURE || signature === MINIDUMP_SIGNATURE_SWAPPED;
}

/**
 * Reads header and directory.
 * @throws DumpError when this is no minidump that we read
 */
export function readDirectory(bytes: FetchedBytes, notes: Notes): MinidumpDirectory {
  const header = readHeader(bytes);
  const wanted = Math.min(header.NumberOfStreams, MAX_STREAMS);
  if (wanted < header.NumberOfStreams) {
    notes.add("limit.streams", "directory", `${header.NumberOfStreams} streams, the first ${MAX_STREAMS} are read`);
  }
  const body = bytes.upTo(header.StreamDirectoryRva, wanted * MINIDUMP_DIRECTORY.size);
  const count = Math.floor(body.length / MINIDUMP_DIRECTORY.size);
  if (count === 0) {
    throw new DumpError("dump.corrupt-header", "the minidump has no stream directory", {
      offset: header.StreamDirectoryRva,
      expected: header.NumberOfStreams,
      actual: 0,
    });
  }
  if (count < wanted) notes.add("format.truncated", "directory", `${wanted} streams are promised, ${count} are there`);
  const view = dataView(body);
  const streams = new Map<number, ByteRange>();
  const sections: DumpSection[] = [];
  let truncated = count < wanted;
  for (let index = 0; index < count; index++) {
    const { StreamType, DataSize, Rva } = MINIDUMP_DIRECTORY.read(view, index * MINIDUMP_DIRECTORY.size);
    if (StreamType === 0) continue;
    const name = streamName(StreamType);
    sections.push({ name, offset: Rva, size: DataSize });
    const end = Rva + DataSize;
    if (end > bytes.size) {
      truncated = true;
      notes.add("format.truncated", name, `the stream ends at ${end} in a file of ${bytes.size}`);
    }
    if (streams.has(StreamType)) notes.add("minidump.duplicate-stream", name, "the first one is read");
    else if (DataSize > 0 && Rva < bytes.size) streams.set(StreamType, { start: Rva, end: Math.min(end, bytes.size) });
  }
  return { created: header.TimeDateStamp, flags: header.Flags, streams, sections, truncated };
}

function readHeader(bytes: FetchedBytes) {
  const start = bytes.upTo(0, MINIDUMP_HEADER.size);
  if (start.length === 0) throw new DumpError("dump.empty", "the file is empty");
  if (!isMinidump(start)) throw new DumpError("dump.not-a-dump", "the file does not start with MDMP", { offset: 0 });
  if (start.length < MINIDUMP_HEADER.size) {
    throw new DumpError("dump.truncated-header", "the file ends inside of the minidump header", {
      expected: MINIDUMP_HEADER.size,
      actual: start.length,
    });
  }
  const header = MINIDUMP_HEADER.from(start);
  if (header.Signature === MINIDUMP_SIGNATURE_SWAPPED) {
    throw new DumpError("dump.big-endian", "a big-endian machine wrote this minidump", { offset: 0 });
  }
  if ((header.Version & 0xffff) !== MINIDUMP_VERSION) {
    throw new DumpError("dump.corrupt-header", "the minidump's version is unknown", {
      offset: 4,
      expected: MINIDUMP_VERSION,
      actual: header.Version & 0xffff,
    });
  }
  return header;
}
