import type { CpuContext } from "../../cpu-context.ts";
import type { DumpProcess, DumpThread, OffsetSource } from "../../dump.ts";
import { structureOffsets } from "../offsets.ts";
import { processFacts, readProcess, readThread } from "../process-thread.ts";
import { type CrashedThread, stackOf } from "./crashed-thread.ts";
import type { LiveContext } from "./live-context.ts";
import type { ProcessorList } from "./processor-list.ts";

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
export function recordFacts(context: LiveContext, { process, thread }: CrashedThread): RecordFacts {
  const { cpu, pointerSize, build, kdbg, notes } = context;
  const sizes = { eProcess: kdbg?.value("SizeEProcess"), eThread: kdbg?.value("SizeEThread") };
  const offsets = structureOffsets(cpu, build, { ...sizes, prcb: kdbg?.value("SizePrcb") });
  const exact = offsets !== undefined && (offsets.build === build || offsets.sizeEThread === sizes.eThread);
  const reading = { pointerSize, offsets, exact, kdbg, where: "kernel" };
  const found = process && readProcess(process.bytes, thread?.bytes, reading, notes);
  const running = thread && readThread(thread.bytes, found?.pid, reading, notes);
  const stack = thread && stackOf(context, thread);
  return {
    process: processFacts(found),
    thread: {
      id: running?.id ?? 0,
      ...(running?.teb === undefined ? {} : { teb: running.teb }),
      ...(stack ? { stack } : {}),
    },
    processFrom: found?.from,
    threadFrom: running?.from,
    tableBuild: offsets?.build,
  };
}

/**
 * The crashed thread first, then its process' other threads, then what the other processors ran.
 * @param registers of the header: what the crashed thread's processor had when the dump was written
 */
export function allThreads(
  crashed: CrashedThread,
  processors: ProcessorList,
  facts: RecordFacts,
  registers: CpuContext | undefined,
): DumpThread[] {
  const own = registers ?? processors.crashed?.context;
  const others = crashed.others(facts.process.pid);
  const running = processors.processors().flatMap((processor): DumpThread[] => {
    const { context: saved, currentThread, idleThread, number, index } = processor;
    if (!saved || index === processors.crashed?.index) return [];
    const known = others.find(({ address }) => address !== undefined && address === currentThread);
    const idle = currentThread === idleThread;
    return [
      {
        id: known?.id ?? 0,
        ...(idle ? { name: "Idle" } : {}),
        ...(currentThread === undefined ? {} : { address: currentThread }),
        processor: number ?? index,
        context: saved,
      },
    ];
  });
  const shown = new Set(running.map(({ address }) => address));
  return [
    {
      ...facts.thread,
      ...(crashed.thread ? { address: crashed.thread.address } : {}),
      ...(own ? { context: own } : {}),
    },
    ...others.filter(({ address }) => !shown.has(address)),
    ...running,
  ];
}
