import type { Task } from "../../../bytes/step-runner.ts";
import { peCodeId } from "../../../image/codeview.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpModule } from "../../dump.ts";
import { readExact } from "../../memory.ts";
import { utf16Text } from "../fill.ts";
import { type Links, orderList } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";
import { looksLikeModuleEntry, type ModuleEntry, moduleEntryBytes, parseModuleEntry } from "./module-entry.ts";
import type { PageScan } from "./page-scan.ts";

/** Most modules that are read: systems load 100 to 400. */
const MAX_MODULES = 1024;
/** Most places that are looked at for them, those that only looked like entries included. */
const MAX_PLACES = 2048;
const WHERE = "kernel/modules";

/**
 * PsLoadedModuleList, read from both ends and from every page that shows further members at once; names come
 * with the entries. What the links say is put together when nothing is left to ask for.
 */
export class ModuleList {
  readonly #context: LiveContext;
  readonly #head: VirtualAddress;
  readonly #scan: PageScan;
  readonly #places = new Set<VirtualAddress>();
  readonly #entries = new Map<VirtualAddress, ModuleEntry>();
  readonly #names = new Map<VirtualAddress, string>();
  #headLinks: Links | undefined;

  constructor(context: LiveContext, head: VirtualAddress, scan: PageScan) {
    this.#context = context;
    this.#head = head;
    this.#scan = scan;
    this.#places.add(head);
    scan.add((page, address) => this.#recognise(page, address));
  }

  /** The work that reads the list. */
  start(): Task[] {
    const { memory, pointerSize } = this.#context;
    return [
      optional(this.#context, WHERE, () => {
        const bytes = readExact(memory, this.#head, 2 * pointerSize);
        this.#headLinks = bytes && linksAt(bytes, 0, pointerSize);
        return this.#headLinks ? this.#bothWays(this.#headLinks) : [];
      }),
    ];
  }

  /** The modules in the list's order, with a note where it is not whole. */
  modules(): DumpModule[] {
    const { notes } = this.#context;
    if (!this.#headLinks) {
      notes.add("kernel.list-unreadable", WHERE, "the head of the list is not in the dump");
      return [];
    }
    const { order, end, fromTail } = orderList(this.#head, this.#headLinks, this.#entries, MAX_MODULES);
    if (end === "limit" || this.#places.size >= MAX_PLACES) {
      notes.add("limit.modules", WHERE, `the first ${order.length} modules are listed`);
    } else if (end !== "closed") {
      notes.add(`kernel.list-${end}`, WHERE, `${order.length} modules were found, ${fromTail} of them from the tail`);
    }
    const modules = order.map((at) => this.#module(at, this.#entries.get(at) as ModuleEntry));
    const nameless = modules.filter(({ path }) => path === "").length;
    if (nameless > 0) notes.add("kernel.no-name", WHERE, `the names of ${nameless} modules are not in the dump`);
    return modules;
  }

  #module(at: VirtualAddress, entry: ModuleEntry): DumpModule {
    const { timestamp, exceptionTable } = entry;
    return {
      base: entry.base,
      size: entry.size,
      path: this.#names.get(at) ?? "",
      ...(timestamp ? { timestamp, codeId: peCodeId(timestamp, entry.size) } : {}),
      checksum: entry.checksum,
      ...(exceptionTable ? { exceptionTable } : {}),
      identity: "not-read",
    };
  }

  #bothWays({ flink, blink }: Links): Task[] {
    return [...this.#visit(flink), ...this.#visit(blink)];
  }

  #visit(at: VirtualAddress): Task[] {
    if (this.#places.has(at) || this.#places.size >= MAX_PLACES) return [];
    this.#places.add(at);
    const { memory, pointerSize, build } = this.#context;
    const length = moduleEntryBytes(pointerSize, build);
    return [
      optional(this.#context, WHERE, () => {
        const bytes = readExact(memory, at, length);
        const entry = bytes && parseModuleEntry(bytes, pointerSize, build);
        if (!entry) return [];
        this.#entries.set(at, entry);
        return [...this.#bothWays(entry), ...this.#name(at, entry), ...this.#scan.visit(at)];
      }),
    ];
  }

  /** The full name; where that is not in the dump, the base name. */
  #name(at: VirtualAddress, entry: ModuleEntry): Task[] {
    const { memory } = this.#context;
    const [first, second] = [entry.fullName, entry.baseName].filter((place) => place !== undefined);
    const read = (place: NonNullable<typeof first>, otherwise: Task[]): Task =>
      optional(this.#context, WHERE, () => {
        const bytes = readExact(memory, place.address, place.length);
        if (!bytes) return otherwise;
        this.#names.set(at, utf16Text(bytes));
        return this.#scan.visit(place.address);
      });
    return first ? [read(first, second ? [read(second, [])] : [])] : [];
  }

  #recognise(page: Uint8Array, address: VirtualAddress): Task[] {
    const { pointerSize, build } = this.#context;
    const length = moduleEntryBytes(pointerSize, build);
    const found: Task[] = [];
    // Pool allocations start at multiples of two pointers.
    for (let offset = 0; offset + length <= page.length; offset += 2 * pointerSize) {
      const record = page.subarray(offset, offset + length);
      if (looksLikeModuleEntry(record, pointerSize, build)) found.push(...this.#visit(addOffset(address, offset)));
    }
    return found;
  }
}
