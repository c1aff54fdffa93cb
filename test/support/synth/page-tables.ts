/**
 * A machine's physical pages with page tables in them, made entry by entry, and a slow reading of the same
 * tables in plain bigint arithmetic. It shares nothing with the project's own walks.
 */

export type SynthPaging = "x64" | "x64-la57" | "x86-pae" | "x86" | "arm64";

const PAGE = 4096n;
const LEVELS = { x64: 4, "x64-la57": 5, "x86-pae": 3, x86: 2, arm64: 4 } as const;

/** What a slow walk finds: a physical address or the reason of a hole. */
export type SlowResult = { readonly physical: bigint } | { readonly hole: string };

export class SynthTables {
  readonly mode: SynthPaging;
  /** Content by page number. */
  readonly pages = new Map<number, Uint8Array>();
  /** What goes into a header's DirectoryTableBase. */
  readonly directoryTableBase: bigint;
  #next: number;

  /** @param firstPage number of the first page that is given out; PAE's first table lies at 0x20 of it */
  constructor(mode: SynthPaging, firstPage = 0x40) {
    this.mode = mode;
    this.#next = firstPage;
    this.directoryTableBase = BigInt(this.addPage()) * PAGE + (mode === "x86-pae" ? 0x20n : 0n);
  }

  /** A new page, some pages behind the last one. */
  addPage(content?: Uint8Array): number {
    const page = this.#next;
    this.#next += 1 + (page % 3);
    this.pages.set(page, content ?? new Uint8Array(4096));
    return page;
  }

  get entryBytes(): 4 | 8 {
    return this.mode === "x86" ? 4 : 8;
  }

  /** Maps 4 KiB at a virtual address to a page. */
  map(address: bigint, page: number): void {
    this.setEntry(address, 0, (BigInt(page) << 12n) | (this.mode === "arm64" ? 0x3n : 0x63n));
  }

  /** Puts any value into the entry of a virtual address; level 0 is the last. Makes the tables above it. */
  setEntry(address: bigint, level: number, value: bigint): void {
    let [table, start] = [Number(this.directoryTableBase / PAGE), Number(this.directoryTableBase % PAGE)];
    for (let at = LEVELS[this.mode] - 1; at > level; at--) {
      const offset = start + this.index(address, at) * this.entryBytes;
      let entry = this.#get(table, offset);
      if (entry === 0n) {
        const first = this.mode === "x86-pae" && at === 2;
        entry = (BigInt(this.addPage()) << 12n) | (this.mode === "arm64" ? 0x3n : first ? 0x1n : 0x63n);
        this.#set(table, offset, entry);
      }
      table = Number((entry >> 12n) & 0xfffffffffn);
      start = 0;
    }
    this.#set(table, start + this.index(address, level) * this.entryBytes, value);
  }

  index(address: bigint, level: number): number {
    const bits = this.mode === "x86" ? 10n : 9n;
    const mask = this.mode === "x86-pae" && level === 2 ? 3n : (1n << bits) - 1n;
    return Number((address >> (12n + BigInt(level) * bits)) & mask);
  }

  /** Writes a value of eight bytes at a physical address. */
  poke(physical: bigint, value: bigint): void {
    this.#view(Number(physical / PAGE))?.setBigUint64(Number(physical % PAGE), value, true);
  }

  /** Writes bytes at a mapped virtual address; they must stay in one page. */
  write(address: bigint, bytes: Uint8Array): void {
    const found = this.translate(address);
    if (!("physical" in found)) throw new RangeError(`0x${address.toString(16)} is a hole: ${found.hole}`);
    this.pages.get(Number(found.physical / PAGE))?.set(bytes, Number(found.physical % PAGE));
  }

  /** The slow walk. */
  translate(address: bigint, prototypesToo = true): SlowResult {
    if (!this.isCanonical(address)) return { hole: "non-canonical" };
    let table = this.directoryTableBase;
    for (let level = LEVELS[this.mode] - 1; level >= 0; level--) {
      const page = this.pages.get(Number(table / PAGE));
      if (!page) return { hole: "not-in-dump" };
      const entry = this.#get(
        Number(table / PAGE),
        Number(table % PAGE) + this.index(address, level) * this.entryBytes,
      );
      const spanBits = 12n + BigInt(level) * (this.mode === "x86" ? 10n : 9n);
      const kind = this.#kind(entry, level);
      if (kind === "large") {
        const base =
          this.mode === "x86"
            ? ((entry >> 22n) << 22n) | (((entry >> 13n) & 0xffn) << 32n)
            : ((entry & 0xf_ffff_ffff_f000n) >> spanBits) << spanBits;
        return this.#there(base | (address & ((1n << spanBits) - 1n)));
      }
      if (kind === "next") {
        table =
          entry &
          (this.mode === "arm64" ? 0xffff_ffff_f000n : this.mode === "x86" ? 0xffff_f000n : 0xf_ffff_ffff_f000n);
      } else if (kind === "transition") {
        table = entry & (this.mode === "x86" ? 0xffff_f000n : 0xffff_ffff_f000n);
      } else if (kind === "prototype" && level === 0 && prototypesToo && this.mode !== "x86") {
        return this.#prototype(entry, address);
      } else {
        return { hole: kind };
      }
    }
    return this.#there(table | (address & 0xfffn));
  }

  isCanonical(address: bigint): boolean {
    if (this.mode === "x86" || this.mode === "x86-pae") return address < 1n << 32n;
    const bits = this.mode === "x64-la57" ? 57n : 48n;
    return BigInt.asUintN(64, BigInt.asIntN(Number(bits), address)) === address;
  }

  #there(physical: bigint): SlowResult {
    return this.pages.has(Number(physical / PAGE)) ? { physical } : { hole: "not-in-dump" };
  }

  #kind(entry: bigint, level: number): string {
    const arm = this.mode === "arm64";
    if (entry & 1n) {
      const large = level > 0 && (arm ? !(entry & 2n) : !!(entry & 0x80n));
      if (this.mode === "x86-pae" && level === 2) return "next";
      if (large)
        return level > (this.mode === "x64" || this.mode === "x64-la57" || arm ? 2 : 1) ? "bad-page-table" : "large";
      return arm && level === 0 && !(entry & 2n) ? "bad-page-table" : "next";
    }
    if (entry === 0n) return "not-mapped";
    if (entry & 0x400n) return "prototype";
    if (entry & 0x800n) return "transition";
    const file = this.mode === "x86" ? entry >> 12n : entry >> 32n;
    return level > 0 || file !== 0n ? "paged-out" : "demand-zero";
  }

  #prototype(entry: bigint, address: bigint): SlowResult {
    const pae = this.mode === "x86-pae";
    if (!pae && entry >> 16n === 0xffff_ffff_0000n) return { hole: "prototype" };
    const at = pae ? entry >> 32n : BigInt.asUintN(64, BigInt.asIntN(48, entry >> 16n));
    const holder = this.translate(at & ~7n, false);
    if ("hole" in holder) return { hole: "prototype" };
    const inner = this.#get(Number(holder.physical / PAGE), Number(holder.physical % PAGE));
    if (inner === 0n) return { hole: "demand-zero" };
    if (inner & 1n) return this.#there((inner & 0xf_ffff_ffff_f000n) | (address & 0xfffn));
    const kind = this.#kind(inner, 0);
    return kind === "transition" ? this.#there((inner & 0xffff_ffff_f000n) | (address & 0xfffn)) : { hole: kind };
  }

  #view(page: number): DataView | undefined {
    const bytes = this.pages.get(page);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #get(page: number, offset: number): bigint {
    const view = this.#view(page);
    if (!view) return 0n;
    return this.entryBytes === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  }

  #set(page: number, offset: number, value: bigint): void {
    if (this.entryBytes === 8) this.#view(page)?.setBigUint64(offset, value, true);
    else this.#view(page)?.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
  }
}
