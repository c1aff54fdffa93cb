import type { Task } from "../../../bytes/step-runner.ts";
import type { VirtualAddress } from "../../address.ts";
import { readExact } from "../../memory.ts";
import { type LiveContext, optional } from "./live-context.ts";

/** Bytes of a page of the kernel's pool. */
const PAGE_BYTES = 4096;

/**
 * What a page that had to be fetched anyway tells of further list members: records of pools cluster, and their
 * links lead to the next pages. It guides what is asked for next and never what belongs to a list.
 */
export type PageVisitor = (page: Uint8Array, address: VirtualAddress) => readonly Task[];

/** Shows each page to all visitors once. */
export class PageScan {
  readonly #context: LiveContext;
  readonly #seen = new Set<VirtualAddress>();
  readonly #visitors: PageVisitor[] = [];

  constructor(context: LiveContext) {
    this.#context = context;
  }

  add(visitor: PageVisitor): void {
    this.#visitors.push(visitor);
  }

  /** Work on the page of an address that was just read. */
  visit(address: VirtualAddress): Task[] {
    const page = (address & ~0xfffn) as VirtualAddress;
    if (this.#seen.has(page)) return [];
    this.#seen.add(page);
    return [
      optional(this.#context, "kernel/read-ahead", () => {
        const bytes = readExact(this.#context.memory, page, PAGE_BYTES);
        return bytes ? this.#visitors.flatMap((visitor) => [...visitor(bytes, page)]) : [];
      }),
    ];
  }
}
