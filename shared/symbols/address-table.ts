import { FormatError } from "../bytes/errors.ts";

/** Most records of one table: four times what the largest browser's symbols have; 24 bytes each. */
export const MAX_TABLE_RECORDS = 4 * 1024 * 1024;
/** Records that one look-up passes on its way to the one that encloses an address: a guard, not a limit of real files. */
const MAX_ENCLOSING_STEPS = 4096;

/** Indices that fit beside an address of 32 bits in a whole number. */
const MAX_FAST_SORT = 2 ** 21;

/** A record of an {@link AddressTable}. */
export interface TableRecord {
  readonly start: number;
  /** Addresses that it covers; 0 where the file does not say. */
  readonly size: number;
  /** Where its text or bytes lie in the file. */
  readonly offset: number;
  /** Bytes of it in the file. */
  readonly length: number;
}

/**
 * Many records by address, as columns of numbers and no objects: a symbol file of half a gigabyte has
 * millions. What a record says stays in the file and is read when somebody asks for it.
 */
export class AddressTable {
  #count = 0;
  #starts = new Uint32Array(64);
  #sizes = new Uint32Array(64);
  #lengths = new Uint32Array(64);
  #offsets = new Float64Array(64);
  /** Highest end of this and all records before: tells when nothing further down can enclose an address. */
  #reach = new Float64Array(0);
  #sorted = true;

  get count(): number {
    return this.#count;
  }

  /**
   * Adds a record behind the others; any order of addresses.
   * @param start below 2^32; `size` and `length` are cut to 32 bits
   * @throws FormatError `format.limit-exceeded`
   */
  add(start: number, size: number, offset: number, length: number): void {
    const index = this.#count;
    if (index >= MAX_TABLE_RECORDS) {
      throw new FormatError("format.limit-exceeded", "a symbol file has more records than are kept", {
        expected: MAX_TABLE_RECORDS,
      });
    }
    if (index === this.#starts.length) this.#grow(Math.min(MAX_TABLE_RECORDS, index * 2));
    if (index > 0 && (this.#starts[index - 1] as number) > start) this.#sorted = false;
    this.#starts[index] = start;
    this.#sizes[index] = Math.min(size, 0xffff_ffff);
    this.#offsets[index] = offset;
    this.#lengths[index] = Math.min(length, 0xffff_ffff);
    this.#count = index + 1;
  }

  /** Gives the record that was added last a new length: its end is known when the next one begins. */
  extendLast(length: number): void {
    if (this.#count > 0) this.#lengths[this.#count - 1] = Math.min(length, 0xffff_ffff);
  }

  /** Sorts by address, equal ones in the order they came. Look-ups come after this, records no more. */
  seal(): void {
    this.#grow(this.#count);
    if (!this.#sorted) this.#sort();
    this.#reach = new Float64Array(this.#count);
    let reach = 0;
    for (let index = 0; index < this.#count; index++) {
      reach = Math.max(reach, (this.#starts[index] as number) + (this.#sizes[index] as number));
      this.#reach[index] = reach;
    }
  }

  /** The record at an index below {@link count}. */
  at(index: number): TableRecord {
    return {
      start: this.#starts[index] as number,
      size: this.#sizes[index] as number,
      offset: this.#offsets[index] as number,
      length: this.#lengths[index] as number,
    };
  }

  /** The record with the highest start at or below an address, the first of several; it need not reach the address. */
  below(address: number): TableRecord | undefined {
    const index = this.#lastBelow(address);
    return index < 0 ? undefined : this.at(this.#firstOfEqual(index));
  }

  /** The record that starts exactly there, the first of several. */
  exact(address: number): TableRecord | undefined {
    const record = this.below(address);
    return record?.start === address ? record : undefined;
  }

  /** The record that holds an address: where several do, the one with the highest start, the first of several. */
  enclosing(address: number): TableRecord | undefined {
    let found = -1;
    let index = this.#lastBelow(address);
    for (let steps = 0; index >= 0 && steps < MAX_ENCLOSING_STEPS; index--, steps++) {
      if ((this.#reach[index] as number) <= address) break;
      const start = this.#starts[index] as number;
      if (found >= 0 && start !== this.#starts[found]) break;
      if (address - start < (this.#sizes[index] as number)) found = index;
    }
    return found < 0 ? undefined : this.at(found);
  }

  #lastBelow(address: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if ((this.#starts[mid] as number) <= address) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }

  #firstOfEqual(index: number): number {
    let first = index;
    for (let steps = 0; first > 0 && steps < MAX_ENCLOSING_STEPS; first--, steps++) {
      if (this.#starts[first - 1] !== this.#starts[index]) break;
    }
    return first;
  }

  #grow(capacity: number): void {
    this.#starts = resized(this.#starts, new Uint32Array(capacity));
    this.#sizes = resized(this.#sizes, new Uint32Array(capacity));
    this.#lengths = resized(this.#lengths, new Uint32Array(capacity));
    this.#offsets = resized(this.#offsets, new Float64Array(capacity));
  }

  #sort(): void {
    const starts = this.#starts;
    const order = this.#count <= MAX_FAST_SORT ? fastOrder(starts, this.#count) : slowOrder(starts, this.#count);
    this.#starts = reordered(starts, order, new Uint32Array(order.length));
    this.#sizes = reordered(this.#sizes, order, new Uint32Array(order.length));
    this.#lengths = reordered(this.#lengths, order, new Uint32Array(order.length));
    this.#offsets = reordered(this.#offsets, order, new Float64Array(order.length));
    this.#sorted = true;
  }
}

/** Address and index as one number, which typed arrays sort without asking anybody. */
function fastOrder(starts: Uint32Array, count: number): Uint32Array {
  const keys = new Float64Array(count);
  for (let index = 0; index < count; index++) keys[index] = (starts[index] as number) * MAX_FAST_SORT + index;
  keys.sort();
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) {
    const key = keys[index] as number;
    order[index] = key - Math.floor(key / MAX_FAST_SORT) * MAX_FAST_SORT;
  }
  return order;
}

function slowOrder(starts: Uint32Array, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  return order.sort((a, b) => (starts[a] as number) - (starts[b] as number) || a - b);
}

function reordered<T extends Uint32Array | Float64Array>(from: T, order: Uint32Array, to: T): T {
  for (let index = 0; index < order.length; index++) to[index] = from[order[index] as number] as number;
  return to;
}

function resized<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}
