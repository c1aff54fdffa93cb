import { readFileSync } from "node:fs";
import { BlockCache, type FetchedBytes } from "../../shared/bytes/block-cache.ts";
import { BreakpadIndexer } from "../../shared/symbols/breakpad/breakpad-index.ts";
import { BreakpadSymbols } from "../../shared/symbols/breakpad/breakpad-symbols.ts";
import { openPdb } from "../../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../../shared/symbols/pdb/pdb-symbols.ts";
import { type Demangle, KEEP_NAMES } from "../../shared/symbols/symbol-file.ts";
import { corpusPath } from "./corpus.ts";

/** Bytes that need no fetching. */
export function fetched(bytes: Uint8Array): FetchedBytes {
  const cache = new BlockCache(bytes.length);
  if (bytes.length > 0) cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}

/** A Breakpad file, indexed in pieces of `piece` bytes. */
export function openBreakpad(bytes: Uint8Array, piece = 65_536, demangle: Demangle = KEEP_NAMES): BreakpadSymbols {
  const indexer = new BreakpadIndexer();
  for (let at = 0; at < bytes.length; at += piece) indexer.push(bytes.subarray(at, at + piece));
  return new BreakpadSymbols(fetched(bytes), indexer.finish(), demangle);
}

/** Bytes of a corpus file. */
export function corpusBytes(...parts: string[]): Uint8Array {
  return new Uint8Array(readFileSync(corpusPath(...parts)));
}

/** UTF-8 of lines. */
export function textBytes(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${lines.join("\n")}\n`);
}

/** A PDB whose bytes are all there. */
export function openPdbSymbols(bytes: Uint8Array, demangle: Demangle = KEEP_NAMES): PdbSymbols {
  return new PdbSymbols(openPdb(fetched(bytes)), demangle);
}
