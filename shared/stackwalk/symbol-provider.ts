import type { DumpModule } from "../dump/dump.ts";
import type { ImageBytes } from "../image/image-bytes.ts";

/**
 * What walkers and reports need to know of modules beyond the dump. The symbols room implements it over
 * symbol files and image files, wherever they come from. All addresses are relative to a module's base.
 */

/** A place in source code. */
export interface SourcePlace {
  readonly file?: string;
  readonly line?: number;
}

/** A function that was inlined at an address. */
export interface InlinedFunction extends SourcePlace {
  readonly name: string;
}

/** The function, or public symbol, that holds an address. */
export interface SymbolHit extends SourcePlace {
  /** Demangled, where a demangler knows the form. */
  readonly name: string;
  /** As the symbol file has it. */
  readonly rawName: string;
  /** Where it starts. */
  readonly rva: number;
  /** Bytes; absent for public symbols. */
  readonly size?: number;
  /** Bytes of parameters that the callee takes off the stack (x86). */
  readonly parameterSize?: number;
  /** Outermost first. */
  readonly inlines: readonly InlinedFunction[];
}

/** STACK CFI rules that hold at an address: `.cfa`, `.ra` and registers, each a postfix expression. */
export interface CfiRules {
  readonly rules: ReadonlyMap<string, string>;
}

/** A STACK WIN record: FrameData (`program`) or FPO of x86 code. Sizes in bytes. */
export interface WinFrameData {
  readonly type: "frame-data" | "fpo";
  /** Start of the code that it describes. */
  readonly rva: number;
  readonly codeSize: number;
  readonly prologSize: number;
  readonly paramSize: number;
  readonly savedRegSize: number;
  readonly localSize: number;
  readonly maxStack: number;
  /** Postfix program of a FrameData record. */
  readonly program?: string;
  /** FPO without a program: whether the function keeps EBP as a register of its own. */
  readonly usesBp: boolean;
}

/** Symbols of one module. Synchronous; may throw MissingRanges or MissingResource. */
export interface ModuleSymbols {
  readonly status: "found" | "missing" | "mismatched" | "corrupt";
  /** False where a file was used that is not known to be of the module's build, because somebody said so. */
  readonly verified?: false;
  /** Where they were looked for, for the report. */
  readonly lookedIn: readonly string[];
  /** Function that holds the address, with lines and inlines where they are known. */
  lookup(rva: number): SymbolHit | undefined;
  /** Whether the address lies in a known function; undefined: this file cannot tell. */
  covers(rva: number): boolean | undefined;
  /** Asks for what is needed to tell of several addresses, so that it comes together; absent: nothing is gained by it. */
  plan?(rvas: readonly number[]): void;
  /** STACK CFI rules in force at the address. */
  cfi(rva: number): CfiRules | undefined;
  /** True where every function without STACK CFI rules is a leaf: it calls no other and moves no stack pointer. */
  readonly describesFrames?: boolean;
  /** Frame data of x86 code at the address. */
  frameData(rva: number): WinFrameData | undefined;
}

/** Symbols and images of a dump's modules. May throw MissingRanges or MissingResource. */
export interface SymbolProvider {
  /** Symbols of a module; undefined: not looked for. */
  forModule(module: DumpModule): ModuleSymbols | undefined;
  /** The module's image, from a file or from the dump's memory; undefined: not to be had. */
  image(module: DumpModule): ImageBytes | undefined;
}

/** Knows nothing: walks go by frame pointers and scans. */
export const NO_SYMBOLS: SymbolProvider = { forModule: () => undefined, image: () => undefined };
