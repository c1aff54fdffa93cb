import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { dataView } from "../../../bytes/layout.ts";
import { WHOLE_READ_LIMIT } from "../../../bytes/step-runner.ts";
import type { Notes } from "../../../notes.ts";
import type { DumpSection } from "../../dump.ts";
import { DUMP_BLOB_FILE_HEADER, DUMP_BLOB_HEADER } from "../format.ts";

/** `Dump` and `Blob`. */
const BLOB_SIGNATURE1 = 0x706d7544;
const BLOB_SIGNATURE2 = 0x626f6c42;
/** Most blobs that are listed; files seen have up to 60. */
const MAX_BLOBS = 512;
/** Secondary data up to this size is asked for in one round: walking its headers would cost one each. */
const PLANNED_BYTES = 2 * 1024 * 1024;
/** Behind that every header may cost a round. */
const MAX_BLOBS_LARGE = 16;

/** A piece of secondary data, not looked into yet. */
export interface BlobPlace {
  /** GUID as people write it. */
  readonly tag: string;
  /** File offset of the data. */
  readonly offset: number;
  /** Bytes, as its header says: they can reach past the end of the file. */
  readonly size: number;
}

/** What lies behind the primary part. */
export interface BlobChain {
  readonly sections: readonly DumpSection[];
  readonly blobs: readonly BlobPlace[];
  /** True when a blob reaches past the end of the file. */
  readonly truncated: boolean;
}

const NOTHING: BlobChain = { sections: [], blobs: [], truncated: false };

/**
 * Walks the chain of secondary data from its file header. It ends at the first header of another
 * size or at the end of the file. What lies behind it is never looked at: it can be old disk
 * content that has nothing to do with the crash.
 * @param start file offset where the primary part ends
 */
export function readBlobChain(bytes: FetchedBytes, start: number, notes: Notes): BlobChain {
  const head = bytes.upTo(start, DUMP_BLOB_FILE_HEADER.size);
  if (head.length < DUMP_BLOB_FILE_HEADER.size) return NOTHING;
  const file = DUMP_BLOB_FILE_HEADER.from(head);
  if (file.Signature1 !== BLOB_SIGNATURE1 || file.Signature2 !== BLOB_SIGNATURE2) {
    return NOTHING;
  }
  const blobs: BlobPlace[] = [];
  const sections: DumpSection[] = [{ name: "DUMP_BLOB_FILE_HEADER", offset: start, size: file.HeaderSize }];
  bytes.plan([{ start, end: Math.min(bytes.size, start + PLANNED_BYTES) }]);
  const far = bytes.size > WHOLE_READ_LIMIT && bytes.size - start > PLANNED_BYTES;
  const limit = far ? MAX_BLOBS_LARGE : MAX_BLOBS;
  let offset = start + Math.max(file.HeaderSize, DUMP_BLOB_FILE_HEADER.size);
  for (let index = 0; ; index++) {
    const bytesOfHeader = bytes.upTo(offset, DUMP_BLOB_HEADER.size);
    if (bytesOfHeader.length < DUMP_BLOB_HEADER.size) return { sections, blobs, truncated: false };
    const blob = DUMP_BLOB_HEADER.from(bytesOfHeader);
    if (blob.HeaderSize !== DUMP_BLOB_HEADER.size) return { sections, blobs, truncated: false };
    if (index === limit) {
      notes.add("limit.blobs", "secondary-data", `the first ${limit} pieces are listed`);
      return { sections, blobs, truncated: false };
    }
    const data = offset + blob.HeaderSize + blob.PrePad;
    const place = { tag: guidText(blob.Tag), offset: data, size: blob.DataSize };
    blobs.push(place);
    sections.push({ name: `blob ${place.tag}`, offset: place.offset, size: place.size });
    offset = data + blob.DataSize + blob.PostPad;
    if (data + blob.DataSize > bytes.size) return { sections, blobs, truncated: true };
  }
}

/** A GUID as people write it. */
function guidText(bytes: Uint8Array): string {
  const view = dataView(bytes);
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const tail = Array.from(bytes.subarray(8), (byte) => hex(byte, 2)).join("");
  const head = [hex(view.getUint32(0, true), 8), hex(view.getUint16(4, true), 4), hex(view.getUint16(6, true), 4)];
  return `${head.join("-")}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
