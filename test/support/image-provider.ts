import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BlockCache, type FetchedBytes } from "../../shared/bytes/block-cache.ts";
import type { DumpModule } from "../../shared/dump/dump.ts";
import { fileImage, headerBytes, type ImageBytes } from "../../shared/image/image-bytes.ts";
import { type PeHeaders, readPeHeaders } from "../../shared/image/pe.ts";
import type { ModuleSymbols, SymbolProvider } from "../../shared/stackwalk/symbol-provider.ts";

/**
 * Images of modules straight from directories: those of SymStore's layout (`name/TIMESTAMPsize/name`) and
 * flat ones, where name, time stamp and size must be the module's. Files are read whole.
 */
export class ImageDirectories implements SymbolProvider {
  readonly #directories: readonly string[];
  readonly #images = new Map<string, { image: ImageBytes; headers: PeHeaders } | undefined>();

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  forModule(_module: DumpModule): ModuleSymbols | undefined {
    return undefined;
  }

  image(module: DumpModule): ImageBytes | undefined {
    const name = module.path.slice(Math.max(module.path.lastIndexOf("/"), module.path.lastIndexOf("\\")) + 1);
    for (const directory of this.#directories) {
      const stamp = (module.timestamp ?? 0).toString(16).toUpperCase().padStart(8, "0");
      const key = `${stamp}${module.size.toString(16)}`;
      for (const path of [
        join(directory, name, key, name),
        join(directory, name),
        join(directory, name.toLowerCase()),
      ]) {
        const found = this.#open(path);
        if (!found) continue;
        if (found.headers.sizeOfImage === module.size && found.headers.timestamp === module.timestamp)
          return found.image;
      }
    }
    return undefined;
  }

  #open(path: string): { image: ImageBytes; headers: PeHeaders } | undefined {
    if (!this.#images.has(path))
      this.#images.set(path, statSync(path, { throwIfNoEntry: false })?.isFile() ? openImage(path) : undefined);
    return this.#images.get(path);
  }
}

/** An image file with its headers; undefined where it is none. */
export function openImage(path: string): { image: ImageBytes; headers: PeHeaders } | undefined {
  const bytes = fetchedFile(path);
  const headers = readPeHeaders(headerBytes(bytes));
  return (
    headers && { headers, image: fileImage(bytes, [{ rva: 0, fileOffset: 0, fileSize: 0x400 }, ...headers.sections]) }
  );
}

/** A whole file as fetched bytes. */
export function fetchedFile(path: string): FetchedBytes {
  const bytes = new Uint8Array(readFileSync(path));
  const cache = new BlockCache(bytes.length);
  cache.add({ start: 0, end: bytes.length }, bytes);
  return cache;
}
