import { type FetchedBytes, MissingResource } from "../bytes/block-cache.ts";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { DumpModule } from "../dump/dump.ts";
import type { TypeLayout } from "../dump/type-layout.ts";
import type { ImageBytes } from "../image/image-bytes.ts";
import { readPeHeaders } from "../image/pe.ts";
import { readDebugDirectory } from "../image/pe-identity.ts";
import { attempt, type Notes } from "../notes.ts";
import type { ModuleSymbols, SymbolHit, SymbolProvider } from "../stackwalk/symbol-provider.ts";
import { BreakpadSymbols } from "./breakpad/breakpad-symbols.ts";
import { type ChosenFile, chosenFor, noteUnverified } from "./chosen-files.ts";
import { ExportSymbols } from "./export-symbols.ts";
import { openImageFile } from "./image-file.ts";
import { type IndexedBreakpad, indexBreakpad } from "./open-breakpad.ts";
import { openPdb } from "./pdb/pdb.ts";
import { PdbSymbols } from "./pdb/pdb-symbols.ts";
import { PdbTypes } from "./pdb/pdb-types.ts";
import { type Demangle, KEEP_NAMES, type SymbolFile } from "./symbol-file.ts";
import {
  type CandidateFile,
  identityOf,
  type Supply,
  type SymbolFileKind,
  type SymbolSupplier,
} from "./symbol-supplier.ts";

/** What symbols of a dump's modules are made of. */
export interface SymbolizerOptions {
  /** Absent: there is nowhere to look. */
  readonly supplier?: SymbolSupplier;
  /** Gives a file's bytes to the steps that will ask for symbols: the step runner's. */
  readonly attach: (source: ByteSource) => FetchedBytes;
  /** Counts what is read of a file that is indexed before it is attached. */
  readonly count?: (source: ByteSource) => ByteSource;
  /** Files that are damaged are noted here. */
  readonly notes: Notes;
  readonly demangle?: Demangle;
  /** Files to use for modules that no file of the supplier proves itself to be of. */
  readonly chosen?: readonly ChosenFile[];
  /** An image from the dump's own memory, asked where no file is to be had. */
  readonly imageFromDump?: (module: DumpModule) => ImageBytes | undefined;
}

/** Time stamp and size of a PE image. Other systems' build ids are longer; nothing here reads their images. */
const PE_CODE_ID = /^[0-9a-f]{8}[0-9a-f]{1,8}$/i;
/** Answers of one kind that are kept of a module. */
const MAX_REMEMBERED = 8192;

/** A candidate whose opening may still have to read. */
type Opened = { readonly chosen?: ChosenFile } & (
  | { readonly kind: "breakpad"; readonly bytes: FetchedBytes; readonly indexed: IndexedBreakpad | undefined }
  | { readonly kind: "pdb" | "pe"; readonly bytes: FetchedBytes }
);

/** What a supplier gave for one module and kind of file. */
interface Delivery {
  readonly files: readonly Opened[];
  readonly lookedIn: readonly string[];
}

/** Symbols, images and type layouts of modules, each file opened once and checked against the module's identity. */
export class Symbolizer implements SymbolProvider {
  readonly #options: SymbolizerOptions;
  readonly #deliveries = new Map<string, Delivery>();
  readonly #symbols = new Map<string, ModuleSymbols>();
  readonly #images = new Map<string, ImageBytes | undefined>();
  readonly #exported = new Map<ImageBytes, ExportSymbols | null>();
  readonly #layouts = new Map<string, TypeLayout | undefined>();
  readonly #named = new Map<string, DumpModule>();
  /** Images that are not known to be of their module's build. */
  readonly #unverified = new Set<ImageBytes>();

  constructor(options: SymbolizerOptions) {
    this.#options = options;
  }

  forModule(told: DumpModule): ModuleSymbols | undefined {
    const module = this.#withDebugId(told);
    const { debugFile, debugId, codeFile, codeId } = identityOf(module);
    const isChosen = chosenFor(module, this.#options.chosen).length > 0;
    if (!isChosen && (debugFile === undefined || debugId === undefined)) {
      return codeFile === undefined || codeId === undefined ? undefined : this.#exportsAlone("missing", [], module);
    }
    const key = isChosen ? placeKey(module) : `${debugFile}/${debugId}`;
    const known = this.#symbols.get(key);
    if (known) return known;
    const delivery = this.#delivery(module, ["breakpad", "pdb"]);
    const symbols = this.#choose(delivery, debugId, module);
    this.#symbols.set(key, symbols);
    return symbols;
  }

  image(module: DumpModule): ImageBytes | undefined {
    const { codeFile, codeId } = identityOf(module);
    const key = placeKey(module);
    if (this.#images.has(key)) return this.#images.get(key);
    const { notes, chosen } = this.#options;
    let image: ImageBytes | undefined;
    const isKnown = codeFile !== undefined && codeId !== undefined && PE_CODE_ID.test(codeId);
    if (isKnown || chosenFor(module, chosen).length > 0) {
      const { files } = this.#delivery(module, ["pe"]);
      const open = (file: Opened, id?: string): ImageBytes | undefined =>
        attempt(notes, "symbols/image", () => openImageFile(file.bytes, id));
      if (isKnown) for (const file of files) image ??= open(file, codeId);
      for (const file of files) {
        if (image || !file.chosen) continue;
        image = open(file);
        if (!image) continue;
        noteUnverified(notes, file.chosen, isKnown);
        this.#unverified.add(image);
      }
    }
    image ??= this.#options.imageFromDump?.(module);
    this.#images.set(key, image);
    return image;
  }

  /**
   * The module with the symbol file that its image file names, where the dump does not say: small kernel dumps
   * never do. The image is found by time stamp and size.
   */
  #withDebugId(module: DumpModule): DumpModule {
    const { debugId, codeFile, codeId } = identityOf(module);
    if (debugId !== undefined || codeFile === undefined) return module;
    if (codeId === undefined && chosenFor(module, this.#options.chosen).length === 0) return module;
    const key = placeKey(module);
    const known = this.#named.get(key);
    if (known) return known;
    const image = this.image(module);
    const codeView = attempt(this.#options.notes, "symbols/image", () => {
      const headers = image && readPeHeaders(image);
      return headers && readDebugDirectory(image, headers)?.codeView;
    });
    const named =
      codeView?.debugId !== undefined && codeView.debugFile !== undefined
        ? { ...module, debugId: codeView.debugId, debugFile: codeView.debugFile }
        : module;
    this.#named.set(key, named);
    return named;
  }

  /** Offsets of structures' fields from a module's PDB; undefined without one. May throw MissingRanges. */
  typeLayout(module: DumpModule): TypeLayout | undefined {
    const named = this.#withDebugId(module);
    const { debugFile, debugId } = identityOf(named);
    if (debugFile === undefined || debugId === undefined) return undefined;
    const key = `${debugFile}/${debugId}`;
    if (this.#layouts.has(key)) return this.#layouts.get(key);
    let layout: TypeLayout | undefined;
    for (const { bytes } of this.#delivery(named, ["pdb"]).files) {
      layout ??= attempt(this.#options.notes, "symbols/pdb", () => {
        const pdb = openPdb(bytes);
        return pdb.debugId === debugId ? new PdbTypes(pdb) : undefined;
      });
    }
    this.#layouts.set(key, layout);
    return layout;
  }

  /** The first file that is whole and of this very build, else one that was chosen; else what is to be said of the others. */
  #choose({ files, lookedIn }: Delivery, debugId: string | undefined, module: DumpModule): ModuleSymbols {
    const { notes } = this.#options;
    let status: "missing" | "mismatched" | "corrupt" = "missing";
    let told: { readonly file: SymbolFile; readonly chosen: ChosenFile } | undefined;
    for (const opened of files) {
      const file = this.#open(opened);
      if (file && file.debugId === debugId) {
        return { ...guarded(file, lookedIn, notes), ...this.#byUnverifiedImage(module) };
      }
      if (file && opened.chosen) told ??= { file, chosen: opened.chosen };
      if (file) status = "mismatched";
      else if (status === "missing") status = "corrupt";
    }
    if (!told) return this.#exportsAlone(status, lookedIn, module);
    noteUnverified(notes, told.chosen, debugId !== undefined);
    return { ...guarded(told.file, lookedIn, notes), verified: false };
  }

  #exportsAlone(status: ModuleSymbols["status"], lookedIn: readonly string[], module: DumpModule): ModuleSymbols {
    // Scans ask for every word that may be a return address.
    let exports: ExportSymbols | null | undefined;
    const lookup = (rva: number): SymbolHit | undefined => {
      if (exports === undefined) exports = this.#exports(module) ?? null;
      return exports?.lookup(rva);
    };
    return { ...NO_ANSWERS, status, lookedIn, lookup, ...this.#byUnverifiedImage(module) };
  }

  /** What an image that was used on somebody's word names, or gives to the stack, is no surer than the image. */
  #byUnverifiedImage(module: DumpModule): { readonly verified?: false } {
    if (chosenFor(module, this.#options.chosen).length === 0) return {};
    const image = this.image(module);
    return image && this.#unverified.has(image) ? { verified: false } : {};
  }

  /** Exports of a module's image, for modules without symbols. */
  #exports(module: DumpModule): ExportSymbols | undefined {
    const image = this.image(module);
    if (!image) return undefined;
    const known = this.#exported.get(image);
    if (known !== undefined) return known ?? undefined;
    const { notes, demangle = KEEP_NAMES } = this.#options;
    const exports = attempt(notes, "symbols/exports", () => ExportSymbols.read(image, demangle));
    this.#exported.set(image, exports ?? null);
    return exports;
  }

  #open(opened: Opened): SymbolFile | undefined {
    const demangle = this.#options.demangle ?? KEEP_NAMES;
    if (opened.kind === "breakpad") {
      return opened.indexed && new BreakpadSymbols(opened.bytes, opened.indexed.index, demangle);
    }
    const { notes } = this.#options;
    return attempt(notes, "symbols/pdb", () => new PdbSymbols(openPdb(opened.bytes), demangle, notes));
  }

  /** What the supplier has; asked for once. */
  #delivery(module: DumpModule, kinds: readonly SymbolFileKind[]): Delivery {
    const { supplier, chosen: told } = this.#options;
    if (!supplier && !told?.length) return NOTHING;
    const identity = identityOf(module);
    const chosen = chosenFor(module, told).filter(({ file }) => kinds.includes(file.kind));
    const key = `${kinds.join()} ${Object.values(identity).join("/")}`;
    const known = this.#deliveries.get(key);
    if (known) return known;
    throw new MissingResource(async () => {
      if (this.#deliveries.has(key)) return;
      const { files, lookedIn } = (await supplier?.find(identity, kinds)) ?? NOTHING_FOUND;
      const found = [...files.map((file) => ({ file })), ...chosen.map((one) => ({ file: one.file, chosen: one }))];
      this.#deliveries.set(key, {
        files: await Promise.all(found.map(async ({ file, ...told }) => ({ ...(await this.#prepare(file)), ...told }))),
        lookedIn: [...lookedIn, ...chosen.map(({ file }) => file.origin)],
      });
    });
  }

  async #prepare({ kind, source }: CandidateFile): Promise<Opened> {
    const { attach, notes, count } = this.#options;
    if (kind !== "breakpad") return { kind, bytes: attach(source) };
    const indexed = await indexBreakpad(count?.(source) ?? source, notes);
    return { kind, indexed, bytes: indexed?.kept ?? attach(source) };
  }
}

/** What there is to be had where there is nowhere to look. */
const NOTHING_FOUND: Supply = { files: [], lookedIn: [] };
const NOTHING: Delivery = { files: [], lookedIn: [] };

/** What tells a module of a dump from its others. */
function placeKey(module: DumpModule): string {
  const { codeFile, codeId } = identityOf(module);
  return `${module.base}/${codeFile}/${codeId}`;
}

/** A file's answers; damage that shows itself late is a note and no answer. */
function guarded(file: SymbolFile, lookedIn: readonly string[], notes: Notes): ModuleSymbols {
  const where = "symbols/lookup";
  return {
    status: "found",
    lookedIn,
    lookup: remembered((rva) => attempt(notes, where, () => file.lookup(rva))),
    covers: remembered((rva) => attempt(notes, where, () => file.covers(rva))),
    ...(file.plan ? { plan: (rvas: readonly number[]) => attempt(notes, where, () => file.plan?.(rvas)) } : {}),
    cfi: remembered((rva) => attempt(notes, where, () => file.cfi(rva))),
    describesFrames: file.describesFrames ?? false,
    frameData: remembered((rva) => attempt(notes, where, () => file.frameData(rva))),
  };
}

/** Keeps answers: recursion and steps that run again ask for the same addresses many times. */
function remembered<T>(answer: (rva: number) => T): (rva: number) => T {
  const known = new Map<number, { readonly value: T }>();
  return (rva) => {
    const found = known.get(rva);
    if (found) return found.value;
    const value = answer(rva);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(rva, { value });
    return value;
  };
}

/** Without a symbol file nothing is known of extents and frames. */
const NO_ANSWERS = { covers: () => undefined, cfi: () => undefined, frameData: () => undefined };
