import type { ByteRange } from "../../bytes/range.ts";
import { attempt, Notes } from "../../notes.ts";
import type {
  CfiRules,
  InlinedFunction,
  SourcePlace,
  SymbolHit,
  WinFrameData,
} from "../../stackwalk/symbol-provider.ts";
import type { Demangle, SymbolFile } from "../symbol-file.ts";
import { WorkBudget } from "../work-budget.ts";
import { AddressSpace } from "./address-space.ts";
import { CompilandSymbols, type Procedure } from "./compiland-symbols.ts";
import { bytesOf, type Compiland, type Contributions, readCompilands, readContributions } from "./dbi-modules.ts";
import { FrameRecords } from "./frame-records.ts";
import { IdNames } from "./id-names.ts";
import type { InlineFrame } from "./inline-sites.ts";
import type { LineRef } from "./line-tables.ts";
import { type DbiParts, type Pdb, STREAM, WHOLE_PART_BYTES } from "./pdb.ts";
import { type Publics, publicPlaces, readPublics } from "./publics.ts";
import { markPlaces } from "./type-records.ts";

/** IMAGE_FILE_MACHINE_I386: the only one whose functions have FPO and frame data. */
const X86 = 0x14c;
/** Frame data up to this size come before they are asked for: those of 8,000 functions. */
const EARLY_BYTES = 256 * 1024;
/** A compiland without symbols. */
const NO_STREAM = 0xffff;
/** Compilands that are kept parsed; the oldest goes. A stack touches few. */
const MAX_KEPT = 64;

/** Compilands that are fetched ahead of a scan, which may need none of them: few and small ones. */
const MAX_PLANNED = 16;
const PLANNED_BYTES = 256 * 1024;

/** A compiland as it was found for an address. */
interface Found {
  readonly compiland: CompilandSymbols;
  readonly procedure: Procedure | undefined;
}

/** An address of a function, with the calls that were inlined there. */
interface Site {
  readonly compiland: CompilandSymbols;
  readonly procedure: Procedure;
  readonly linked: number;
  readonly inlines: readonly InlineFrame[];
}

/** A PDB 7.0 as symbols of its image: compilands are read when an address of theirs is asked for. */
export class PdbSymbols implements SymbolFile {
  readonly debugId: string;
  readonly #pdb: Pdb;
  readonly #demangle: Demangle;
  readonly #notes: Notes;
  readonly #budget = new WorkBudget();
  readonly #kept = new Map<number, CompilandSymbols>();
  #space: AddressSpace | undefined;
  #compilands: readonly Compiland[] | undefined;
  #contributions: Contributions | undefined;
  #publics: Publics | undefined;
  #frames: FrameRecords | undefined;
  #idNames: IdNames | undefined;

  /** @param notes what could not be told of an address besides its name */
  constructor(pdb: Pdb, demangle: Demangle, notes = new Notes()) {
    this.#notes = notes;
    this.debugId = pdb.debugId;
    this.#pdb = pdb;
    this.#demangle = demangle;
  }

  lookup(rva: number): SymbolHit | undefined {
    const { dbi } = this.#pdb;
    if (!dbi) return undefined;
    const space = this.#addresses(dbi);
    const linked = space.toLinked(rva);
    if (linked === undefined) return undefined;
    const found = this.#find(dbi, linked);
    const site = this.#site(found, linked);
    if (site) return this.#procedure(site, rva);
    return this.#public(dbi, rva, linked, found?.compiland);
  }

  covers(rva: number): boolean | undefined {
    const { dbi } = this.#pdb;
    const linked = dbi && this.#addresses(dbi).toLinked(rva);
    if (!dbi || linked === undefined) return undefined;
    if (!this.#addresses(dbi).sectionOf(linked)?.executable) return false;
    return this.#find(dbi, linked)?.procedure ? true : undefined;
  }

  cfi(): CfiRules | undefined {
    return undefined;
  }

  frameData(rva: number): WinFrameData | undefined {
    const { dbi } = this.#pdb;
    if (dbi?.machine !== X86) return undefined;
    this.#frames ??= new FrameRecords(this.#pdb, this.#addresses(dbi));
    return this.#frames.at(rva);
  }

  /** All compilands that have symbols, in the order of their numbers: for lists of everything. */
  *compilands(): Generator<CompilandSymbols> {
    const { dbi } = this.#pdb;
    if (!dbi) return;
    this.#compilands ??= readCompilands(dbi);
    for (const compiland of this.#compilands) {
      if (compiland.stream !== NO_STREAM)
        yield new CompilandSymbols(this.#pdb.msf, compiland, this.#addresses(dbi), this.#budget);
    }
  }

  /** Address in the image of an address as linked; undefined when it was thrown away. */
  imageAddress(linked: number): number | undefined {
    return this.#pdb.dbi && this.#addresses(this.#pdb.dbi).fromLinked(linked);
  }

  #addresses(dbi: DbiParts): AddressSpace {
    this.#space ??= new AddressSpace(this.#pdb.msf, dbi, this.#neededSoon(dbi));
    return this.#space;
  }

  /**
   * What look-ups come to: marks of types for inlined calls, the public names of a large file, and on x86 how
   * functions set up their frames.
   */
  #neededSoon(dbi: DbiParts): ByteRange[][] {
    const { msf } = this.#pdb;
    dbi.plan();
    const frames = dbi.machine === X86 ? [dbi.debugStream("newFpo"), dbi.debugStream("fpo")] : [];
    return [
      markPlaces(msf, STREAM.tpi),
      markPlaces(msf, STREAM.ipi),
      publicPlaces(dbi),
      attempt(this.#notes, "symbols/lines", () => this.#pdb.namesHead()) ?? [],
      ...frames.map((stream) => (stream && stream.size <= EARLY_BYTES ? stream.places(0, stream.size) : [])),
    ];
  }

  /** The compiland that an address comes from, with its number; undefined when it has no symbols. */
  #compilandOf(dbi: DbiParts, linked: number): readonly [number, Compiland] | undefined {
    this.#contributions ??= readContributions(this.#pdb.msf, dbi, this.#addresses(dbi));
    const number = this.#contributions.compilandAt(linked);
    if (number === undefined) return undefined;
    this.#compilands ??= readCompilands(dbi);
    const head = this.#compilands[number];
    return head && head.stream !== NO_STREAM ? [number, head] : undefined;
  }

  #find(dbi: DbiParts, linked: number): Found | undefined {
    const [number, head] = this.#compilandOf(dbi, linked) ?? [];
    if (number === undefined || !head) return undefined;
    let compiland = this.#kept.get(number);
    if (!compiland) {
      compiland = new CompilandSymbols(this.#pdb.msf, head, this.#addresses(dbi), this.#budget);
      const oldest = this.#kept.size < MAX_KEPT ? undefined : this.#kept.keys().next().value;
      if (oldest !== undefined) this.#kept.delete(oldest);
      this.#kept.set(number, compiland);
    }
    return { compiland, procedure: compiland.procedureAt(linked) };
  }

  plan(rvas: readonly number[]): void {
    const { dbi, msf } = this.#pdb;
    if (!dbi || dbi.contributions.size > WHOLE_PART_BYTES) return;
    const space = this.#addresses(dbi);
    const wanted = rvas
      .map((rva) => space.toLinked(rva))
      .filter((linked) => linked !== undefined && space.sectionOf(linked)?.executable) as number[];
    const asked = new Map<number, Compiland>();
    for (const linked of wanted) {
      const [number, head] = this.#compilandOf(dbi, linked) ?? [];
      if (number !== undefined && head && bytesOf(head) <= PLANNED_BYTES && asked.size < MAX_PLANNED)
        asked.set(number, head);
    }
    msf.plan([...asked.values()].map((head) => msf.stream(head.stream)?.places(0, bytesOf(head))));
    const sites = wanted
      .filter((linked) => asked.has(this.#compilandOf(dbi, linked)?.[0] ?? -1))
      .map((linked) => this.#site(this.#find(dbi, linked), linked));
    this.#planNames(sites.filter((site) => site !== undefined));
  }

  #site(found: Found | undefined, linked: number): Site | undefined {
    if (!found?.procedure) return undefined;
    const { compiland, procedure } = found;
    const inlines = attempt(this.#notes, "symbols/inlines", () => compiland.inlinesAt(procedure, linked)) ?? [];
    return { compiland, procedure, linked, inlines };
  }

  /** Files' and inlined functions' names of addresses: what they are read for comes in one round, and their classes in the next. */
  #planNames(sites: readonly Site[]): void {
    const { msf } = this.#pdb;
    const files = sites.map(({ compiland: { lines }, linked, inlines }) =>
      attempt(this.#notes, "symbols/lines", () => {
        const refs = [lines.lineAt(linked), ...inlines.map(({ place }) => place)];
        const names = new Set(refs.map((ref) => ref && lines.fileName(ref.file)));
        return [...names].flatMap((name) => (name === undefined ? [] : this.#pdb.namePlaces(name)));
      }),
    );
    const ids = sites.flatMap(({ inlines }) => inlines.map(({ inlinee }) => inlinee));
    const places = (find: (names: IdNames) => ByteRange[]): ByteRange[] =>
      (ids.length > 0 && attempt(this.#notes, "symbols/inlines", () => find(this.#ids()))) || [];
    msf.plan([...files, places((names) => names.places(ids))]);
    msf.plan([places((names) => names.scopePlaces(ids))]);
  }

  #ids(): IdNames {
    this.#idNames ??= new IdNames(this.#pdb);
    return this.#idNames;
  }

  #procedure(site: Site, rva: number): SymbolHit {
    this.#planNames([site]);
    const { compiland, procedure, linked } = site;
    const paramSize = this.#parameterSize(rva);
    return {
      name: this.#demangle(procedure.name) ?? procedure.name,
      rawName: procedure.name,
      rva: this.#addresses(this.#pdb.dbi as DbiParts).fromLinked(procedure.start) ?? rva,
      size: procedure.size,
      ...(paramSize !== undefined && { parameterSize: paramSize }),
      ...this.#place(compiland, () => compiland.lines.lineAt(linked)),
      inlines: attempt(this.#notes, "symbols/inlines", () => this.#inlines(site)) ?? [],
    };
  }

  #inlines({ compiland, inlines }: Site): InlinedFunction[] {
    return inlines.map(({ inlinee, place }) => {
      const rawName = this.#ids().functionName(inlinee) ?? "";
      return { name: this.#demangle(rawName) ?? rawName, ...this.#place(compiland, () => place) };
    });
  }

  #parameterSize(rva: number): number | undefined {
    return attempt(this.#notes, "symbols/frame-data", () => this.frameData(rva)?.paramSize);
  }

  #public(dbi: DbiParts, rva: number, linked: number, compiland: CompilandSymbols | undefined): SymbolHit | undefined {
    const space = this.#addresses(dbi);
    const section = space.sectionOf(linked);
    if (!section) return undefined;
    this.#publics ??= readPublics(this.#pdb.msf, dbi, space);
    const found = this.#publics.below(linked);
    if (!found || found.start < section.start) return undefined;
    const plain = dbi.machine === X86 ? undecorated(found.name) : { name: found.name };
    const paramSize = this.#parameterSize(rva) ?? plain.parameterBytes;
    return {
      name: this.#demangle(found.name) ?? plain.name,
      rawName: found.name,
      rva: space.fromLinked(found.start) ?? rva,
      ...(paramSize !== undefined && { parameterSize: paramSize }),
      // Assembler sources have lines and no procedures.
      ...this.#place(compiland, () => compiland?.lines.lineAt(linked)),
      inlines: [],
    };
  }

  /** File and line; a damaged line table takes nothing else of the answer. */
  #place(compiland: CompilandSymbols | undefined, find: () => LineRef | undefined): SourcePlace {
    const place = attempt(this.#notes, "symbols/lines", (): SourcePlace => {
      const ref = find();
      if (!ref || !compiland) return {};
      const offset = compiland.lines.fileName(ref.file);
      const file = offset === undefined ? undefined : this.#pdb.nameAt(offset);
      return { ...(file !== undefined && { file }), ...(ref.line > 0 && { line: ref.line }) };
    });
    return place ?? {};
  }
}

/**
 * A C name of x86 without its decoration: `_cdecl`, `_stdcall@8`, `@fastcall@8`.
 * @returns with the bytes that a stdcall function takes off the stack
 */
function undecorated(name: string): { readonly name: string; readonly parameterBytes?: number } {
  const match = /^([_@]?)([^?@]+)@(\d{1,4})$/.exec(name);
  if (match) {
    const bytes = Number(match[3]);
    // The first two words of fastcall come in registers.
    return { name: match[2] as string, parameterBytes: match[1] === "@" ? Math.max(0, bytes - 8) : bytes };
  }
  return { name: name.startsWith("_") && name.length > 1 ? name.slice(1) : name };
}
