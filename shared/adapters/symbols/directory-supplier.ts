import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { memorySource } from "../../bytes/byte-source.ts";
import { SourceError } from "../../bytes/errors.ts";
import { type StorePath, storePaths } from "../../symbols/store-paths.ts";
import type {
  CandidateFile,
  ModuleIdentity,
  Supply,
  SymbolFileKind,
  SymbolSupplier,
} from "../../symbols/symbol-supplier.ts";
import { openFile } from "../files/file-source.ts";
import { extractCabinet } from "./cabinet.ts";

/** Files that one module may have: more are other builds under the same name. */
const MAX_CANDIDATES = 4;

/** A directory's entries by lower-case name. */
type Listing = ReadonlyMap<string, string>;

/** Supplier of symbol files and images from local directories; what it opens stays open until it is closed. */
export class DirectorySupplier implements SymbolSupplier {
  readonly #roots: readonly string[];
  readonly #listings = new Map<string, Promise<Listing>>();
  readonly #open: { close(): Promise<void> }[] = [];

  /** @param roots directories in any layout of `storePaths`, best first */
  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  async find(module: ModuleIdentity, kinds: readonly SymbolFileKind[]): Promise<Supply> {
    const files: CandidateFile[] = [];
    const paths = storePaths(module, kinds);
    for (const root of this.#roots) {
      for (const place of paths) {
        if (files.length >= MAX_CANDIDATES) break;
        const source = await this.#source(root, place);
        if (source) files.push({ kind: place.kind, origin: `${basename(root)}/${place.path}`, source });
      }
    }
    return { files, lookedIn: paths.length === 0 ? [] : this.#roots.map((root) => basename(root)) };
  }

  /** Gives back all files. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((file) => file.close()));
  }

  async #source(root: string, place: StorePath): Promise<CandidateFile["source"] | undefined> {
    const path = await this.#resolve(root, place.path.split("/"));
    if (path === undefined) return undefined;
    try {
      const file = await openFile(path);
      if (!place.compressed) {
        this.#open.push(file);
        return file.source;
      }
      await file.close();
      // A cabinet that cannot be unpacked is an empty file: its reader will call it corrupt.
      const unpacked = await extractCabinet(new Uint8Array(await readFile(path)));
      return memorySource(unpacked ?? new Uint8Array(0));
    } catch (error) {
      // A file that cannot be opened is as good as none; another place may have it.
      if (error instanceof SourceError) return undefined;
      throw error;
    }
  }

  /** The real path below a directory, whatever its case. */
  async #resolve(directory: string, parts: readonly string[]): Promise<string | undefined> {
    let path = directory;
    for (const part of parts) {
      const name = (await this.#list(path)).get(part.toLowerCase());
      if (name === undefined) return undefined;
      path = join(path, name);
    }
    return path;
  }

  #list(directory: string): Promise<Listing> {
    let listing = this.#listings.get(directory);
    if (!listing) {
      listing = readdir(directory).then(
        (names) => new Map(names.map((name) => [name.toLowerCase(), name])),
        () => new Map(),
      );
      this.#listings.set(directory, listing);
    }
    return listing;
  }
}
