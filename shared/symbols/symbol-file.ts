import type { CfiRules, SymbolHit, WinFrameData } from "../stackwalk/symbol-provider.ts";

/**
 * One opened symbol file of any format. All addresses are relative to the module's base. Every member may
 * throw MissingRanges, and FormatError where the file contradicts its format.
 */
export interface SymbolFile {
  /** Identity that the file itself states: GUID and age in upper-case hex. */
  readonly debugId: string;
  /** The function that holds the address, else the public symbol before it. */
  lookup(rva: number): SymbolHit | undefined;
  /** Whether a function holds the address; undefined where only sizeless public symbols come before it. */
  covers(rva: number): boolean | undefined;
  /** Asks for what look-ups of several addresses need, as far as that is cheap. @throws MissingRanges */
  plan?(rvas: readonly number[]): void;
  /** STACK CFI rules in force. */
  cfi(rva: number): CfiRules | undefined;
  /** Set where every function without STACK CFI is a leaf. */
  readonly describesFrames?: boolean;
  /** FPO or frame data of x86. */
  frameData(rva: number): WinFrameData | undefined;
}

/**
 * Makes a mangled name readable.
 * @returns undefined when the name has no form that is known: it is shown as it is
 */
export type Demangle = (rawName: string) => string | undefined;

/** No demangler: names stay as the file has them. */
export const KEEP_NAMES: Demangle = () => undefined;
