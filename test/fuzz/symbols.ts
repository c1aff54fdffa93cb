import { readFileSync } from "node:fs";
import { extractCabinet } from "../../shared/adapters/symbols/cabinet.ts";
import { GeckoDemangler } from "../../shared/adapters/symbols/demangler.ts";
import { BlockCache } from "../../shared/bytes/block-cache.ts";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import { peCodeId } from "../../shared/image/codeview.ts";
import { headerBytes } from "../../shared/image/image-bytes.ts";
import { findPdata } from "../../shared/image/pdata.ts";
import { readPeHeaders } from "../../shared/image/pe.ts";
import { readDebugDirectory, readFileVersion } from "../../shared/image/pe-identity.ts";
import { readUnwindInfo } from "../../shared/image/unwind-amd64.ts";
import { readArm64Unwind } from "../../shared/image/unwind-arm64.ts";
import { Notes } from "../../shared/notes.ts";
import { BreakpadIndexer } from "../../shared/symbols/breakpad/breakpad-index.ts";
import { BreakpadSymbols } from "../../shared/symbols/breakpad/breakpad-symbols.ts";
import { ExportSymbols } from "../../shared/symbols/export-symbols.ts";
import { openImageFile } from "../../shared/symbols/image-file.ts";
import { openPdb } from "../../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../../shared/symbols/pdb/pdb-symbols.ts";
import { PdbTypes } from "../../shared/symbols/pdb/pdb-types.ts";
import type { SymbolFile } from "../../shared/symbols/symbol-file.ts";
import { corpusFiles, corpusPath } from "../support/corpus.ts";
import { mutate } from "../support/mutate.ts";
import { buildCabinet } from "../support/synth/synth-cabinet.ts";

/** Forms of files that are damaged. */
export type SymbolKind = "pdb" | "breakpad" | "pe" | "cabinet";

/** A symbol file to damage. */
export interface SymbolInput {
  readonly name: string;
  readonly kind: SymbolKind;
  read(): Uint8Array;
}

/** Addresses that are asked for: enough that most functions of small files are. */
const LOOKUPS = 64;
/** Images of the inputs are at most this long. */
const REACH = 0x20_0000;

const KINDS: Readonly<Record<string, SymbolKind>> = {
  pdb: "pdb",
  sym: "breakpad",
  exe: "pe",
  dll: "pe",
  pd_: "cabinet",
};
/** PDBs up to this size are packed again into cabinets. */
const PACKED_BYTES = 100 * 1024;
const gecko = new GeckoDemangler();

/** Symbol files and images of the corpus up to a size, and cabinets of the smallest PDBs. */
export function symbolInputs(maxBytes: number): SymbolInput[] {
  const files = corpusFiles("", ".pdb", ".sym", ".exe", ".dll", ".pd_")
    .map(
      (name): SymbolInput => ({
        name,
        kind: KINDS[name.slice(-3)] as SymbolKind,
        read: () => new Uint8Array(readFileSync(corpusPath(name))),
      }),
    )
    .filter(({ read }) => read().length <= maxBytes);
  const packed = files
    .filter(({ kind, read }) => kind === "pdb" && read().length <= PACKED_BYTES)
    .map(
      ({ name, read }): SymbolInput => ({
        name: name.replace(/b$/, "_"),
        kind: "cabinet",
        read: () => buildCabinet("packed.pdb", read()),
      }),
    );
  return [...files, ...packed];
}

/**
 * Damages a file. Every second seed spares what leads to the rest (first line; head and directory of a PDB, headers
 * of an image), so that damage reaches the readers of records and not only the first check.
 */
export function damage(original: Uint8Array, seed: number, kind: SymbolKind): { bytes: Uint8Array; made: string } {
  const { bytes, made } = mutate(original, seed);
  if ((seed & 1) === 0) return { bytes, made: String(made) };
  const spared: Readonly<Record<SymbolKind, () => (readonly [number, number])[]>> = {
    pdb: () => skeleton(original),
    breakpad: () => [[0, original.indexOf(0x0a)]],
    pe: () => [[0, 0x400]],
    cabinet: () => [[0, 64]],
  };
  for (const [start, end] of spared[kind]()) {
    if (end <= bytes.length) bytes.set(original.subarray(start, end), start);
  }
  return { bytes, made: `${made}, skeleton spared` };
}

/** Ranges of a PDB's superblock, block map and directory. */
function skeleton(pdb: Uint8Array): (readonly [number, number])[] {
  if (pdb[0] !== 0x4d) return [];
  const view = new DataView(pdb.buffer, pdb.byteOffset, pdb.byteLength);
  const [blockSize, directory, map] = [0x20, 0x2c, 0x34].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const blocks = Array.from({ length: Math.ceil(directory / blockSize) }, (_, index) =>
    view.getUint32(map * blockSize + index * 4, true),
  );
  return [0, map, ...blocks].map((block) => [block * blockSize, (block + 1) * blockSize] as const);
}

/** What became of one damaged file: `read`, `refused`, `partly` when it broke later, or the fault to repair. */
export interface SymbolResult {
  readonly status: "read" | "refused" | "partly" | "crash";
  readonly crash?: string;
}

/** Opens a symbol file and asks it everything, as an analysis would. */
export async function fuzzSymbols(bytes: Uint8Array, kind: SymbolKind): Promise<SymbolResult> {
  if (kind === "pe") return fuzzImage(bytes);
  if (kind !== "cabinet") return fuzzOpened(bytes, kind);
  try {
    const unpacked = await extractCabinet(bytes);
    return unpacked ? fuzzOpened(unpacked, "pdb") : { status: "refused" };
  } catch (error) {
    return { status: "crash", crash: String(error instanceof Error ? error.stack : error) };
  }
}

function fuzzOpened(bytes: Uint8Array, kind: "pdb" | "breakpad"): SymbolResult {
  const notes = new Notes();
  const opened = typed(() => (kind === "pdb" ? openPdbFile(bytes, notes) : openSymFile(bytes)));
  if (opened.crash !== undefined) return { status: "crash", crash: opened.crash };
  if (!opened.value) return { status: "refused" };
  const file = opened.value;
  const asked = askAll((rva) => (["lookup", "covers", "cfi", "frameData"] as const).map((ask) => () => file[ask](rva)));
  if (asked.crash !== undefined) return { status: "crash", crash: asked.crash };
  let broken = asked.refused;
  if (kind === "pdb") {
    const types = typed(() => new PdbTypes(openPdb(fetchedBytes(bytes))).offsetOf("_CONTEXT", "Rip"));
    if (types.crash !== undefined) return { status: "crash", crash: types.crash };
    broken ||= types.refused;
  }
  const fault = notes.list().find(({ code }) => code.startsWith("internal."));
  if (fault) return { status: "crash", crash: `${fault.code} in ${fault.where}` };
  return { status: broken || notes.list().length > 0 ? "partly" : "read" };
}

/** Headers, exports, version and unwind data of an image. */
function fuzzImage(bytes: Uint8Array): SymbolResult {
  const file = fetchedBytes(bytes);
  const headers = typed(() => readPeHeaders(headerBytes(file)));
  if (headers.crash !== undefined) return { status: "crash", crash: headers.crash };
  const found = headers.value;
  const image = found && typed(() => openImageFile(file, peCodeId(found.timestamp, found.sizeOfImage)));
  if (image?.crash !== undefined) return { status: "crash", crash: image.crash };
  const opened = image?.value;
  if (!found || !opened) return { status: "refused" };
  const facts = [typed(() => readDebugDirectory(opened, found)), typed(() => readFileVersion(opened, found))];
  const exports = typed(() => ExportSymbols.read(opened, (name) => gecko.demangle(name)));
  const table = found.directory("exceptions");
  const asked = askAll((rva) => [
    () => exports.value?.lookup(rva),
    () => {
      const entry = table && findPdata(opened, table, 12, found.sizeOfImage, rva);
      if (!entry || typeof entry === "string") return;
      readUnwindInfo(opened, entry.words[1]);
      readArm64Unwind(opened, entry);
    },
  ]);
  const all = [...facts, exports, asked];
  const crash = all.find((one) => one.crash !== undefined)?.crash;
  if (crash !== undefined) return { status: "crash", crash };
  return { status: all.some(({ refused }) => refused) ? "partly" : "read" };
}

/** Asks the same questions of many addresses. */
function askAll(questions: (rva: number) => readonly (() => unknown)[]): { refused: boolean; crash?: string } {
  let refused = false;
  for (let index = 0; index < LOOKUPS; index++) {
    const rva = Math.floor((REACH / LOOKUPS / LOOKUPS) * index * index) + index;
    for (const question of questions(rva)) {
      const answer = typed(question);
      if (answer.crash !== undefined) return { refused, crash: answer.crash };
      refused ||= answer.refused;
    }
  }
  return { refused };
}

function fetchedBytes(bytes: Uint8Array): BlockCache {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

function openPdbFile(bytes: Uint8Array, notes: Notes): SymbolFile {
  return new PdbSymbols(openPdb(fetchedBytes(bytes)), (name) => gecko.demangle(name), notes);
}

function openSymFile(bytes: Uint8Array): SymbolFile {
  const indexer = new BreakpadIndexer();
  indexer.push(bytes);
  return new BreakpadSymbols(fetchedBytes(bytes), indexer.finish(), (name) => gecko.demangle(name));
}

/** Runs a step: only errors of our own kinds may come out of it. */
function typed<T>(step: () => T): { readonly value?: T; readonly refused: boolean; readonly crash?: string } {
  try {
    return { value: step(), refused: false };
  } catch (error) {
    if (error instanceof StopcodeError) return { refused: true };
    const text = error instanceof Error ? `${error.stack}` : "something that is no Error";
    return { refused: false, crash: text };
  }
}
