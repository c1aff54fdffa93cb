import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FormatError } from "../../bytes/errors.ts";
import { at, i32, rawBytes, struct, u16, u32 } from "../../bytes/layout.ts";
import type { ByteRange } from "../../bytes/range.ts";
import { guidText } from "../../image/codeview.ts";
import { Cursor } from "./cursor.ts";
import { Msf, type MsfStream, partOf } from "./msf.ts";

/** Streams that have the same number in every PDB. */
export const STREAM = { info: 1, tpi: 2, dbi: 3, ipi: 4 } as const;
/** A stream number that says "none". */
const NO_STREAM = 0xffff;
/** A PDB of this size is read at once: the ten rounds of its parts would take longer. */
const WHOLE_FILE_BYTES = 1024 * 1024;
/** Stream 1 is read up to here: names of streams are few. */
const MAX_INFO_BYTES = 64 * 1024;
/** Parts of stream 3 up to this size are read whole. */
export const WHOLE_PART_BYTES = 1024 * 1024;
/** Heads of type streams, which come with the other heads. */
const TYPE_HEAD_BYTES = 64;
/** A name of `/names` as it is first read, and the longest one. */
const FIRST_NAME_BYTES = 512;
const MAX_NAME_BYTES = 64 * 1024;
/** Head of `/names`. */
const NAMES_HEAD_BYTES = 12;
/** Streams with names are few: `/names`, `/LinkInfo`, sources. */
const MAX_NAMED_STREAMS = 4096;

/** Head of stream 1. https://llvm.org/docs/PDB/PdbStream.html */
const PDB_INFO = struct("PDBStream70", 28, {
  Version: at(0, u32),
  Signature: at(4, u32),
  Age: at(8, u32),
  Guid: at(12, rawBytes(16)),
});

/** Head of stream 3. https://llvm.org/docs/PDB/DbiStream.html */
const DBI_HEADER = struct("NewDBIHdr", 64, {
  VersionSignature: at(0x00, i32),
  VersionHeader: at(0x04, u32),
  Age: at(0x08, u32),
  GlobalStreamIndex: at(0x0c, u16),
  PublicStreamIndex: at(0x10, u16),
  SymRecordStream: at(0x14, u16),
  ModInfoSize: at(0x18, i32),
  SectionContributionSize: at(0x1c, i32),
  SectionMapSize: at(0x20, i32),
  SourceInfoSize: at(0x24, i32),
  TypeServerMapSize: at(0x28, i32),
  OptionalDbgHeaderSize: at(0x30, i32),
  ECSubstreamSize: at(0x34, i32),
  Machine: at(0x3a, u16),
});

/** Order of the streams that the optional debug header numbers. */
const DEBUG_STREAMS = [
  "fpo",
  "exception",
  "fixup",
  "omapToSource",
  "omapFromSource",
  "sectionHeaders",
  "tokenRidMap",
  "xdata",
  "pdata",
  "newFpo",
  "originalSectionHeaders",
] as const;

/** Streams beside the fixed ones, as the optional debug header names them. */
export type DebugStream = (typeof DEBUG_STREAMS)[number];

/** Parts of stream 3. */
export interface DbiParts {
  readonly publics: MsfStream | undefined;
  readonly records: MsfStream | undefined;
  /** IMAGE_FILE_MACHINE_*. */
  readonly machine: number;
  /** Module infos. */
  readonly modules: MsfStream;
  /** Section contributions. */
  readonly contributions: MsfStream;
  /**
   * Asks for what every look-up needs, so that it comes in one round.
   * @throws MissingRanges
   */
  plan(): void;
  debugStream(which: DebugStream): MsfStream | undefined;
}

/** An opened PDB 7.0: identity and the way to its parts, which are read when they are asked for. */
export interface Pdb {
  readonly msf: Msf;
  /** GUID and age in upper-case hex. */
  readonly debugId: string;
  /** Absent in PDBs of types alone. */
  readonly dbi: DbiParts | undefined;
  /** Where the head of the string table lies. @throws FormatError */
  namesHead(): ByteRange[];
  /** Text at an offset of the string table. */
  nameAt(offset: number): string | undefined;
  /** Where that text lies, as far as it is read at first: for plans. */
  namePlaces(offset: number): ByteRange[];
}

/**
 * Opens a PDB 7.0.
 * @throws FormatError when it is none or contradicts itself
 * @throws MissingRanges
 */
export function openPdb(bytes: FetchedBytes): Pdb {
  if (bytes.size <= WHOLE_FILE_BYTES) bytes.plan([{ start: 0, end: bytes.size }]);
  const msf = new Msf(bytes);
  msf.plan([
    msf.stream(STREAM.info)?.places(0, MAX_INFO_BYTES),
    ...[STREAM.tpi, STREAM.dbi, STREAM.ipi].map((number) => msf.stream(number)?.places(0, TYPE_HEAD_BYTES)),
  ]);
  const info = msf.stream(STREAM.info);
  if (!info) throw new FormatError("format.bad-value", "the PDB has no info stream");
  const { Age, Guid } = PDB_INFO.from(info.bytes(0, PDB_INFO.size));
  const dbiStream = msf.stream(STREAM.dbi);
  const dbi = dbiStream && readDbi(msf, dbiStream);
  // Linkers raise the info's age with every write; images carry that of stream 3.
  const age = dbi?.age ?? Age;
  let opened: MsfStream | null | undefined;
  const names = (): MsfStream | undefined => {
    if (opened === undefined) opened = openNames(msf, namedStream(info, "/names")) ?? null;
    return opened ?? undefined;
  };
  return {
    msf,
    debugId: `${guidText(Guid)}${age.toString(16).toUpperCase()}`,
    dbi,
    namesHead: () => {
      const number = namedStream(info, "/names");
      return (number !== undefined && msf.stream(number)?.places(0, NAMES_HEAD_BYTES)) || [];
    },
    nameAt: (offset) => {
      const table = names();
      return table && offset < table.size ? nameIn(table, offset) : undefined;
    },
    namePlaces: (offset) => names()?.places(offset, FIRST_NAME_BYTES) ?? [],
  };
}

function readDbi(msf: Msf, stream: MsfStream): DbiParts & { readonly age: number } {
  const header = DBI_HEADER.from(stream.bytes(0, DBI_HEADER.size));
  if (header.VersionSignature !== -1) {
    throw new FormatError("format.unsupported", "stream 3 has a form older than Visual C++ 7");
  }
  const sizes = [
    header.ModInfoSize,
    header.SectionContributionSize,
    header.SectionMapSize,
    header.SourceInfoSize,
    header.TypeServerMapSize,
    header.ECSubstreamSize,
    header.OptionalDbgHeaderSize,
  ];
  const ends: number[] = [DBI_HEADER.size];
  for (const size of sizes) ends.push((ends.at(-1) as number) + size);
  if (sizes.some((size) => size < 0) || (ends.at(-1) as number) > stream.size) {
    throw new FormatError("format.bad-value", "the parts of stream 3 are longer than it");
  }
  const part = (index: number): MsfStream => partOf(stream, ends[index] as number, sizes[index] as number);
  const [modules, contributions, debugHeader] = [part(0), part(1), part(6)];
  const publics = msf.stream(header.PublicStreamIndex);
  const whole = (parts: readonly MsfStream[]) =>
    parts.filter(({ size }) => size <= WHOLE_PART_BYTES).map((one) => one.places(0, one.size));
  return {
    age: header.Age,
    machine: header.Machine,
    publics,
    records: msf.stream(header.SymRecordStream),
    modules,
    contributions,
    plan: () => msf.plan([...whole([modules, contributions, debugHeader]), publics?.places(0, TYPE_HEAD_BYTES)]),
    debugStream: (which) => {
      const header = debugHeader.bytes(0, debugHeader.size);
      const index = DEBUG_STREAMS.indexOf(which) * 2;
      const number = index + 2 <= header.length ? new Cursor(header, index).u16() : NO_STREAM;
      return number === NO_STREAM ? undefined : msf.stream(number);
    },
  };
}

/** Number of a named stream. */
function namedStream(info: MsfStream, wanted: string): number | undefined {
  const cursor = new Cursor(info.bytes(0, Math.min(info.size, MAX_INFO_BYTES)), PDB_INFO.size);
  const texts = cursor.take(cursor.u32());
  const count = cursor.u32();
  cursor.skip(4);
  cursor.skip(cursor.u32() * 4);
  cursor.skip(cursor.u32() * 4);
  for (let index = 0; index < Math.min(count, MAX_NAMED_STREAMS); index++) {
    const offset = cursor.u32();
    const number = cursor.u32();
    if (offset < texts.length && new Cursor(texts, offset).text() === wanted) return number;
  }
  return undefined;
}

/** The string table without its head. */
function openNames(msf: Msf, number: number | undefined): MsfStream | undefined {
  const stream = number === undefined ? undefined : msf.stream(number);
  if (!stream) return undefined;
  const head = new Cursor(stream.bytes(0, Math.min(NAMES_HEAD_BYTES, stream.size)));
  if (head.u32() !== 0xeffe_effe) throw new FormatError("format.bad-signature", "/names is no string table");
  head.skip(4);
  const length = head.u32();
  if (NAMES_HEAD_BYTES + length > stream.size) {
    throw new FormatError("format.truncated", "/names is shorter than it says", { actual: stream.size });
  }
  return partOf(stream, NAMES_HEAD_BYTES, length);
}

/** Text up to a NUL: tables of large programs have megabytes, of which a stack needs some lines. */
function nameIn(names: MsfStream, offset: number): string {
  const first = names.bytes(offset, Math.min(FIRST_NAME_BYTES, names.size - offset));
  if (first.includes(0)) return new Cursor(first).text();
  return new Cursor(names.bytes(offset, Math.min(MAX_NAME_BYTES, names.size - offset))).text();
}
