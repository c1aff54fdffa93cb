import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { dataView } from "../../bytes/layout.ts";
import type { DumpSection } from "../dump.ts";
import type { DebuggerData } from "./debugger-data.ts";
import { headerPlaces, type KernelHeader } from "./header.ts";
import { copyExtent, type TriageHeader } from "./triage.ts";
import {
  DUMP_DRIVER_ENTRY32,
  DUMP_DRIVER_ENTRY64,
  TRIAGE_DATA_BLOCK,
  UNLOADED_DRIVERS32,
  UNLOADED_DRIVERS64,
} from "./triage-format.ts";

/** The parts of a triage dump's primary part with their places, as reports list them; absent parts are left out. */
export function triageSections(
  bytes: FetchedBytes,
  header: KernelHeader,
  triage: TriageHeader,
  kdbg: DebuggerData | undefined,
): DumpSection[] {
  const { record, pointerSize } = triage;
  const wide = pointerSize === 8;
  const { context, exception } = headerPlaces(header);
  const upToNext = (offset: number, known?: number): number => copyExtent(bytes, triage, offset, known);
  const unloadedCount = bytes.upTo(record.UnloadedDriversOffset, 4);
  const unloaded = unloadedCount.length === 4 ? dataView(unloadedCount).getUint32(0, true) : 0;
  const entry = wide ? DUMP_DRIVER_ENTRY64.size : DUMP_DRIVER_ENTRY32.size;
  const unloadedEntry = wide ? UNLOADED_DRIVERS64.size : UNLOADED_DRIVERS32.size;
  const parts: ReadonlyArray<readonly [name: string, offset: number, size: number]> = [
    [wide ? "DUMP_HEADER64" : "DUMP_HEADER32", 0, header.size],
    ["CONTEXT", record.ContextOffset, record.ContextOffset === context.offset ? context.size : 0],
    ["EXCEPTION_RECORD", record.ExceptionOffset, exception.size],
    [wide ? "TRIAGE_DUMP64" : "TRIAGE_DUMP32", triage.offset, triage.size],
    ["DUMP_MM_STORAGE", record.MmOffset, upToNext(record.MmOffset)],
    ["UNLOADED_DRIVERS", record.UnloadedDriversOffset, pointerSize + unloaded * unloadedEntry],
    ["KPRCB", record.PrcbOffset, upToNext(record.PrcbOffset, kdbg?.value("SizePrcb"))],
    ["EPROCESS", record.ProcessOffset, upToNext(record.ProcessOffset, kdbg?.value("SizeEProcess"))],
    ["ETHREAD", record.ThreadOffset, upToNext(record.ThreadOffset, kdbg?.value("SizeEThread"))],
    ["CallStack", record.CallStackOffset, record.SizeOfCallStack],
    ["KDDEBUGGER_DATA64", record.DebuggerDataOffset, record.DebuggerDataSize],
    ["DriverList", record.DriverListOffset, record.DriverCount * entry],
    ["StringPool", record.StringPoolOffset, record.StringPoolSize],
    ["DataPage", record.DataPageOffset, record.DataPageSize],
    ["DataBlocks", record.DataBlocksOffset, record.DataBlocksCount * TRIAGE_DATA_BLOCK.size],
  ];
  return parts
    .filter(([name, offset, size]) => size > 0 && (offset > 0 || name.startsWith("DUMP_HEADER")))
    .map(([name, offset, size]) => ({ name, offset, size }));
}
