import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import { MAX_CONTEXT_BYTES, readContext } from "../../context/context.ts";
import type { CpuContext } from "../../cpu-context.ts";
import type { DumpProcessor, OffsetSource } from "../../dump.ts";
import { readExact } from "../../memory.ts";
import { structureOffsets } from "../offsets.ts";
import { processorFacts } from "../processor.ts";
import { isKernelPointer, pointerAt } from "../record-fields.ts";
import { type LiveContext, optional } from "./live-context.ts";

/** Most processors whose records are read: three pages each. */
const MAX_PROCESSORS = 64;
/** From this build on a PRCB points to its saved context; older ones hold it. */
const CONTEXT_POINTER_BUILD = 7600;
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

/** KiProcessorBlock: all processors, their saved contexts, and which of them stopped the system. */
export class ProcessorList {
  readonly #context: LiveContext;
  readonly #stopped: CpuContext | undefined;
  readonly #records = new Map<number, ProcessorRecord>();
  readonly #onCrashed: (processor: ProcessorRecord) => readonly Task[];
  readonly #shape: ProcessorShape;
  readonly #stated: number;
  #waiting = 0;
  #crashed: ProcessorRecord | undefined;

  /**
   * @param stopped registers of the processor that wrote the dump, from the dump's header
   * @param count number of processors as the header states it
   * @param onCrashed work that the processor that stopped the system leads to
   */
  constructor(
    context: LiveContext,
    stopped: CpuContext | undefined,
    count: number,
    onCrashed: (processor: ProcessorRecord) => readonly Task[],
  ) {
    this.#context = context;
    this.#stopped = stopped;
    this.#stated = count;
    this.#onCrashed = onCrashed;
    this.#shape = processorShape(context);
  }

  /** Where the offsets come from. */
  get from(): OffsetSource {
    return this.#shape.from;
  }

  /** The processor that stopped the system; where no saved context says so, the first that can be read. */
  get crashed(): ProcessorRecord | undefined {
    return this.#crashed;
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
        this.#waiting = found.length;
        return found.map(({ prcb, index }) => this.#processor(prcb, index));
      }),
    ];
  }

  /** All processors that could be read, by number. */
  processors(): ProcessorRecord[] {
    return [...this.#records.values()].sort((a, b) => a.index - b.index);
  }

  #processor(prcb: VirtualAddress, index: number): Task {
    const { memory, pointerSize } = this.#context;
    const shape = this.#shape;
    const fields = [
      { at: 0, length: Math.max(shape.currentThread, shape.idleThread) + pointerSize },
      ...[shape.number, shape.mhz, shape.cpuType].flatMap((at) => (at === undefined ? [] : [{ at, length: 4 }])),
      ...(shape.vendor === undefined ? [] : [{ at: shape.vendor, length: 16 }]),
      ...(shape.contextPointer === undefined ? [] : [{ at: shape.contextPointer, length: pointerSize }]),
      ...(shape.context === undefined ? [] : [{ at: shape.context, length: MAX_CONTEXT_BYTES }]),
    ];
    return optional(this.#context, WHERE, () => {
      memory.plan(fields.map(({ at, length }) => ({ address: addOffset(prcb, at), length })));
      const read = (at: number | undefined, length: number): Uint8Array | undefined =>
        at === undefined ? undefined : readExact(memory, addOffset(prcb, at), length);
      const pointer = (at: number | undefined): VirtualAddress | undefined => {
        const bytes = read(at, pointerSize);
        const value = bytes && pointerAt(bytes, 0, pointerSize);
        return value !== undefined && isKernelPointer(value, pointerSize) ? value : undefined;
      };
      const u32 = (at: number | undefined): number | undefined => {
        const bytes = read(at, 4);
        return bytes && dataView(bytes).getUint32(0, true);
      };
      const { processor, cpuInfo } = processorFacts(
        { number: u32(shape.number), mhz: u32(shape.mhz), vendor: read(shape.vendor, 13), cpuType: u32(shape.cpuType) },
        this.#context.cpu,
        this.#context.build,
      );
      const currentThread = pointer(shape.currentThread);
      const idleThread = pointer(shape.idleThread);
      const record: ProcessorRecord = {
        ...processor,
        index,
        address: prcb,
        ...(currentThread === undefined ? {} : { currentThread }),
        ...(idleThread === undefined ? {} : { idleThread }),
        ...(cpuInfo === undefined ? {} : { cpuInfo }),
      };
      const saved = pointer(shape.contextPointer);
      if (saved !== undefined) return [optional(this.#context, WHERE, () => this.#saved(record, saved))];
      const inside = read(shape.context, MAX_CONTEXT_BYTES);
      return this.#done(record, inside && readContext(this.#context.cpu, inside));
    });
  }

  #saved(record: ProcessorRecord, address: VirtualAddress): readonly Task[] {
    const { bytes } = this.#context.memory.read(address, MAX_CONTEXT_BYTES);
    return this.#done(record, readContext(this.#context.cpu, bytes));
  }

  #done(record: ProcessorRecord, context: CpuContext | undefined): readonly Task[] {
    const whole = context ? { ...record, context } : record;
    this.#records.set(record.index, whole);
    this.#waiting -= 1;
    const crashed = context !== undefined && context.sp !== 0n && context.sp === this.#stopped?.sp;
    if (crashed && !this.#crashed) return this.#found(whole);
    // No saved context says it: a dump that a debugger wrote, or one processor whose record is in a hole.
    const [first] = this.processors();
    return this.#waiting === 0 && !this.#crashed && first ? this.#found(first) : [];
  }

  #found(processor: ProcessorRecord): readonly Task[] {
    this.#crashed = processor;
    return this.#onCrashed(processor);
  }
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
    cpuType: symbol("CpuType") ?? kdbg?.value("OffsetPrcbCpuType") ?? table?.cpuType,
    ...(pointed ? { contextPointer } : { context: kdbg?.value("OffsetPrcbProcStateContext") }),
  };
}
