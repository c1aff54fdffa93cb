import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import { MAX_CONTEXT_BYTES, readContext } from "../../context/context.ts";
import type { DumpProcessor, OffsetSource } from "../../dump.ts";
import { readExact } from "../../memory.ts";
import { structureOffsets } from "../offsets.ts";
import { processorFacts, SPECIAL_BYTES } from "../processor.ts";
import { isKernelPointer, pointerAt } from "../record-fields.ts";
import { type LiveContext, optional } from "./live-context.ts";

/** Most processors whose records are read: three pages each. */
const MAX_PROCESSORS = 64;
/** From this build on a PRCB points to its saved context; older ones hold it. */
const CONTEXT_POINTER_BUILD = 7600;
/** VendorString holds 12 characters and a NUL. */
const VENDOR_BYTES = 13;
const WHERE = "kernel/processors";

/** Offsets in KPRCB, from its start. */
interface ProcessorShape {
  readonly from: OffsetSource;
  readonly currentThread: number;
  readonly idleThread: number;
  readonly number?: number | undefined;
  readonly mhz?: number | undefined;
  readonly vendor?: number | undefined;
  readonly cpuType?: number | undefined;
  /** KPROCESSOR_STATE.SpecialRegisters. */
  readonly special?: number | undefined;
  /** Pointer to the context that was saved when the system stopped. */
  readonly contextPointer?: number | undefined;
  /** The context inside of the record. */
  readonly context?: number | undefined;
}

/** A processor with its registers and threads. */
export interface ProcessorRecord extends DumpProcessor {
  /** Place in KiProcessorBlock. */
  readonly index: number;
  readonly cpuInfo?: string;
}

/** KiProcessorBlock: all processors, what they ran and their saved contexts. */
export class ProcessorList {
  readonly #context: LiveContext;
  readonly #records = new Map<number, ProcessorRecord>();
  readonly #onRunning: (processor: ProcessorRecord) => readonly Task[];
  /** Processors whose threads were looked for, readable or not. */
  readonly #looked = new Set<number>();
  readonly #shape: ProcessorShape;
  readonly #stated: number;

  /**
   * @param count number of processors as the header states it
   * @param onRunning work that a processor's threads lead to, once they are known
   */
  constructor(context: LiveContext, count: number, onRunning: (processor: ProcessorRecord) => readonly Task[]) {
    this.#context = context;
    this.#stated = count;
    this.#onRunning = onRunning;
    this.#shape = processorShape(context);
  }

  /** Where the offsets come from. */
  get from(): OffsetSource {
    return this.#shape.from;
  }

  start(): Task[] {
    const { kdbg, memory, pointerSize, notes } = this.#context;
    const block = kdbg?.address("KiProcessorBlock");
    if (block === undefined || this.#stated === 0) return [];
    const count = Math.min(this.#stated, MAX_PROCESSORS);
    return [
      optional(this.#context, WHERE, () => {
        const { bytes } = memory.read(block, count * pointerSize);
        const prcbs = Array.from({ length: Math.floor(bytes.length / pointerSize) }, (_, index) =>
          pointerAt(bytes, index * pointerSize, pointerSize),
        );
        if (count < this.#stated) notes.add("limit.processors", WHERE, `${count} of ${this.#stated} are read`);
        const found = prcbs.flatMap((prcb, index) =>
          prcb !== undefined && isKernelPointer(prcb, pointerSize) ? [{ prcb, index }] : [],
        );
        return found.flatMap(({ prcb, index }) => this.#processor(prcb, index));
      }),
    ];
  }

  /** All processors of the table, in its order. */
  processors(): ProcessorRecord[] {
    return [...this.#records.values()].sort((a, b) => a.index - b.index);
  }

  /** The same once it is known which threads all of them ran; undefined before. */
  whenThreadsAreKnown(): ProcessorRecord[] | undefined {
    return this.#looked.size > 0 && this.#looked.size === this.#records.size ? this.processors() : undefined;
  }

  /** Its threads and its registers lie pages apart: neither waits for the other. */
  #processor(prcb: VirtualAddress, index: number): readonly Task[] {
    const { memory, pointerSize } = this.#context;
    const shape = this.#shape;
    this.#add({ index, address: prcb });
    const threads: Task = () => {
      const length = Math.max(shape.currentThread, shape.idleThread) + pointerSize;
      const bytes = readExact(memory, prcb, length);
      const currentThread = bytes && kernelPointerAt(bytes, shape.currentThread, pointerSize);
      const idleThread = bytes && kernelPointerAt(bytes, shape.idleThread, pointerSize);
      const record = this.#add({
        index,
        ...(currentThread === undefined ? {} : { currentThread }),
        ...(idleThread === undefined ? {} : { idleThread }),
      });
      this.#looked.add(index);
      return this.#onRunning(record);
    };
    const saved: Task = () => {
      const address = addOffset(prcb, shape.contextPointer ?? 0);
      const bytes = readExact(memory, address, pointerSize);
      const place = bytes && kernelPointerAt(bytes, 0, pointerSize);
      return place === undefined ? [] : [optional(this.#context, WHERE, () => this.#registers(index, place))];
    };
    const own = shape.context;
    return [
      optional(this.#context, WHERE, threads),
      optional(this.#context, WHERE, () => this.#facts(prcb, index)),
      ...(shape.contextPointer === undefined ? [] : [optional(this.#context, WHERE, saved)]),
      ...(own === undefined
        ? []
        : [optional(this.#context, WHERE, () => this.#registers(index, addOffset(prcb, own)))]),
    ];
  }

  #facts(prcb: VirtualAddress, index: number): readonly Task[] {
    const { memory, cpu, build } = this.#context;
    const { number, mhz, cpuType, vendor, special } = this.#shape;
    const wanted = [
      ...[number, mhz, cpuType].flatMap((at) => (at === undefined ? [] : [{ at, length: 4 }])),
      ...(vendor === undefined ? [] : [{ at: vendor, length: VENDOR_BYTES }]),
      ...(special === undefined ? [] : [{ at: special, length: SPECIAL_BYTES }]),
    ];
    memory.plan(wanted.map(({ at, length }) => ({ address: addOffset(prcb, at), length })));
    const read = (at: number | undefined, length: number): Uint8Array | undefined =>
      at === undefined ? undefined : readExact(memory, addOffset(prcb, at), length);
    const u32 = (at: number | undefined): number | undefined => {
      const bytes = read(at, 4);
      return bytes && dataView(bytes).getUint32(0, true);
    };
    const { processor, cpuInfo } = processorFacts(
      {
        ...{ number: u32(number), mhz: u32(mhz), vendor: read(vendor, VENDOR_BYTES), cpuType: u32(cpuType) },
        special: read(special, SPECIAL_BYTES),
      },
      cpu,
      build,
    );
    this.#add({ index, ...processor, ...(cpuInfo === undefined ? {} : { cpuInfo }) });
    return [];
  }

  #registers(index: number, address: VirtualAddress): readonly Task[] {
    const context = readContext(this.#context.cpu, this.#context.memory.read(address, MAX_CONTEXT_BYTES).bytes);
    if (context) this.#add({ index, context });
    return [];
  }

  #add(part: ProcessorRecord): ProcessorRecord {
    const record = { ...this.#records.get(part.index), ...part };
    this.#records.set(part.index, record);
    return record;
  }
}

function kernelPointerAt(bytes: Uint8Array, offset: number, pointerSize: 4 | 8): VirtualAddress | undefined {
  const value = pointerAt(bytes, offset, pointerSize);
  return value !== undefined && isKernelPointer(value, pointerSize) ? value : undefined;
}

/** KDBG knows nearly all offsets of a PRCB; the rest stands where it always did, or in the table of the build. */
function processorShape({ types, kdbg, cpu, build, pointerSize }: LiveContext): ProcessorShape {
  const table = structureOffsets(cpu, build, {
    eProcess: kdbg?.value("SizeEProcess"),
    eThread: kdbg?.value("SizeEThread"),
    prcb: kdbg?.value("SizePrcb"),
  });
  const symbol = (field: string): number | undefined => types?.offsetOf("_KPRCB", field);
  const contextPointer = symbol("Context") ?? kdbg?.value("OffsetPrcbContext");
  const pointed = contextPointer !== undefined && build >= CONTEXT_POINTER_BUILD;
  return {
    from: symbol("CurrentThread") !== undefined ? "symbols" : kdbg ? "debugger-data" : "table",
    currentThread: symbol("CurrentThread") ?? kdbg?.value("OffsetPrcbCurrentThread") ?? pointerSize,
    idleThread: symbol("IdleThread") ?? kdbg?.value("OffsetPrcbIdleThread") ?? 3 * pointerSize,
    number: symbol("Number") ?? kdbg?.value("OffsetPrcbNumber") ?? table?.prcbNumber,
    mhz: symbol("MHz") ?? kdbg?.value("OffsetPrcbMhz") ?? table?.mhz,
    vendor: symbol("VendorString") ?? kdbg?.value("OffsetPrcbVendorString") ?? table?.vendorString,
    special: cpu === "amd64" ? kdbg?.value("OffsetPrcbProcStateSpecialReg") : undefined,
    cpuType: symbol("CpuType") ?? kdbg?.value("OffsetPrcbCpuType") ?? table?.cpuType,
    ...(pointed ? { contextPointer } : { context: kdbg?.value("OffsetPrcbProcStateContext") }),
  };
}
