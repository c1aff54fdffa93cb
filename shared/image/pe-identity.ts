import { dataView } from "../bytes/layout.ts";
import { type CodeView, MAX_CODEVIEW_BYTES, readCodeView } from "./codeview.ts";
import type { ImageBytes } from "./image-bytes.ts";
import type { PeHeaders } from "./pe.ts";
import {
  DEBUG_TYPE,
  IMAGE_DEBUG_DIRECTORY,
  IMAGE_RESOURCE_DIRECTORY,
  VS_FIXEDFILEINFO,
  VS_SIGNATURE,
} from "./pe-format.ts";

/** Images have up to about six debug entries. */
const MAX_DEBUG_ENTRIES = 16;
/** Longest CodeView record that is read in memory: build paths stay below. */
const CODEVIEW_BYTES = Math.min(1024, MAX_CODEVIEW_BYTES);
/** RT_VERSION. */
const VERSION_TYPE = 16;
/** Entries of one resource directory that are looked at: types and languages are few. */
const MAX_RESOURCES = 256;
/** The directories of a driver's resources lie in its first page, mostly with the version itself. */
const RESOURCE_HEAD = 1024;
/** VS_VERSIONINFO starts with its key `VS_VERSION_INFO`; the fixed part follows aligned. */
const VERSION_HEAD = 0x60;

/** What a debug directory tells. */
export interface DebugFacts {
  /** Absent where there is no CodeView record or it lies in a hole. */
  readonly codeView?: CodeView;
  /** True when the linker says that time stamps are hashes of the content (IMAGE_DEBUG_TYPE_REPRO). */
  readonly reproducible: boolean;
}

/**
 * Reads the debug directory of an image.
 * @returns undefined where the image has none or its first entry lies in a hole
 */
export function readDebugDirectory(image: ImageBytes, headers: PeHeaders): DebugFacts | undefined {
  const directory = headers.directory("debug");
  if (!directory) return undefined;
  const count = Math.min(MAX_DEBUG_ENTRIES, Math.floor(directory.size / IMAGE_DEBUG_DIRECTORY.size));
  const table = image.read(directory.rva, count * IMAGE_DEBUG_DIRECTORY.size);
  const entries = Array.from({ length: Math.floor(table.length / IMAGE_DEBUG_DIRECTORY.size) }, (_, index) =>
    IMAGE_DEBUG_DIRECTORY.from(table.subarray(index * IMAGE_DEBUG_DIRECTORY.size)),
  );
  if (entries.length === 0) return undefined;
  const record = entries.find(({ Type, AddressOfRawData }) => Type === DEBUG_TYPE.codeView && AddressOfRawData > 0);
  const codeView =
    record && readCodeView(image.read(record.AddressOfRawData, Math.min(record.SizeOfData, CODEVIEW_BYTES)));
  return {
    ...(codeView === undefined || codeView.kind === "unknown" ? {} : { codeView }),
    reproducible: entries.some(({ Type }) => Type === DEBUG_TYPE.repro),
  };
}

/**
 * The file version in an image's version resource, dotted.
 * @returns undefined where it has none or a part on the way lies in a hole
 */
export function readFileVersion(image: ImageBytes, headers: PeHeaders): string | undefined {
  const resources = headers.directory("resources");
  if (!resources) return undefined;
  const type = resourceEntry(image, resources.rva, 0, VERSION_TYPE);
  const name = type === undefined ? undefined : resourceEntry(image, resources.rva, type);
  const language = name === undefined ? undefined : resourceEntry(image, resources.rva, name);
  if (language === undefined) return undefined;
  const data = image.read(resources.rva + language, 8);
  if (data.length < 8) return undefined;
  const version = image.read(dataView(data).getUint32(0, true), VERSION_HEAD);
  for (let offset = 0; offset + VS_FIXEDFILEINFO.size <= version.length; offset += 4) {
    const fixed = VS_FIXEDFILEINFO.from(version.subarray(offset));
    if (fixed.Signature !== VS_SIGNATURE) continue;
    const { FileVersionMS: high, FileVersionLS: low } = fixed;
    return [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].join(".");
  }
  return undefined;
}

/** What the reading of an identity needs first, for a plan: directories of the debug data and of the resources. */
export function identityRanges(headers: PeHeaders): { rva: number; length: number }[] {
  const debug = headers.directory("debug");
  const resources = headers.directory("resources");
  return [
    // The CodeView record mostly lies near its directory.
    ...(debug
      ? [{ rva: debug.rva, length: Math.min(debug.size, MAX_DEBUG_ENTRIES * IMAGE_DEBUG_DIRECTORY.size) }]
      : []),
    ...(resources ? [{ rva: resources.rva, length: Math.min(resources.size, RESOURCE_HEAD) }] : []),
  ];
}

/** Offset, from the start of the resources, of what an entry leads to: the one with this id, or the first. */
function resourceEntry(image: ImageBytes, root: number, directory: number, id?: number): number | undefined {
  const head = image.read(root + directory, IMAGE_RESOURCE_DIRECTORY.size);
  if (head.length < IMAGE_RESOURCE_DIRECTORY.size) return undefined;
  const { NumberOfNamedEntries, NumberOfIdEntries } = IMAGE_RESOURCE_DIRECTORY.from(head);
  const count = Math.min(MAX_RESOURCES, NumberOfNamedEntries + NumberOfIdEntries);
  const entries = dataView(image.read(root + directory + IMAGE_RESOURCE_DIRECTORY.size, count * 8));
  for (let at = 0; at + 8 <= entries.byteLength; at += 8) {
    // Named entries have the high bit set in the first word, subdirectories in the second.
    if (id === undefined || entries.getUint32(at, true) === id) return entries.getUint32(at + 4, true) & 0x7fff_ffff;
  }
  return undefined;
}
