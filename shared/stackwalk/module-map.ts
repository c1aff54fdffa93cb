import type { DumpModule } from "../dump/dump.ts";
import { memoryImage } from "../dump/kernel-dump/live/identities.ts";
import type { Memory } from "../dump/memory.ts";
import type { ImageBytes } from "../image/image-bytes.ts";
import { findPdata, type PdataEntry } from "../image/pdata.ts";
import { type DataDirectory, type PeHeaders, readPeHeaders } from "../image/pe.ts";
import { directFunction, type RuntimeFunction, readUnwindInfo, type UnwindInfo } from "../image/unwind-amd64.ts";
import type { ModuleSymbols, SymbolProvider } from "./symbol-provider.ts";

/** IMAGE_SCN_MEM_EXECUTE. */
const EXECUTABLE = 0x2000_0000;

/** Answers about return addresses that are kept of a module. */
const MAX_RETURNS = 8192;

/** A module with what walks read of it: opened on first use, kept for all threads. */
export class WalkedModule {
  readonly module: DumpModule;
  readonly base: bigint;
  readonly size: bigint;
  readonly #provider: SymbolProvider;
  /** The image as it lay in the crashed machine's memory, and what that has holes for from the provider. */
  readonly image: ImageBytes;
  #symbols: ModuleSymbols | undefined | null = null;
  #file: ImageBytes | undefined | null = null;
  #headers: PeHeaders | undefined | null = null;
  readonly #functions = new Map<number, RuntimeFunction | "none" | "hole">();
  readonly #returns = new Map<number, boolean>();
  readonly #infos = new Map<number, UnwindInfo | "hole" | "unsupported">();

  constructor(module: DumpModule, memory: Memory, provider: SymbolProvider) {
    this.module = module;
    this.base = module.base;
    this.size = BigInt(module.size);
    this.#provider = provider;
    const inMemory = memoryImage(memory, module.base, module.size);
    this.image = {
      read: (rva, length) => {
        const bytes = inMemory.read(rva, length);
        if (bytes.length === length) return bytes;
        const other = this.#imageFile()?.read(rva, length);
        return other && other.length > bytes.length ? other : bytes;
      },
      plan: inMemory.plan,
    };
  }

  get symbols(): ModuleSymbols | undefined {
    if (this.#symbols === null) this.#symbols = this.#provider.forModule(this.module);
    return this.#symbols;
  }

  /** Symbols that were asked for before: never opens a file. */
  get openSymbols(): ModuleSymbols | undefined {
    return this.#symbols ?? undefined;
  }

  #imageFile(): ImageBytes | undefined {
    if (this.#file === null) this.#file = this.#provider.image(this.module);
    return this.#file;
  }

  /** Headers of the image; undefined where it has none that can be read. */
  get headers(): PeHeaders | undefined {
    if (this.#headers === null) this.#headers = readPeHeaders(this.image);
    return this.#headers;
  }

  /** Its table of functions with unwind data; what the loader has noted of it where the header is paged out. */
  get pdata(): DataDirectory | undefined {
    return this.headers ? this.headers.directory("exceptions") : this.module.exceptionTable;
  }

  /** False where the image says that no code lies at the address; undefined where it does not say. */
  isExecutable(rva: number): boolean | undefined {
    const headers = this.headers;
    if (!headers || headers.sections.length === 0) return undefined;
    const section = headers.sections.find((one) => rva >= one.rva && rva - one.rva < one.size);
    return section !== undefined && (section.characteristics & EXECUTABLE) !== 0;
  }

  /** x64: the record of the function at an address; undefined where the image has no table that can be read. */
  runtimeFunction(rva: number): RuntimeFunction | "none" | "hole" | undefined {
    const known = this.#functions.get(rva);
    if (known !== undefined) return known;
    const { image, pdata } = this;
    if (!pdata) return undefined;
    const entry = findPdata(image, pdata, 12, this.module.size, rva);
    const answer = typeof entry === "string" ? entry : functionOf(image, entry, rva);
    this.#functions.set(rva, answer);
    return answer;
  }

  /**
   * Whether a call may return to an address: scans of neighbouring frames ask for the same words.
   * @param narrow whether it is 32-bit code that returns in a WOW64 process: its calls have other forms
   * @param judge tells it of one that was not asked for before
   */
  isReturnAddress(rva: number, narrow: boolean, judge: () => boolean): boolean {
    const key = narrow ? -rva : rva;
    let known = this.#returns.get(key);
    if (known === undefined) {
      known = judge();
      if (this.#returns.size >= MAX_RETURNS) this.#returns.clear();
      this.#returns.set(key, known);
    }
    return known;
  }

  /** ARM and ARM64: the record that starts last before an address. */
  packedFunction(rva: number): PdataEntry | "none" | "hole" | undefined {
    const { image, pdata } = this;
    return pdata && findPdata(image, pdata, 8, this.module.size, rva);
  }

  /** x64: the unwind information at an address. */
  unwindInfo(rva: number): UnwindInfo | "hole" | "unsupported" {
    let info = this.#infos.get(rva);
    if (info === undefined) {
      info = readUnwindInfo(this.image, rva);
      this.#infos.set(rva, info);
    }
    return info;
  }
}

/** The record as it counts for an address: past a function's end there is none. */
function functionOf(image: ImageBytes, entry: PdataEntry, rva: number): RuntimeFunction | "none" | "hole" {
  const { begin, words } = entry;
  const [end, unwind] = words;
  return rva >= end ? "none" : directFunction(image, { begin, end, unwind });
}

/** The modules of a dump by address. */
export class ModuleMap {
  readonly #modules: WalkedModule[];
  readonly #memory: Memory;
  readonly #provider: SymbolProvider;
  #last: WalkedModule | undefined;
  /** One above the highest address of any module. */
  readonly end: bigint = 0n;
  /** The ends as they are now, with modules that were added. */
  #low = 0n;
  #high = 0n;

  constructor(modules: readonly DumpModule[], memory: Memory, provider: SymbolProvider) {
    this.#memory = memory;
    this.#provider = provider;
    this.#modules = modules
      .filter(({ size }) => size > 0)
      .map((module) => new WalkedModule(module, memory, provider))
      .sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
    for (const { base, size } of this.#modules) if (base + size > this.end) this.end = base + size;
    this.#low = this.#modules[0]?.base ?? 0n;
    this.#high = this.end;
  }

  /** Adds a module that no list of the dump has. */
  add(module: DumpModule): void {
    const at = this.#modules.findIndex(({ base }) => base > module.base);
    this.#modules.splice(at < 0 ? this.#modules.length : at, 0, new WalkedModule(module, this.#memory, this.#provider));
    if (module.base < this.#low) this.#low = module.base;
    const end = module.base + BigInt(module.size);
    if (end > this.#high) this.#high = end;
  }

  /** The module that holds an address; where broken lists overlap, the one that starts last. */
  find(address: bigint): WalkedModule | undefined {
    // Most words of a stack are no addresses of code.
    if (address < this.#low || address >= this.#high) return undefined;
    const last = this.#last;
    if (last && address >= last.base && address - last.base < last.size) return last;
    let low = 0;
    let high = this.#modules.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const module = this.#modules[middle] as WalkedModule;
      if (address < module.base) high = middle - 1;
      else if (address - module.base >= module.size) low = middle + 1;
      else {
        this.#last = module;
        return module;
      }
    }
    return undefined;
  }
}
