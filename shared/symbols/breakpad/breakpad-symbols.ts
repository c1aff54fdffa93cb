import type { FetchedBytes } from "../../bytes/block-cache.ts";
import type { CfiRules, SymbolHit, WinFrameData } from "../../stackwalk/symbol-provider.ts";
import type { AddressTable, TableRecord } from "../address-table.ts";
import type { Demangle, SymbolFile } from "../symbol-file.ts";
import { WorkBudget } from "../work-budget.ts";
import type { BreakpadIndex } from "./breakpad-index.ts";
import { readCfiRules, readFrameData } from "./stack-records.ts";
import { forEachLine, LineReader } from "./text-reader.ts";

/** Most bytes of one function or one unwind block that are read: real ones stay below 2 MiB. */
const MAX_BLOCK_BYTES = 8 * 1024 * 1024;
/** Deepest inlining that is followed. */
const MAX_INLINE_DEPTH = 256;

/** An INLINE record that holds an address. */
interface InlineCall {
  readonly callLine: number;
  readonly callFile: number;
  readonly origin: number;
}

/** What the records of a function say about one address. */
interface FunctionPlace {
  readonly line?: number;
  readonly file?: number;
  /** By nesting, outermost first. */
  readonly calls: readonly (InlineCall | undefined)[];
}

/** A Breakpad symbol file behind its index: only the records that are asked for are read. */
export class BreakpadSymbols implements SymbolFile {
  readonly debugId: string;
  readonly #bytes: FetchedBytes;
  readonly #index: BreakpadIndex;
  readonly #demangle: Demangle;
  readonly #budget = new WorkBudget();

  /** @param bytes the file that the index was made of */
  constructor(bytes: FetchedBytes, index: BreakpadIndex, demangle: Demangle) {
    this.#bytes = bytes;
    this.#index = index;
    this.#demangle = demangle;
    this.debugId = index.module.debugId;
  }

  lookup(rva: number): SymbolHit | undefined {
    const record = this.#index.functions.enclosing(rva);
    return record ? this.#function(record, rva) : this.#public(rva);
  }

  covers(rva: number): boolean | undefined {
    if (this.#index.functions.enclosing(rva)) return true;
    return this.#publicBefore(rva) ? undefined : false;
  }

  cfi(rva: number): CfiRules | undefined {
    const record = this.#index.cfi.enclosing(rva);
    return record && { rules: readCfiRules(this.#block(record), rva) };
  }

  /** Files of 64-bit Windows are made of the image's unwind data, which describe all functions but leaves. */
  get describesFrames(): boolean {
    const { module, cfi } = this.#index;
    return module.os === "windows" && module.arch === "x86_64" && cfi.count > 0;
  }

  frameData(rva: number): WinFrameData | undefined {
    const record = this.#index.frameData.enclosing(rva) ?? this.#index.fpo.enclosing(rva);
    return record && readFrameData(this.#block(record));
  }

  #block(record: TableRecord): Uint8Array {
    const block = this.#bytes.bytes(record.offset, Math.min(record.length, MAX_BLOCK_BYTES));
    this.#budget.spend(block.length);
    return block;
  }

  #function(record: TableRecord, rva: number): SymbolHit {
    const block = this.#block(record);
    const feed = block.indexOf(0x0a);
    const head = new LineReader(block, 0, feed < 0 ? block.length : feed);
    head.keyword("FUNC");
    head.keyword("m");
    head.hex();
    head.hex();
    const parameterSize = head.hex();
    const rawName = head.rest();
    const place = placeInFunction(feed < 0 ? block.subarray(0, 0) : block.subarray(feed + 1), rva);
    return {
      ...this.#name(rawName),
      rva: record.start,
      size: record.size,
      ...(parameterSize >= 0 && { parameterSize }),
      ...this.#places(place),
    };
  }

  /** Where each function of the address was at: a caller at its call, the innermost at the line record. */
  #places(place: FunctionPlace): Pick<SymbolHit, "file" | "line" | "inlines"> {
    const known = place.calls.indexOf(undefined);
    const calls = (known < 0 ? place.calls : place.calls.slice(0, known)) as readonly InlineCall[];
    const sources = [
      ...calls.map((call) => ({ line: call.callLine, file: call.callFile })),
      ...[{ line: place.line, file: place.file }],
    ].map(({ line, file }) => {
      const name = file === undefined ? undefined : this.#numbered(this.#index.files, "FILE", file);
      return { ...(name !== undefined && { file: name }), ...(line !== undefined && line > 0 && { line }) };
    });
    const inlines = calls.map((call, depth) => {
      const rawName = this.#numbered(this.#index.origins, "INLINE_ORIGIN", call.origin) ?? "";
      return { name: this.#demangle(rawName) ?? rawName, ...sources[depth + 1] };
    });
    return { ...sources[0], inlines };
  }

  /** Text of a FILE or INLINE_ORIGIN record. */
  #numbered(table: AddressTable, keyword: string, id: number): string | undefined {
    const record = table.exact(id);
    if (!record) return undefined;
    const line = new LineReader(this.#block(record));
    line.keyword(keyword);
    line.decimal();
    return line.rest();
  }

  /** The public symbol before an address, unless a function lies between the two. */
  #publicBefore(rva: number): TableRecord | undefined {
    const record = this.#index.publics.below(rva);
    const before = this.#index.functions.below(rva);
    return record && (!before || record.start > before.start) ? record : undefined;
  }

  #public(rva: number): SymbolHit | undefined {
    const record = this.#publicBefore(rva);
    if (!record) return undefined;
    const line = new LineReader(this.#block(record));
    line.keyword("PUBLIC");
    line.keyword("m");
    line.hex();
    const parameterSize = line.hex();
    return {
      ...this.#name(line.rest()),
      rva: record.start,
      ...(parameterSize >= 0 && { parameterSize }),
      inlines: [],
    };
  }

  #name(rawName: string): { readonly name: string; readonly rawName: string } {
    return { name: this.#demangle(rawName) ?? rawName, rawName };
  }
}

/** Finds the line and the inlined calls of an address in the records behind a FUNC. */
function placeInFunction(block: Uint8Array, rva: number): FunctionPlace {
  let line: number | undefined;
  let file: number | undefined;
  const calls: (InlineCall | undefined)[] = [];
  forEachLine(block, (start, end) => {
    const reader = new LineReader(block, start, end);
    if (reader.keyword("INLINE")) {
      const depth = reader.decimal();
      const call = { callLine: reader.decimal(), callFile: reader.decimal(), origin: reader.decimal() };
      if (depth < MAX_INLINE_DEPTH && !calls[depth] && holds(reader, rva)) {
        while (calls.length < depth) calls.push(undefined);
        calls[depth] = call;
      }
      return;
    }
    const from = reader.hex();
    const size = reader.hex();
    if (rva >= from && rva - from < size && line === undefined) {
      line = reader.decimal();
      file = reader.decimal();
    }
  });
  return { ...(line !== undefined && { line }), ...(file !== undefined && { file }), calls };
}

/** Whether one of the ranges that are left of an INLINE record holds the address. */
function holds(reader: LineReader, rva: number): boolean {
  while (!reader.done) {
    const from = reader.hex();
    const size = reader.hex();
    if (rva >= from && rva - from < size) return true;
  }
  return false;
}
