import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpListedProcess } from "../../dump.ts";
import { readExact, readPointer } from "../../memory.ts";
import { filetimeToMillis } from "../fill.ts";
import { clientIdAt, imageNameAt } from "../record-fields.ts";
import { type Links, orderList } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";
import type { PageScan } from "./page-scan.ts";
import { type ProcessShape, processShape } from "./process-shape.ts";

/** Most processes that are listed (DESIGN, budgets). */
export const MAX_LISTED_PROCESSES = 64;
/**
 * Rounds that each way may wait for. Processes mostly lie a page each, so a walk waits once for each of them;
 * 64 would cost more rounds than all else together.
 */
const WALK_ROUNDS = 10;
/** Pages before and behind a process that are taken along where they are mapped: processes cluster. */
const NEIGHBOURS = 3;
/** Most pages in all that are taken along. */
const MAX_NEIGHBOURS = 32;
const PAGE_BYTES = 4096;
/** Pages whose addresses agree from this bit on share a page table on x64 and ARM64: neighbours behind it would cost a walk. */
const TABLE_BITS = 21n;
const WHERE = "kernel/processes";

interface ProcessEntry extends Links {
  readonly process: DumpListedProcess;
}

/**
 * The first processes of PsActiveProcessHead, and its last ones where the list is longer than its rounds allow.
 * Pages that other lists brought are searched for processes, so that the walk finds members without asking.
 */
export class ProcessList {
  readonly #context: LiveContext;
  readonly #head: VirtualAddress;
  readonly #entries = new Map<VirtualAddress, ProcessEntry>();
  readonly #pages = new Map<VirtualAddress, Uint8Array>();
  #headLinks: Links | undefined;
  #shape: ProcessShape | undefined;
  readonly #around = new Set<VirtualAddress>();
  #owner: DumpListedProcess | undefined;
  #neighbours = 0;
  /** Whether a way ended by our limits and not by the list. */
  #cut = false;

  constructor(context: LiveContext, head: VirtualAddress, scan: PageScan) {
    this.#context = context;
    this.#head = head;
    scan.add((page, address) => {
      if (this.#shape) this.#recognise(page, address, this.#shape);
      // Pages seen before the layout is known are looked at when it is.
      else this.#pages.set(address, page);
      return [];
    });
  }

  /** How processes are laid out, once the list has been started; absent where that could not be told. */
  get shape(): ProcessShape | undefined {
    return this.#shape;
  }

  start(): Task[] {
    const { memory, pointerSize } = this.#context;
    return [
      optional(this.#context, WHERE, () => {
        const bytes = readExact(memory, this.#head, 2 * pointerSize);
        const links = bytes && linksAt(bytes, 0, pointerSize);
        if (!links) return [];
        this.#headLinks = links;
        return [optional(this.#context, WHERE, () => this.#first(links))];
      }),
    ];
  }

  /** The processes in the list's order, with a note where it is not whole. */
  processes(): DumpListedProcess[] {
    const { notes } = this.#context;
    if (!this.#headLinks) {
      notes.add("kernel.list-unreadable", WHERE, "the head of the list is not in the dump");
      return [];
    }
    const { order, end, fromTail } = orderList(this.#head, this.#headLinks, this.#entries, MAX_LISTED_PROCESSES);
    if (end === "limit" || (end === "broken" && this.#cut)) {
      const text = `the first ${order.length - fromTail} and the last ${fromTail} processes are listed`;
      notes.add("limit.processes", WHERE, text);
    } else if (end !== "closed") {
      notes.add(`kernel.list-${end}`, WHERE, `${order.length} processes were found, ${fromTail} of them from the tail`);
    }
    return order.map((at) => (this.#entries.get(at) as ProcessEntry).process);
  }

  /**
   * Work that looks among the listed processes for the owner of an address space, for dumps whose records of
   * processors and threads cannot be read. System's own is shared by kernel threads, so it counts like any other.
   * @param table DirectoryTableBase of the dump's header
   */
  findOwner(table: bigint): Task[] {
    const shape = this.#shape;
    const { memory, pointerSize } = this.#context;
    if (!shape) return [];
    // Flag bits stand below: 32-byte alignment on x86 PAE, pages elsewhere.
    const low = pointerSize === 8 ? 12n : 5n;
    const listed = this.processes();
    return [
      optional(this.#context, WHERE, () => {
        const places = listed.map(({ address }) => addOffset(address, shape.directoryTable));
        memory.plan(places.map((address) => ({ address, length: pointerSize })));
        const at = places.findIndex((address) => {
          const value = readPointer(memory, address, pointerSize);
          return value !== undefined && value >> low === table >> low;
        });
        this.#owner = listed[at];
        return [];
      }),
    ];
  }

  /** What {@link findOwner} found. */
  get owner(): DumpListedProcess | undefined {
    return this.#owner;
  }

  #first(links: Links): Task[] {
    this.#shape = processShape(this.#context, links.flink);
    const { notes } = this.#context;
    if (!this.#shape) {
      notes.add("kernel.offsets", WHERE, "the layout of processes is not known and the first is not in the dump");
      return [];
    }
    for (const [address, page] of this.#pages) this.#recognise(page, address, this.#shape);
    this.#pages.clear();
    return [this.#follow(links.flink, "flink"), this.#follow(links.blink, "blink")];
  }

  /** Goes along the list until its end, a member that cannot be read, or as many as are listed. */
  #follow(first: VirtualAddress, link: keyof Links): Task {
    const passed = new Set<VirtualAddress>();
    let at = first;
    let waited = -1;
    return optional(this.#context, WHERE, () => {
      // It is run again for each round that it waited for.
      waited += 1;
      while (at !== this.#head && !passed.has(at)) {
        const known = this.#entries.get(at);
        if (passed.size >= MAX_LISTED_PROCESSES || (!known && waited >= WALK_ROUNDS)) {
          this.#cut = true;
          return [];
        }
        const entry = known ?? this.#read(at);
        if (!entry) return [];
        this.#entries.set(at, entry);
        passed.add(at);
        at = entry[link];
      }
      return [];
    });
  }

  #read(at: VirtualAddress): ProcessEntry | undefined {
    const shape = this.#shape as ProcessShape;
    const { pointerSize, memory } = this.#context;
    const { low, high } = extent(shape, pointerSize);
    const start = addOffset(at, low - shape.links);
    this.#takeAlong(start, high - low);
    const { bytes } = memory.read(start, high - low);
    return parseProcess(bytes, low, addOffset(at, -shape.links), shape, pointerSize);
  }

  /** Asks for the record with the pages around it, and shows them all to the search. */
  #takeAlong(start: VirtualAddress, length: number): void {
    const page = (start & ~0xfffn) as VirtualAddress;
    if (this.#around.has(page) || this.#neighbours >= MAX_NEIGHBOURS) return;
    const { memory } = this.#context;
    const pages = Array.from({ length: 2 * NEIGHBOURS + 1 }, (_, index) =>
      addOffset(page, (index - NEIGHBOURS) * PAGE_BYTES),
    ).filter((address) => address >> TABLE_BITS === page >> TABLE_BITS);
    memory.plan([{ address: start, length }, ...pages.map((address) => ({ address, length: PAGE_BYTES }))]);
    this.#around.add(page);
    for (const address of pages) {
      const { bytes, hole } = memory.read(address, PAGE_BYTES);
      if (hole) continue;
      if (address !== page) this.#neighbours += 1;
      this.#recognise(bytes, address, this.#shape as ProcessShape);
    }
  }

  #recognise(page: Uint8Array, address: VirtualAddress, shape: ProcessShape): void {
    const { pointerSize } = this.#context;
    const { low, high } = extent(shape, pointerSize);
    // Records start at multiples of 16, so their links stand at a fixed place modulo 16.
    for (let start = (((-low % 16) + 16) % 16) - 16; start + high <= page.length; start += 2 * pointerSize) {
      if (start + low < 0 || page[start + shape.name] === 0) continue;
      const record = page.subarray(start + low, start + high);
      const entry = parseProcess(record, low, addOffset(address, start), shape, pointerSize);
      const at = addOffset(address, start + shape.links);
      if (entry?.process.name !== undefined && !this.#entries.has(at)) this.#entries.set(at, entry);
    }
  }
}

/** The stretch of a record that is read: from the earliest field to behind the latest. */
function extent(shape: ProcessShape, pointerSize: 4 | 8): { low: number; high: number } {
  const { links, name, createTime, parent, peb } = shape;
  const first = links - pointerSize;
  return {
    low: Math.min(first, createTime ?? first),
    high: Math.max(links + 2 * pointerSize, name + 16, (createTime ?? 0) + 8, (parent ?? 0) + 8, (peb ?? 0) + 8),
  };
}

/**
 * @param record bytes of the record from its offset `low` on
 * @param base address of the record's start
 */
function parseProcess(
  record: Uint8Array,
  low: number,
  base: VirtualAddress,
  shape: ProcessShape,
  pointerSize: 4 | 8,
): ProcessEntry | undefined {
  const links = linksAt(record, shape.links - low, pointerSize);
  const pid = clientIdAt(record, shape.links - pointerSize - low, pointerSize);
  if (!links || !pid) return undefined;
  const name = imageNameAt(record, shape.name - low);
  const parent = shape.parent === undefined ? undefined : clientIdAt(record, shape.parent - low, pointerSize);
  const created = shape.createTime === undefined ? undefined : timeAt(record, shape.createTime - low);
  return {
    ...links,
    process: {
      address: base,
      pid,
      ...(name === undefined ? {} : { name }),
      ...(parent === undefined ? {} : { parentPid: parent }),
      ...(created === undefined ? {} : { createTime: created }),
    },
  };
}

function timeAt(record: Uint8Array, offset: number): number | undefined {
  if (offset < 0 || offset + 8 > record.length) return undefined;
  const millis = filetimeToMillis(dataView(record).getBigUint64(offset, true));
  return millis === undefined ? undefined : Math.floor(millis / 1000);
}
