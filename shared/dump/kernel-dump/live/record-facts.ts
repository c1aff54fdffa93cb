import type { CpuContext } from "../../cpu-context.ts";
import type { DumpProcess, DumpThread, OffsetSource } from "../../dump.ts";
import { structureOffsets } from "../offsets.ts";
import { processFacts, readProcess, readThread } from "../process-thread.ts";
import { symbolOffsets } from "../symbol-offsets.ts";
import { stackOf, type ThreadRecord } from "./crashed-thread.ts";
import type { LiveContext } from "./live-context.ts";
import type { ProcessorRecord } from "./processor-list.ts";

/** What the records of the crashed thread and its process say. */
export interface RecordFacts {
  readonly process: DumpProcess;
  readonly thread: DumpThread;
  readonly processFrom: OffsetSource | undefined;
  readonly threadFrom: OffsetSource | undefined;
  /** Build whose table of offsets was at hand. */
  readonly tableBuild: number | undefined;
}

/** Reads the records by the same rules as the copies in triage dumps. */
export function recordFacts(
  context: LiveContext,
  process: ThreadRecord | undefined,
  thread: ThreadRecord | undefined,
): RecordFacts {
  const { cpu, pointerSize, build, kdbg, notes } = context;
  const sizes = { eProcess: kdbg?.value("SizeEProcess"), eThread: kdbg?.value("SizeEThread") };
  const offsets = structureOffsets(cpu, build, { ...sizes, prcb: kdbg?.value("SizePrcb") });
  const exact = offsets !== undefined && (offsets.build === build || offsets.sizeEThread === sizes.eThread);
  const symbols = symbolOffsets(context.types, pointerSize, offsets);
  const reading = {
    ...{ pointerSize, kdbg, where: "kernel", offsets: symbols ?? offsets, exact: exact || symbols !== undefined },
    source: symbols ? ("symbols" as const) : ("table" as const),
  };
  const found = process && readProcess(process.bytes, thread?.bytes, reading, notes);
  const running = thread && readThread(thread.bytes, found?.pid, reading, notes);
  const stack = thread && stackOf(context, thread);
  return {
    process: processFacts(found),
    thread: {
      id: running?.id ?? 0,
      ...(thread ? { address: thread.address } : {}),
      ...(running?.teb === undefined ? {} : { teb: running.teb }),
      ...(stack ? { stack } : {}),
    },
    processFrom: found?.from,
    threadFrom: running?.from,
    tableBuild: offsets?.build,
  };
}

/**
 * The crashed thread first, then what the other processors ran, then its process' other threads.
 * @param registers of the header: what the crashed thread's processor had when the dump was written
 * @param index place of the processor that stopped the system
 */
export function allThreads(
  facts: RecordFacts,
  registers: CpuContext | undefined,
  others: readonly DumpThread[],
  processors: readonly ProcessorRecord[],
  index: number | undefined,
): DumpThread[] {
  const own = registers ?? processors.find((one) => one.index === index)?.context;
  const running = processors.flatMap((processor): DumpThread[] => {
    const { context: saved, currentThread, idleThread, number } = processor;
    if (!saved || processor.index === index) return [];
    const known = others.find(({ address }) => address !== undefined && address === currentThread);
    return [
      {
        ...(known ?? { id: 0 }),
        ...(currentThread !== undefined && currentThread === idleThread ? { name: "Idle" } : {}),
        ...(currentThread === undefined ? {} : { address: currentThread }),
        processor: number ?? processor.index,
        context: saved,
      },
    ];
  });
  const shown = new Set(running.map(({ address }) => address));
  const waiting = others.filter(({ address }) => !shown.has(address));
  return [{ ...facts.thread, ...(own ? { context: own } : {}) }, ...running, ...waiting];
}
