import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpThread } from "../../dump.ts";
import { structureOffsets } from "../offsets.ts";
import { recogniseCid } from "../recognise.ts";
import { clientIdAt, isKernelPointer, pointerAt } from "../record-fields.ts";
import { type Links, orderList } from "./linked-list.ts";
import { type LiveContext, linksAt, optional } from "./live-context.ts";

/** Bytes of a record whose size is not known; and the most that is read of one. */
const THREAD_BYTES = 0x900;
const PROCESS_BYTES = 0xc00;
const MAX_RECORD = 0x2000;
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

/** A record of the kernel as it was read: shorter than it is where a hole cuts it. */
export interface ThreadRecord {
  readonly address: VirtualAddress;
  readonly bytes: Uint8Array;
}

/** The thread that stopped the system, its process, and that process' other threads. */
export class CrashedThread {
  readonly #context: LiveContext;
  readonly #records = new Map<VirtualAddress, ThreadRecord>();
  readonly #links = new Map<VirtualAddress, Links>();
  #thread: ThreadRecord | undefined;
  #process: ThreadRecord | undefined;
  #headLinks: Links | undefined;

  constructor(context: LiveContext) {
    this.#context = context;
  }

  /** ETHREAD of the thread that stopped the system. */
  get thread(): ThreadRecord | undefined {
    return this.#thread;
  }

  /** EPROCESS of the process it ran in: the one it was attached to, where it was. */
  get process(): ThreadRecord | undefined {
    return this.#process;
  }

  start(address: VirtualAddress): Task[] {
    const { kdbg, memory, pointerSize, types } = this.#context;
    const attached =
      types?.offsetOf("_KTHREAD", "ApcState") === undefined
        ? (kdbg?.value("OffsetKThreadApcProcess") ?? tableOf(this.#context)?.apcProcess)
        : (types.offsetOf("_KTHREAD", "ApcState") as number) + 4 * pointerSize;
    return [
      optional(this.#context, WHERE, () => {
        const { bytes } = memory.read(address, this.#threadBytes());
        this.#thread = { address, bytes };
        const process = attached === undefined ? undefined : pointerAt(bytes, attached, pointerSize);
        return process !== undefined && isKernelPointer(process, pointerSize) ? [this.#readProcess(process)] : [];
      }),
    ];
  }

  /** The process' other threads in their list's order, with what their records say. */
  others(pid: number | undefined): DumpThread[] {
    const head = this.#process && listOffsets(this.#context);
    if (!head || !this.#headLinks || !this.#process) return [];
    const list = addOffset(this.#process.address, head.head);
    const { order, end } = orderList(list, this.#headLinks, this.#links, MAX_THREADS);
    const { notes } = this.#context;
    if (end === "limit") notes.add("limit.threads", WHERE, `the first ${order.length} threads are listed`);
    else if (end !== "closed") notes.add(`kernel.list-${end}`, WHERE, `${order.length} threads were found`);
    return order.flatMap((at) => {
      const address = addOffset(at, -head.entry);
      const record = this.#records.get(address);
      return record && address !== this.#thread?.address ? [threadOf(this.#context, record, pid)] : [];
    });
  }

  #threadBytes(): number {
    const { kdbg, types } = this.#context;
    return Math.min(types?.sizeOf("_ETHREAD") ?? kdbg?.value("SizeEThread") ?? THREAD_BYTES, MAX_RECORD);
  }

  #readProcess(address: VirtualAddress): Task {
    const { kdbg, memory, pointerSize, types } = this.#context;
    const size = Math.min(types?.sizeOf("_EPROCESS") ?? kdbg?.value("SizeEProcess") ?? PROCESS_BYTES, MAX_RECORD);
    const offsets = listOffsets(this.#context);
    return optional(this.#context, WHERE, () => {
      const { bytes } = memory.read(address, size);
      this.#process = { address, bytes };
      this.#headLinks = offsets && linksAt(bytes, offsets.head, pointerSize);
      if (!offsets || !this.#headLinks) return [];
      this.#links.set(addOffset(address, offsets.head), this.#headLinks);
      return this.#bothWays(this.#headLinks, offsets);
    });
  }

  #bothWays({ flink, blink }: Links, offsets: ListOffsets): Task[] {
    return [...this.#visit(flink, offsets), ...this.#visit(blink, offsets)];
  }

  #visit(at: VirtualAddress, offsets: ListOffsets): Task[] {
    if (this.#links.has(at) || this.#records.size >= MAX_THREADS + 1) return [];
    const address = addOffset(at, -offsets.entry);
    return [
      optional(this.#context, WHERE, () => {
        if (this.#records.has(address)) return [];
        const { bytes } = this.#context.memory.read(address, this.#threadBytes());
        const links = linksAt(bytes, offsets.entry, this.#context.pointerSize);
        if (!links) return [];
        this.#records.set(address, { address, bytes });
        this.#links.set(at, links);
        return this.#bothWays(links, offsets);
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
  return {
    id,
    address: record.address,
    ...(teb && !isKernelPointer(teb, pointerSize) ? { teb } : {}),
    ...(stack ? { stack } : {}),
  };
}

/** Bounds of a thread's kernel stack; undefined where they are not plausible. */
export function stackOf(context: LiveContext, { bytes }: ThreadRecord): DumpThread["stack"] {
  const { kdbg, pointerSize } = context;
  const baseAt = kdbg?.value("OffsetKThreadStackBase") ?? tableOf(context)?.stackBase;
  // StackLimit stands before StackBase since Windows 8; on x64 always at this place.
  const limitAt = kdbg?.value("OffsetKThreadStackLimit") ?? (pointerSize === 8 ? 0x30 : undefined);
  if (baseAt === undefined || limitAt === undefined) return undefined;
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
