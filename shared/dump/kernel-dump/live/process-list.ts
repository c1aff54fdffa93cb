import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpListedProcess } from "../../dump.ts";
import { readExact, readPointer } from "../../memory.ts";
import { filetimeToMillis } from "../fill.ts";
import { clientIdAt, imageNameAt } from "../record-fields.ts";
import type { Links } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";
import type { PageScan } from "./page-scan.ts";
import { type ListParts, orderParts } from "./process-order.ts";
import { type ProcessShape, processShape } from "./process-shape.ts";

/** Most processes that are listed (DESIGN, budgets). */
export const MAX_LISTED_PROCESSES = 64;
/**
 * Processes that are asked for at most. They mostly lie a page each, which is a request each, and all requests
 * of a dump may be no more than 1.3 times the pages that it cannot do without.
 */
const MAX_ASKED = 44;
/** Pages that are taken along ahead of a walk that goes from page to page; a jump leaves them alone. */
const AHEAD_PAGES = 8;
/** A step this long or shorter goes from page to page. */
const NEAR_BYTES = 0x4000;
/** Most pages in all that are taken along. */
const MAX_AHEAD = 32;
const PAGE_BYTES = 0x1000;
const WHERE = "kernel/processes";

interface ProcessEntry extends Links {
  readonly process: DumpListedProcess;
}

/**
 * Processes of PsActiveProcessHead. Each one leads only to its neighbours, so it is walked from both ends and from the
 * crashed process both ways; pages that other lists brought are searched for processes, so that the walk
 * finds members without asking. What is left between these parts when rounds and requests are used up is not read.
 */
export class ProcessList {
  readonly #context: LiveContext;
  readonly #head: VirtualAddress;
  readonly #entries = new Map<VirtualAddress, ProcessEntry>();
  readonly #pages = new Map<VirtualAddress, Uint8Array>();
  /** Links that were walked over, by the direction. */
  readonly #walked = { flink: new Set<VirtualAddress>(), blink: new Set<VirtualAddress>() };
  readonly #asked = new Set<VirtualAddress>();
  /** Pages that were taken along. */
  readonly #ahead = new Set<VirtualAddress>();
  readonly #unreadable = new Set<VirtualAddress>();
  #headLinks: Links | undefined;
  #shape: ProcessShape | undefined;
  /** EPROCESS of the crashed process. */
  #crashed: VirtualAddress | undefined;
  #owner: DumpListedProcess | undefined;

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

  /**
   * Says which process crashed: it is listed in any case, with those around it.
   * @param process EPROCESS
   * @returns the work that walks from there
   */
  around(process: VirtualAddress): Task[] {
    if (this.#crashed !== undefined) return [];
    this.#crashed = process;
    return this.#shape ? this.#fromCrashed(this.#shape) : [];
  }

  /** The processes in the list's order, with a note where it is not whole. */
  processes(): DumpListedProcess[] {
    const { notes } = this.#context;
    if (!this.#headLinks) {
      notes.add("kernel.list-unreadable", WHERE, "the head of the list is not in the dump");
      return [];
    }
    const { first, around, last, end, isCut, length } = this.#parts(this.#headLinks);
    const listed = [...first, ...around, ...last];
    if (length !== undefined && length > listed.length) {
      notes.add("limit.processes", WHERE, `${listed.length} of ${length} processes are listed`);
    } else if (end !== "closed" && (isCut || this.#stopped(first))) {
      const middle = around.length > 0 ? `, ${around.length} around the crashed one` : "";
      const parts = `the first ${first.length}${middle} and the last ${last.length} processes`;
      notes.add("limit.processes", WHERE, `${parts} are listed, how many lie between them is not known`);
    } else if (end !== "closed") {
      notes.add(
        `kernel.list-${end}`,
        WHERE,
        `${listed.length} processes were found, ${last.length} of them from the tail`,
      );
    }
    return this.#members(listed);
  }

  #members(places: readonly VirtualAddress[]): DumpListedProcess[] {
    return places.flatMap((at) => this.#entries.get(at)?.process ?? []);
  }

  #parts(headLinks: Links): ListParts {
    const centre =
      this.#crashed === undefined || !this.#shape ? undefined : addOffset(this.#crashed, this.#shape.links);
    return orderParts(this.#head, headLinks, this.#entries, centre, MAX_LISTED_PROCESSES);
  }

  /** Whether the way from the head stopped before a process that could have been read. */
  #stopped(first: readonly VirtualAddress[]): boolean {
    const at = first.at(-1);
    const next = at === undefined ? this.#headLinks?.flink : this.#entries.get(at)?.flink;
    return this.#shape !== undefined && next !== undefined && !this.#entries.has(next) && !this.#unreadable.has(next);
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
    const parts = this.#headLinks && this.#parts(this.#headLinks);
    const listed = parts ? this.#members([...parts.first, ...parts.last]) : [];
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
    return [this.#follow(links.flink, "flink"), this.#follow(links.blink, "blink"), ...this.#fromCrashed(this.#shape)];
  }

  #fromCrashed({ links }: ProcessShape): Task[] {
    if (this.#crashed === undefined) return [];
    const at = addOffset(this.#crashed, links);
    return [this.#follow(at, "flink"), this.#follow(at, "blink")];
  }

  /** Goes along the list until its end, a member that cannot be read or that was passed, or as many as are asked for. */
  #follow(first: VirtualAddress, link: keyof Links): Task {
    const walked = this.#walked[link];
    let at = first;
    let before = first;
    return optional(this.#context, WHERE, () => {
      while (at !== this.#head && !walked.has(at) && walked.size < MAX_LISTED_PROCESSES) {
        const known = this.#entries.get(at);
        if (!known && !this.#asked.has(at) && this.#asked.size >= MAX_ASKED) return [];
        const entry = known ?? this.#read(at, before);
        if (!entry) {
          this.#unreadable.add(at);
          return [];
        }
        this.#entries.set(at, entry);
        walked.add(at);
        before = at;
        at = entry[link];
      }
      return [];
    });
  }

  /** @param before the member that led here */
  #read(at: VirtualAddress, before: VirtualAddress): ProcessEntry | undefined {
    const shape = this.#shape as ProcessShape;
    const { pointerSize, memory } = this.#context;
    const { low, high } = extent(shape, pointerSize);
    const start = addOffset(at, low - shape.links);
    this.#asked.add(at);
    this.#takeAlong(start, high - low, Number(at - before));
    const { bytes } = memory.read(start, high - low);
    return parseProcess(bytes, low, addOffset(at, -shape.links), shape, pointerSize);
  }

  /** Processes that were made together lie in neighbouring pages: a walk that finds them so takes the next ones along. */
  #takeAlong(start: VirtualAddress, length: number, step: number): void {
    if (step === 0 || Math.abs(step) > NEAR_BYTES) return;
    const { memory } = this.#context;
    const page = (start & ~0xfffn) as VirtualAddress;
    const pages = Array.from({ length: AHEAD_PAGES }, (_, index) =>
      addOffset(page, Math.sign(step) * index * PAGE_BYTES),
    ).filter((address) => this.#ahead.has(address) || this.#ahead.size < MAX_AHEAD);
    for (const address of pages) this.#ahead.add(address);
    memory.plan([{ address: start, length }, ...pages.map((address) => ({ address, length: PAGE_BYTES }))]);
    for (const address of pages) {
      const { bytes, hole } = memory.read(address, PAGE_BYTES);
      if (!hole) this.#recognise(bytes, address, this.#shape as ProcessShape);
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
