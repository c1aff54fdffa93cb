import { readFileSync } from "node:fs";
import { BlockCache } from "../../shared/bytes/block-cache.ts";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import { Notes } from "../../shared/notes.ts";
import { BreakpadIndexer } from "../../shared/symbols/breakpad/breakpad-index.ts";
import { BreakpadSymbols } from "../../shared/symbols/breakpad/breakpad-symbols.ts";
import { openPdb } from "../../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../../shared/symbols/pdb/pdb-symbols.ts";
import { PdbTypes } from "../../shared/symbols/pdb/pdb-types.ts";
import { KEEP_NAMES, type SymbolFile } from "../../shared/symbols/symbol-file.ts";
import { corpusFiles, corpusPath } from "../support/corpus.ts";
import { mutate } from "../support/mutate.ts";

/** A symbol file to damage. */
export interface SymbolInput {
  readonly name: string;
  read(): Uint8Array;
}

/** Addresses that are asked for: enough that most functions of small files are. */
const LOOKUPS = 64;
/** Images of the inputs are at most this long. */
const REACH = 0x20_0000;

/** Symbol files of the corpus up to a size. */
export function symbolInputs(maxBytes: number): SymbolInput[] {
  return corpusFiles("", ".pdb", ".sym")
    .map((name) => ({ name, read: () => new Uint8Array(readFileSync(corpusPath(name))) }))
    .filter(({ read }) => read().length <= maxBytes);
}

/**
 * Damages a file. Every second seed spares what leads to the rest (first line; head and directory of a PDB),
 * so that damage reaches the readers of records and not only the first check.
 */
export function damage(original: Uint8Array, seed: number, isPdb: boolean): { bytes: Uint8Array; made: string } {
  const { bytes, made } = mutate(original, seed);
  if ((seed & 1) === 0) return { bytes, made: String(made) };
  for (const [start, end] of isPdb ? skeleton(original) : [[0, original.indexOf(0x0a)] as const]) {
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
export function fuzzSymbols(bytes: Uint8Array, isPdb: boolean): SymbolResult {
  const notes = new Notes();
  const opened = typed(() => (isPdb ? openPdbFile(bytes, notes) : openSymFile(bytes)));
  if (opened.crash !== undefined) return { status: "crash", crash: opened.crash };
  if (!opened.value) return { status: "refused" };
  const file = opened.value;
  let broken = false;
  for (let index = 0; index < LOOKUPS; index++) {
    const rva = Math.floor((REACH / LOOKUPS / LOOKUPS) * index * index) + index;
    for (const ask of ["lookup", "covers", "cfi", "frameData"] as const) {
      const { crash, refused } = typed(() => file[ask](rva));
      if (crash !== undefined) return { status: "crash", crash };
      broken ||= refused;
    }
  }
  if (isPdb) {
    const types = typed(() => new PdbTypes(openPdb(fetchedBytes(bytes))).offsetOf("_CONTEXT", "Rip"));
    if (types.crash !== undefined) return { status: "crash", crash: types.crash };
    broken ||= types.refused;
  }
  const fault = notes.list().find(({ code }) => code.startsWith("internal."));
  if (fault) return { status: "crash", crash: `${fault.code} in ${fault.where}` };
  return { status: broken || notes.list().length > 0 ? "partly" : "read" };
}

function fetchedBytes(bytes: Uint8Array): BlockCache {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

function openPdbFile(bytes: Uint8Array, notes: Notes): SymbolFile {
  return new PdbSymbols(openPdb(fetchedBytes(bytes)), KEEP_NAMES, notes);
}

function openSymFile(bytes: Uint8Array): SymbolFile {
  const indexer = new BreakpadIndexer();
  indexer.push(bytes);
  return new BreakpadSymbols(fetchedBytes(bytes), indexer.finish(), KEEP_NAMES);
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
