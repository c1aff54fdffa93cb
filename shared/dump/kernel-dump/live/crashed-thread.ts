import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpThread } from "../../dump.ts";
import { structureOffsets } from "../offsets.ts";
import { recogniseCid } from "../recognise.ts";
import { clientIdAt, isKernelPointer, pointerAt } from "../record-fields.ts";
import { type Links, orderList } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";
import type { ProcessorRecord } from "./processor-list.ts";

/** Bytes of a record whose size is not known; and the most that is read of one. */
const THREAD_BYTES = 0x900;
const PROCESS_BYTES = 0xc00;
const MAX_RECORD = 0x2000;
/** Most bytes of the crashed thread's stack that are fetched with the lists. */
const STACK_BYTES = 0x8000;
/** Most threads of the crashed process that are listed. */
const MAX_THREADS = 64;
const WHERE = "kernel/threads";

/** Offsets in KTHREAD and KPROCESS that neither KDBG nor the triage table has. */
interface ListOffsets {
  /** KPROCESS.ThreadListHead. */
  readonly head: number;
  /** KTHREAD.ThreadListEntry. */
  readonly entry: number;
}

/** Work that an address leads to and that nobody waits for. */
type FurtherWork = (address: VirtualAddress) => readonly Task[];

/** A record of the kernel as it was read: shorter than it is where a hole cuts it. */
export interface ThreadRecord {
  readonly address: VirtualAddress;
  readonly bytes: Uint8Array;
}

/**
 * The thread that stopped the system, its process, and that process' other threads. Which thread it was the
 * registers of the dump's header tell: their stack pointer lies in its stack. The threads that ran on
 * all processors are looked at side by side; idle ones, which do not crash often, count last.
 */
export class CrashedThread {
  readonly #context: LiveContext;
  readonly #sp: VirtualAddress | undefined;
  readonly #running = new Map<number, ThreadRecord>();
  readonly #records = new Map<VirtualAddress, ThreadRecord>();
  readonly #processes = new Map<VirtualAddress, ThreadRecord>();
  readonly #links = new Map<VirtualAddress, Links>();
  /** Threads whose surroundings were asked for. */
  readonly #asked = new Set<VirtualAddress>();
  /** Members that were asked for and are not there yet. */
  readonly #pending = new Set<VirtualAddress>();
  /** List heads, which lie in processes and are no threads. */
  readonly #heads = new Set<VirtualAddress>();
  readonly #offsets: ListOffsets | undefined;
  readonly #onProcess: FurtherWork;
  readonly #onTeb: FurtherWork;

  /**
   * @param sp stack pointer of the header's registers
   * @param onProcess work that the crashed process leads to
   * @param onTeb work that the crashed thread's TEB leads to
   */
  constructor(
    context: LiveContext,
    sp: VirtualAddress | undefined,
    onProcess: FurtherWork = () => [],
    onTeb: FurtherWork = () => [],
  ) {
    this.#context = context;
    this.#sp = sp;
    this.#onProcess = onProcess;
    this.#onTeb = onTeb;
    this.#offsets = listOffsets(context);
  }

  /**
   * What a processor ran leads to: its thread, and where the header's stack is that thread's, its process.
   * @param all gives all processors when their threads are known: where no stack is the header's (a double fault has one of
   * its own), the process is asked for as soon as the last thread is there
   */
  running({ index, currentThread }: ProcessorRecord, all: () => readonly ProcessorRecord[] | undefined): Task[] {
    const { memory } = this.#context;
    if (currentThread === undefined) return [];
    return [
      optional(this.#context, WHERE, () => {
        const record = { address: currentThread, bytes: memory.read(currentThread, this.#threadBytes()).bytes };
        this.#running.set(index, record);
        if (this.#holdsStack(record)) return this.#around(record);
        const known = all();
        const isLast = known?.every((one) => one.currentThread === undefined || this.#running.has(one.index));
        return known && isLast ? this.rest(this.crashedIndex(known)) : [];
      }),
    ];
  }

  /**
   * Place of the processor that stopped the system: the one whose saved stack pointer is the header's, else
   * whose thread's stack holds it, else the first that ran more than its idle thread.
   */
  crashedIndex(processors: readonly ProcessorRecord[]): number | undefined {
    const exact = processors.find(({ context }) => context !== undefined && context.sp === this.#sp);
    const held = processors.find(({ index }) => this.#holdsStack(this.#running.get(index)));
    const busy = processors.find(({ currentThread, idleThread }) => currentThread && currentThread !== idleThread);
    return (exact ?? held ?? busy ?? processors[0])?.index;
  }

  /** Work that is left when the processor is known: its process, where the stack had not led to it. */
  rest(index: number | undefined): Task[] {
    const record = index === undefined ? undefined : this.#running.get(index);
    if (!record || this.#asked.has(record.address) || this.process(index)) return [];
    return this.#around(record);
  }

  /** ETHREAD of what a processor ran. */
  thread(index: number | undefined): ThreadRecord | undefined {
    return index === undefined ? undefined : this.#running.get(index);
  }

  /** EPROCESS of what a processor ran: the one its thread was attached to, where it was. */
  process(index: number | undefined): ThreadRecord | undefined {
    const thread = this.thread(index);
    const address = thread && this.#processOf(thread);
    return address === undefined ? undefined : this.#processes.get(address);
  }

  #holdsStack(record: ThreadRecord | undefined): boolean {
    const stack = record && stackOf(this.#context, record);
    if (!stack || this.#sp === undefined) return false;
    return this.#sp >= stack.start && this.#sp - stack.start < BigInt(stack.size);
  }

  #processOf({ bytes }: ThreadRecord): VirtualAddress | undefined {
    const { kdbg, pointerSize, types } = this.#context;
    const state = types?.offsetOf("_KTHREAD", "ApcState");
    // KAPC_STATE: two list heads, then Process.
    const at =
      state === undefined
        ? (kdbg?.value("OffsetKThreadApcProcess") ?? tableOf(this.#context)?.apcProcess)
        : state + 4 * pointerSize;
    const process = at === undefined ? undefined : pointerAt(bytes, at, pointerSize);
    return process !== undefined && isKernelPointer(process, pointerSize) ? process : undefined;
  }

  /** The thread's process and the threads beside it in its list, without waiting for the list's head. */
  #around(record: ThreadRecord): Task[] {
    this.#asked.add(record.address);
    const process = this.#processOf(record);
    const links = this.#offsets && linksAt(record.bytes, this.#offsets.entry, this.#context.pointerSize);
    // The other threads are many in some processes, and no stack waits for them.
    if (links && this.#offsets) this.#context.beside(this.#known(record, links, this.#offsets));
    const { teb } = threadOf(this.#context, record, undefined);
    if (teb !== undefined) this.#context.beside(this.#onTeb(teb).map((task) => optional(this.#context, WHERE, task)));
    return [...(process === undefined ? [] : [this.#readProcess(process)]), ...this.#stack(record)];
  }

  /** The used part of the stack: whoever walks it finds it fetched in the same rounds as the lists. */
  #stack(record: ThreadRecord): Task[] {
    const stack = stackOf(this.#context, record);
    const { memory } = this.#context;
    const sp = this.#sp;
    if (!stack || sp === undefined || !this.#holdsStack(record)) return [];
    const length = Math.min(Number(stack.start + BigInt(stack.size) - sp), STACK_BYTES);
    return [
      optional(this.#context, WHERE, () => {
        memory.plan([{ address: sp, length }]);
        return [];
      }),
    ];
  }

  #known(record: ThreadRecord, links: Links, offsets: ListOffsets): Task[] {
    this.#records.set(record.address, record);
    this.#links.set(addOffset(record.address, offsets.entry), links);
    return this.#bothWays(links, offsets);
  }

  /** The process' other threads in their list's order, with what their records say, as far as they are there. */
  others(index: number | undefined, pid: number | undefined): DumpThread[] {
    const process = this.process(index);
    const offsets = this.#offsets;
    if (!process || !offsets) return [];
    const headLinks = linksAt(process.bytes, offsets.head, this.#context.pointerSize);
    if (!headLinks) return [];
    const { order, end } = orderList(addOffset(process.address, offsets.head), headLinks, this.#links, MAX_THREADS);
    const { notes } = this.#context;
    const isCut = end === "broken" && this.#pending.size > 0;
    if (end === "limit" || isCut) notes.add("limit.threads", WHERE, `the first ${order.length} threads are listed`);
    else if (end !== "closed") notes.add(`kernel.list-${end}`, WHERE, `${order.length} threads were found`);
    const own = this.thread(index)?.address;
    return order.flatMap((at) => {
      const address = addOffset(at, -offsets.entry);
      const record = this.#records.get(address);
      return record && address !== own ? [threadOf(this.#context, record, pid)] : [];
    });
  }

  #threadBytes(): number {
    const { kdbg, types } = this.#context;
    return Math.min(types?.sizeOf("_ETHREAD") ?? kdbg?.value("SizeEThread") ?? THREAD_BYTES, MAX_RECORD);
  }

  #readProcess(address: VirtualAddress): Task {
    const { kdbg, memory, pointerSize, types } = this.#context;
    const size = Math.min(types?.sizeOf("_EPROCESS") ?? kdbg?.value("SizeEProcess") ?? PROCESS_BYTES, MAX_RECORD);
    const offsets = this.#offsets;
    return optional(this.#context, WHERE, () => {
      const { bytes } = memory.read(address, size);
      this.#processes.set(address, { address, bytes });
      this.#context.beside(this.#onProcess(address));
      const links = offsets && linksAt(bytes, offsets.head, pointerSize);
      if (!offsets || !links) return [];
      this.#heads.add(addOffset(address, offsets.head));
      this.#context.beside(this.#bothWays(links, offsets));
      return [];
    });
  }

  #bothWays({ flink, blink }: Links, offsets: ListOffsets): Task[] {
    return [...this.#visit(flink, offsets), ...this.#visit(blink, offsets)];
  }

  #visit(at: VirtualAddress, offsets: ListOffsets): Task[] {
    if (this.#links.has(at) || this.#heads.has(at) || this.#records.size >= MAX_THREADS + 1) return [];
    const address = addOffset(at, -offsets.entry);
    return [
      optional(this.#context, WHERE, () => {
        if (this.#records.has(address) || this.#heads.has(at)) return [];
        this.#pending.add(at);
        const { bytes } = this.#context.memory.read(address, this.#threadBytes());
        this.#pending.delete(at);
        const links = linksAt(bytes, offsets.entry, this.#context.pointerSize);
        if (!links) return [];
        return this.#known({ address, bytes }, links, offsets);
      }),
    ];
  }
}

/** Id, TEB and stack of a thread by its record. */
export function threadOf(context: LiveContext, record: ThreadRecord, pid: number | undefined): DumpThread {
  const { kdbg, pointerSize } = context;
  const table = tableOf(context);
  const { bytes } = record;
  const cid = context.types?.offsetOf("_ETHREAD", "Cid") ?? table?.cid;
  const owner = cid === undefined ? undefined : clientIdAt(bytes, cid, pointerSize);
  const stated = cid === undefined || !owner ? undefined : clientIdAt(bytes, cid + pointerSize, pointerSize);
  const id = stated ?? recogniseCid(bytes, pid, pointerSize) ?? 0;
  const tebAt = kdbg?.value("OffsetKThreadTeb") ?? table?.teb;
  const teb = tebAt === undefined ? undefined : pointerAt(bytes, tebAt, pointerSize);
  const stack = stackOf(context, record);
  const savedAt = kdbg?.value("OffsetKThreadKernelStack");
  const saved = savedAt === undefined ? undefined : pointerAt(bytes, savedAt, pointerSize);
  const isInside = stack && saved !== undefined && saved >= stack.start && saved - stack.start < BigInt(stack.size);
  return {
    id,
    address: record.address,
    ...(isInside ? { kernelStack: saved } : {}),
    ...(teb && !isKernelPointer(teb, pointerSize) ? { teb } : {}),
    ...(stack ? { stack } : {}),
  };
}

/** Bounds of a thread's kernel stack; undefined where they are not plausible. */
export function stackOf(context: LiveContext, { bytes }: ThreadRecord): DumpThread["stack"] {
  const { kdbg, pointerSize } = context;
  const baseAt = kdbg?.value("OffsetKThreadStackBase") ?? tableOf(context)?.stackBase;
  // ARM64 has no table, but there it stands where x64 has it.
  const limitAt = kdbg?.value("OffsetKThreadStackLimit") ?? tableOf(context)?.stackLimit ?? 0x30;
  if (baseAt === undefined) return undefined;
  const base = pointerAt(bytes, baseAt, pointerSize);
  const limit = pointerAt(bytes, limitAt, pointerSize);
  if (base === undefined || limit === undefined || !isKernelPointer(limit, pointerSize)) return undefined;
  const size = base - limit;
  return size > 0n && size <= 0x10_0000n ? { start: limit, size: Number(size) } : undefined;
}

function tableOf({ cpu, build, kdbg }: LiveContext): ReturnType<typeof structureOffsets> {
  return structureOffsets(cpu, build, {
    eProcess: kdbg?.value("SizeEProcess"),
    eThread: kdbg?.value("SizeEThread"),
    prcb: kdbg?.value("SizePrcb"),
  });
}

/** Both moved with Windows 7 (6.1) and on x86 with Windows 8, and never since; ARM64's are known from symbols alone. */
function listOffsets({ types, cpu, build }: LiveContext): ListOffsets | undefined {
  const head = types?.offsetOf("_KPROCESS", "ThreadListHead");
  const entry = types?.offsetOf("_KTHREAD", "ThreadListEntry");
  if (head !== undefined && entry !== undefined) return { head, entry };
  if (cpu === "amd64") return build >= 7600 ? { head: 0x30, entry: 0x2f8 } : undefined;
  if (cpu !== "x86" || build < 7600) return undefined;
  return { head: 0x2c, entry: build >= 9200 ? 0x1d4 : 0x1e0 };
}
