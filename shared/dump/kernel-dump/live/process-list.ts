import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpListedProcess } from "../../dump.ts";
import { readExact } from "../../memory.ts";
import { filetimeToMillis } from "../fill.ts";
import { clientIdAt, imageNameAt } from "../record-fields.ts";
import { type Links, orderList } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";
import type { PageScan } from "./page-scan.ts";
import { type ProcessShape, processShape } from "./process-shape.ts";

/** Most processes that are listed (DESIGN, budgets). */
export const MAX_LISTED_PROCESSES = 64;
const WHERE = "kernel/processes";

interface ProcessEntry extends Links {
  readonly process: DumpListedProcess;
}

/**
 * The first processes of PsActiveProcessHead. Pages that other lists brought are searched for processes, so
 * that the walk finds many of its members without asking.
 */
export class ProcessList {
  readonly #context: LiveContext;
  readonly #head: VirtualAddress;
  readonly #scan: PageScan;
  readonly #entries = new Map<VirtualAddress, ProcessEntry>();
  readonly #pages = new Map<VirtualAddress, Uint8Array>();
  #headLinks: Links | undefined;
  #shape: ProcessShape | undefined;

  constructor(context: LiveContext, head: VirtualAddress, scan: PageScan) {
    this.#context = context;
    this.#head = head;
    this.#scan = scan;
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
    if (end === "limit") notes.add("limit.processes", WHERE, `the first ${order.length} processes are listed`);
    else if (end !== "closed") {
      notes.add(`kernel.list-${end}`, WHERE, `${order.length} processes were found, ${fromTail} of them from the tail`);
    }
    return order.map((at) => (this.#entries.get(at) as ProcessEntry).process);
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
    return [this.#follow(links.flink, "flink", new Set())];
  }

  /** One step along the list; members that are known already cost nothing. */
  #follow(from: VirtualAddress, link: keyof Links, passed: Set<VirtualAddress>): Task {
    return optional(this.#context, WHERE, () => {
      for (let at = from; at !== this.#head && passed.size < MAX_LISTED_PROCESSES; ) {
        if (passed.has(at)) return this.#turn(link);
        const known = this.#entries.get(at) ?? this.#read(at);
        if (!known) return this.#turn(link);
        this.#entries.set(at, known);
        passed.add(at);
        const next = known[link];
        if (!this.#entries.has(next)) return [this.#follow(next, link, passed), ...this.#scan.visit(at)];
        at = next;
      }
      return [];
    });
  }

  /** Where the way forward ends too early, the way back from the tail goes on. */
  #turn(link: keyof Links): Task[] {
    if (link === "blink" || !this.#headLinks) return [];
    return [this.#follow(this.#headLinks.blink, "blink", new Set())];
  }

  #read(at: VirtualAddress): ProcessEntry | undefined {
    const shape = this.#shape as ProcessShape;
    const { pointerSize, memory } = this.#context;
    const { low, high } = extent(shape, pointerSize);
    const { bytes } = memory.read(addOffset(at, low - shape.links), high - low);
    return parseProcess(bytes, low, addOffset(at, -shape.links), shape, pointerSize);
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
