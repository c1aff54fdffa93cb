import { type ContextHint, parseContextHint } from "./context-hint.ts";
import { findRow, findRows, plainText } from "./rows.ts";

/**
 * What numbers of Windows, Linux and macOS crashes are called. The tables are generated modules
 * (see scripts/words.ts) that are loaded only when a dump needs them.
 */

/** A table that can be asked for. `bugchecks` brings the sub-codes along. */
export type WordTable = "bugchecks" | "ntstatus" | "winerror" | "exceptions";

/** Every table. */
export const ALL_WORDS: ReadonlySet<WordTable> = new Set(["bugchecks", "ntstatus", "winerror", "exceptions"]);

/** A stop code in words. */
export interface BugcheckWords {
  /** Code of the row that answered: without modifier bits when only the plain code is known. */
  readonly code: number;
  readonly name: string;
  /** `live` codes only ever appear in live dumps. */
  readonly kind: "bugcheck" | "live" | "bugcheck+live";
  /** What each argument holds; undefined where that is not documented. */
  readonly args: readonly [string | undefined, string | undefined, string | undefined, string | undefined];
  readonly contextHint: readonly ContextHint[];
  /** Where the row comes from. */
  readonly source: string;
}

/** A value of the first argument that selects what failed. */
export interface SubCodeWords {
  readonly meaning: string;
  readonly p2: string | undefined;
  readonly p3: string | undefined;
  readonly p4: string | undefined;
}

/** An NTSTATUS in words; `text` is empty where none is known. */
export interface NtstatusWords {
  readonly name: string;
  readonly text: string;
  readonly aliases: readonly string[];
}

/** A Win32 error in words; `text` is empty where none is known. */
export interface WinErrorWords {
  readonly name: string;
  readonly text: string;
}

/** Whose exception numbers. */
export type ExceptionPlatform = "linux" | "macos" | "windows";

/** Text of each loaded table. */
export interface WordTexts {
  readonly bugchecks?: string;
  readonly subCodes?: string;
  readonly ntstatus?: string;
  readonly winerror?: string;
  readonly exceptions?: string;
}

/** Loads the tables that are asked for: each is a chunk of its own in a bundle. */
export async function loadWords(need: ReadonlySet<WordTable>): Promise<Words> {
  const [bugchecks, subCodes, ntstatus, winerror, exceptions] = await Promise.all([
    need.has("bugchecks") ? import("./generated/bugchecks.ts") : undefined,
    need.has("bugchecks") ? import("./generated/bugcheck-subcodes.ts") : undefined,
    need.has("ntstatus") ? import("./generated/ntstatus.ts") : undefined,
    need.has("winerror") ? import("./generated/winerror.ts") : undefined,
    need.has("exceptions") ? import("./generated/exceptions.ts") : undefined,
  ]);
  return new Words({
    ...(bugchecks && { bugchecks: bugchecks.BUGCHECKS }),
    ...(subCodes && { subCodes: subCodes.BUGCHECK_SUBCODES }),
    ...(ntstatus && { ntstatus: ntstatus.NTSTATUS }),
    ...(winerror && { winerror: winerror.WINERROR }),
    ...(exceptions && { exceptions: exceptions.EXCEPTIONS }),
  });
}

/** Lookups in the loaded tables. A table that was not loaded answers undefined to everything. */
export class Words {
  readonly #texts: WordTexts;

  /** Wraps loaded tables; loadWords is the usual way. */
  constructor(texts: WordTexts) {
    this.#texts = texts;
  }

  /**
   * A stop code: the exact code first, then without the modifier bits 28..31 (rewritten for a
   * minidump, severity, context modifier), since 0x1000007E and 0xC0000218 are rows of their own.
   */
  bugcheck(code: number | bigint): BugcheckWords | undefined {
    const exact = low32(code);
    const bare = (exact & 0x0fffffff) >>> 0;
    for (const key of exact === bare ? [exact] : [exact, bare]) {
      const row = findRow(this.#texts.bugchecks ?? "", key);
      if (row === undefined) continue;
      const [name, p1, p2, p3, p4, kind, hint, source] = row;
      return {
        code: key,
        name: plainText(name),
        kind: kind === "live" || kind === "bugcheck+live" ? kind : "bugcheck",
        args: [meaning(p1), meaning(p2), meaning(p3), meaning(p4)],
        contextHint: parseContextHint(plainText(hint)),
        source: plainText(source, "docs:bug-check-"),
      };
    }
    return undefined;
  }

  /** What the arguments of a stop code lead to; empty when nothing is known. */
  contextHint(code: number | bigint): readonly ContextHint[] {
    return this.bugcheck(code)?.contextHint ?? [];
  }

  /** What a stop code means with this first argument, for the codes that have such sub-codes. */
  subCode(code: number | bigint, p1: number | bigint): SubCodeWords | undefined {
    const exact = low32(code);
    const bare = (exact & 0x0fffffff) >>> 0;
    const wanted = BigInt.asUintN(64, BigInt(p1)).toString(16);
    for (const key of exact === bare ? [exact] : [exact, bare]) {
      for (const [value, text, p2, p3, p4] of findRows(this.#texts.subCodes ?? "", key)) {
        if (value === wanted) return { meaning: plainText(text), p2: meaning(p2), p3: meaning(p3), p4: meaning(p4) };
      }
    }
    return undefined;
  }

  /** An NTSTATUS or a language runtime's exception code. Sign-extended ones are fine: 32 bits count. */
  ntstatus(code: number | bigint): NtstatusWords | undefined {
    const row = findRow(this.#texts.ntstatus ?? "", low32(code));
    if (row === undefined) return undefined;
    const [name, text, aliases] = row;
    return {
      name: plainText(name, "STATUS_"),
      text: plainText(text),
      aliases: aliases ? aliases.split(",").map((alias) => plainText(alias, "STATUS_")) : [],
    };
  }

  /** A Win32 error (GetLastError). 32 bits count. */
  winError(code: number | bigint): WinErrorWords | undefined {
    const row = findRow(this.#texts.winerror ?? "", low32(code));
    return row && { name: plainText(row[0], "ERROR_"), text: plainText(row[1]) };
  }

  /**
   * Name of a signal, si_code, Mach exception, exception code or fast-fail code. 32 bits count.
   * @param group as the table has it: `Code`, `Sicode`, `SigsegvKind`, `BadAccessKernType`, `FastFailCode`, …
   */
  exceptionName(platform: ExceptionPlatform, group: string, value: number | bigint): string | undefined {
    const text = this.#texts.exceptions ?? "";
    const table = platform === "macos" ? "mac" : platform;
    const key = `\n${table}\t${group}\t${low32(value).toString(16)}\t`;
    const at = text.startsWith(key.slice(1)) ? -1 : text.indexOf(key);
    if (at === -1 && !text.startsWith(key.slice(1))) return undefined;
    const start = at + key.length;
    const end = text.indexOf("\n", start);
    return text.slice(start, end === -1 ? text.length : end);
  }
}

function low32(value: number | bigint): number {
  return Number(BigInt.asUintN(32, BigInt(value)));
}

function meaning(column: string | undefined): string | undefined {
  const text = plainText(column);
  return text === "" || text === "-" ? undefined : text;
}
