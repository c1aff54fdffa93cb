import { countingSource, type IoCounts, memorySource } from "../../../../../shared/bytes/byte-source.ts";
import { StepRunner, type Task } from "../../../../../shared/bytes/step-runner.ts";
import type { CpuArch, VirtualAddress } from "../../../../../shared/dump/address.ts";
import { type DebuggerData, readDebuggerData } from "../../../../../shared/dump/kernel-dump/debugger-data.ts";
import type { LiveContext } from "../../../../../shared/dump/kernel-dump/live/live-context.ts";
import { segmentMemory } from "../../../../../shared/dump/memory.ts";
import { Notes } from "../../../../../shared/notes.ts";

const PAGE = 4096n;
/** No list of a small world takes more rounds. */
const LAST_ROUND = 40;

/** Kernel memory made of single pages, each of which costs a read of its own. */
export class LiveWorld {
  readonly #pages = new Map<bigint, Uint8Array>();
  readonly pointerSize: 4 | 8;

  constructor(pointerSize: 4 | 8 = 8) {
    this.pointerSize = pointerSize;
  }

  /** Writes bytes, text (UTF-16 with `wide`) or a number of `size` bytes. */
  put(address: bigint, value: Uint8Array | string | bigint | number, size: 1 | 2 | 4 | 8 = this.pointerSize): this {
    const bytes = toBytes(value, size);
    for (const [index, byte] of bytes.entries()) {
      const at = address + BigInt(index);
      const page = this.#pages.get(at / PAGE) ?? new Uint8Array(4096);
      this.#pages.set(at / PAGE, page);
      page[Number(at % PAGE)] = byte;
    }
    return this;
  }

  /** UNICODE_STRING at `address` whose text lies at `buffer`. */
  text(address: bigint, text: string, buffer: bigint): this {
    const bytes = new Uint8Array(new Uint16Array([...text].map((c) => c.charCodeAt(0))).buffer);
    this.put(address, bytes.length, 2).put(address + 2n, bytes.length + 2, 2);
    return this.put(address + BigInt(this.pointerSize), buffer).put(buffer, bytes);
  }

  /** Takes the page of an address out of the dump. */
  lose(address: bigint): this {
    this.#pages.delete(address / PAGE);
    return this;
  }

  open(options: { build?: number; cpu?: CpuArch; kdbg?: DebuggerData } = {}): OpenWorld {
    // Pages lie a page apart, so that no request takes two.
    const order = [...this.#pages.keys()];
    const file = new Uint8Array(order.length * 2 * 4096);
    order.forEach((page, index) => {
      file.set(this.#pages.get(page) as Uint8Array, index * 2 * 4096);
    });
    const source = countingSource(memorySource(file));
    const runner = new StepRunner(source);
    const segments = order.map((page, index) => ({
      address: (page * PAGE) as VirtualAddress,
      size: 4096,
      offset: index * 2 * 4096,
    }));
    const notes = new Notes();
    const run = async (tasks: readonly Task[]): Promise<void> => {
      await runner.runTogether(tasks);
      await runner.settle(LAST_ROUND);
    };
    const context: LiveContext = {
      memory: segmentMemory(runner.fetched, segments),
      cpu: options.cpu ?? (this.pointerSize === 8 ? "amd64" : "x86"),
      pointerSize: this.pointerSize,
      build: options.build ?? 19041,
      kdbg: options.kdbg,
      types: undefined,
      notes,
      beside: (tasks) => runner.beside(tasks),
    };
    return { context, notes, counts: source.counts, run: (tasks) => run(tasks), runner };
  }
}

/** A world that can be read. */
export interface OpenWorld {
  readonly context: LiveContext;
  readonly notes: Notes;
  readonly counts: IoCounts;
  readonly runner: StepRunner;
  run(tasks: readonly Task[]): Promise<void>;
}

/** A KDBG block with these fields: offset, value, bytes. */
export function debuggerData(fields: ReadonlyArray<readonly [number, bigint | number, 2 | 4 | 8]>): DebuggerData {
  const block = new Uint8Array(0x380);
  const view = new DataView(block.buffer);
  view.setUint32(0x10, 0x4742444b, true);
  view.setUint32(0x14, block.length, true);
  for (const [offset, value, size] of fields) block.set(toBytes(value, size), offset);
  return readDebuggerData(block, 8) as DebuggerData;
}

function toBytes(value: Uint8Array | string | bigint | number, size: 1 | 2 | 4 | 8): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return bytes.subarray(0, size);
}
