import { dataView } from "../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../dump/address.ts";
import { type Memory, readExact } from "../dump/memory.ts";

/** Bytes of memory that are kept at once; a page, so that no hole is met before it must be. */
const CHUNK = 0x1000;
const EMPTY = new DataView(new ArrayBuffer(0));

/**
 * Reads pointers of a stack: neighbours come from the same piece of memory, which is looked up once.
 */
export class StackReader {
  readonly memory: Memory;
  readonly pointerSize: 4 | 8;
  /** Scans have asked for the symbols of all words below this address. */
  lookedAhead = 0n;
  #start = 0n;
  #view: DataView = EMPTY;

  constructor(memory: Memory, pointerSize: 4 | 8) {
    this.memory = memory;
    this.pointerSize = pointerSize;
  }

  /** The pointer at an address, or undefined in a hole. */
  pointer(address: bigint): bigint | undefined {
    let offset = Number(address - this.#start);
    if (!(offset >= 0 && offset + this.pointerSize <= this.#view.byteLength)) {
      if (address < 0n || address > 0xffff_ffff_ffff_fff8n) return undefined;
      this.#load(address as VirtualAddress);
      offset = Number(address - this.#start);
      if (offset + this.pointerSize > this.#view.byteLength) return this.#across(address as VirtualAddress);
    }
    return this.pointerSize === 8 ? this.#view.getBigUint64(offset, true) : BigInt(this.#view.getUint32(offset, true));
  }

  /** A 32-bit word at an address, or undefined in a hole. */
  word(address: bigint): number | undefined {
    const bytes = readExact(this.memory, address as VirtualAddress, 4);
    return bytes && dataView(bytes).getUint32(0, true);
  }

  /** From the start of the page where that can be had, so that slots below come from it too. */
  #load(address: VirtualAddress): void {
    const page = (address & ~BigInt(CHUNK - 1)) as VirtualAddress;
    const piece = this.memory.read(page, CHUNK);
    const whole = !piece.hole || addOffset(page, piece.bytes.length) > address;
    this.#start = whole ? page : address;
    this.#view = dataView(whole ? piece.bytes : this.memory.read(address, CHUNK - Number(address - page)).bytes);
  }

  /** A pointer that lies across two pages. */
  #across(address: VirtualAddress): bigint | undefined {
    const bytes = readExact(this.memory, address, this.pointerSize);
    if (!bytes) return undefined;
    return this.pointerSize === 8 ? dataView(bytes).getBigUint64(0, true) : BigInt(dataView(bytes).getUint32(0, true));
  }
}
