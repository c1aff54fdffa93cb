import type { Task } from "../../../bytes/step-runner.ts";
import { Notes } from "../../../notes.ts";
import type { DumpSection } from "../../dump.ts";
import type { DumpSecondaryData } from "../../secondary-data.ts";
import type { KernelHeader } from "../header.ts";
import { type PagePromise, readPagePromise } from "../page-promise.ts";
import { type BlobChain, readBlobChain } from "../secondary/blobs.ts";
import { readSecondaryData } from "../secondary/secondary-data.ts";
import { type LiveContext, optional } from "./live-context.ts";

/** What the file itself tells of its parts: which stand in it, and whether it ends too early. */
export class FileFacts {
  readonly #context: LiveContext;
  readonly #header: KernelHeader;
  readonly #pagesEnd: number;
  #promise: PagePromise | undefined;
  #blobs: BlobChain | undefined;
  #secondary: DumpSecondaryData | undefined;
  #size = 0;

  /** @param pagesEnd file offset behind the last page, where secondary data may start */
  constructor(context: LiveContext, header: KernelHeader, pagesEnd: number) {
    this.#context = context;
    this.#header = header;
    this.#pagesEnd = pagesEnd;
  }

  start(): Task[] {
    return [
      optional(this.#context, "pages", (bytes) => {
        this.#size = bytes.size;
        this.#promise = readPagePromise(bytes, this.#header);
        return [];
      }),
      optional(this.#context, "secondary-data", (bytes) => {
        // It runs again when bytes were missing: only its last run's notes count.
        const found = new Notes();
        const chain = readBlobChain(bytes, this.#pagesEnd, found);
        this.#blobs = chain;
        this.#context.notes.addAll(found.list());
        if (chain.blobs.length === 0) return [];
        const look: Task = (fetched) => {
          this.#secondary = readSecondaryData(fetched, chain.blobs);
          return [];
        };
        return [optional(this.#context, "secondary-data", look)];
      }),
    ];
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size;
  }

  get truncated(): boolean {
    const end = this.#promise?.end;
    return this.#blobs?.truncated === true || (end !== undefined && this.#size < end);
  }

  /** What stands in the secondary data; undefined where the file has none. */
  get secondaryData(): DumpSecondaryData | undefined {
    return this.#secondary;
  }

  get sections(): readonly DumpSection[] {
    return [...(this.#promise?.sections ?? []), ...(this.#blobs?.sections ?? [])];
  }
}
