import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import { FormatError, type FormatErrorCode } from "../../../bytes/errors.ts";
import type { RecordOf } from "../../../bytes/layout.ts";
import type { ByteRange } from "../../../bytes/range.ts";
import { type CodeView, MAX_CODEVIEW_BYTES, peCodeId, readCodeView } from "../../../image/codeview.ts";
import { attempt, type Notes } from "../../../notes.ts";
import type { DumpModule } from "../../dump.ts";
import { MINIDUMP_MODULE, VS_FFI_SIGNATURE, VS_FFI_STRUCVERSION } from "../format.ts";
import { readList } from "../list.ts";
import type { NameReader } from "../strings.ts";

/** Most modules that are read; big browsers have some 500. */
export const MAX_MODULES = 8192;

type RawModule = RecordOf<typeof MINIDUMP_MODULE>;
const WHERE = "ModuleListStream";

/**
 * Reads the entries of ModuleListStream in its order, the main module first. Entries without size or
 * beyond the address space are no images: they are dropped with a note.
 */
export function readModuleList(body: Uint8Array, notes: Notes): RawModule[] {
  const all = readList(body, MINIDUMP_MODULE, MAX_MODULES, notes, WHERE);
  const good = all.filter(({ BaseOfImage, SizeOfImage }) => isImageRange(BaseOfImage, SizeOfImage));
  if (good.length < all.length) notes.add("minidump.bad-module", WHERE, `${all.length - good.length} have no size`);
  return good;
}

/** Whether base and size are those of an image: some bytes, and none past the end of the address space. */
export function isImageRange(base: bigint, size: number): boolean {
  return size > 0 && base + BigInt(size) < 2n ** 64n;
}

/** Reads name and identity of one module. */
export function readModule(
  bytes: FetchedBytes,
  raw: RawModule,
  os: string,
  names: NameReader,
  notes: Notes,
): DumpModule {
  const path = names.string(raw.ModuleNameRva, WHERE) ?? "";
  const hasRecord = raw.CvRecord.DataSize > 0;
  const codeView = hasRecord ? attempt(notes, WHERE, () => readRecord(bytes, codeViewRange(raw))) : undefined;
  const version = versionText(raw, os);
  const codeId = codeIdOf(raw, os, hasRecord, codeView);
  const pdb = codeView?.debugFile;
  const debugFile = codeView?.kind === "elf" ? path : pdb && !names.take(pdb.length, WHERE) ? undefined : pdb;
  return {
    base: raw.BaseOfImage,
    size: raw.SizeOfImage,
    path,
    timestamp: raw.TimeDateStamp,
    checksum: raw.CheckSum,
    ...(version === undefined ? {} : { version }),
    ...(codeId === undefined ? {} : { codeId }),
    ...(codeView?.debugId === undefined ? {} : { debugId: codeView.debugId }),
    ...(debugFile === undefined ? {} : { debugFile }),
    identity: codeView === undefined || codeView.kind === "unknown" ? "absent" : "read",
  };
}

/** The bytes of a module's CodeView record. */
export function codeViewRange(raw: RawModule): ByteRange {
  const { DataSize, Rva } = raw.CvRecord;
  return { start: Rva, end: Rva + Math.min(DataSize, MAX_CODEVIEW_BYTES) };
}

function readRecord(bytes: FetchedBytes, range: ByteRange): CodeView {
  const record = readCodeView(bytes.bytes(range.start, range.end - range.start));
  if (record) return record;
  const code: FormatErrorCode = "format.truncated";
  throw new FormatError(code, "a CodeView record is shorter than its signature promises", { offset: range.start });
}

/**
 * Code id by the writer's system: Mach-O has its UUID in a PDB 7.0 record, ELF the build id; PE time
 * stamp and size, on Windows also without a record (wow64cpu.dll has none and can be had by it).
 */
function codeIdOf(raw: RawModule, os: string, hasRecord: boolean, codeView?: CodeView): string | undefined {
  const pe = peCodeId(raw.TimeDateStamp, raw.SizeOfImage);
  if (!hasRecord) return os === "Windows NT" ? pe : undefined;
  switch (codeView?.kind) {
    case "pdb70":
      return isApple(os) ? codeView.guid?.toLowerCase() : pe;
    case "pdb20":
      return pe;
    case "elf":
      return codeView.buildId;
    default:
      return undefined;
  }
}

/** Windows and macOS pack two numbers in a word; Linux writers use one word a number. */
function versionText({ VersionInfo: info }: RawModule, os: string): string | undefined {
  if (info.dwSignature !== VS_FFI_SIGNATURE || info.dwStrucVersion !== VS_FFI_STRUCVERSION) return undefined;
  const { dwFileVersionMS: ms, dwFileVersionLS: ls } = info;
  if (os === "Windows NT" || isApple(os)) return `${ms >>> 16}.${ms & 0xffff}.${ls >>> 16}.${ls & 0xffff}`;
  return `${ms}.${ls}.${info.dwProductVersionMS}.${info.dwProductVersionLS}`;
}

function isApple(os: string): boolean {
  return os === "Mac OS X" || os === "iOS";
}
