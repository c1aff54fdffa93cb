import { hexAddress } from "../dump/address.ts";
import type { Dump, OffsetSources } from "../dump/dump.ts";
import type { DumpSharedData } from "../dump/shared-data.ts";
import { secondaryPart } from "./build-secondary.ts";
import type { CrashReport } from "./crash-report.ts";

/** The kernel's own part of a report; null for dumps of a single process. */
export function kernelPart(dump: Dump): CrashReport["kernel"] {
  const { kernel } = dump;
  if (!kernel) return null;
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);
  return {
    base: kernel.base === undefined ? null : hex(kernel.base),
    loaded_module_list: hex(kernel.loadedModuleList),
    active_process_head: hex(kernel.activeProcessHead),
    directory_table_base: hex(kernel.directoryTableBase),
    debugger_data: kernel.debuggerDataBlock === undefined ? null : hex(kernel.debuggerDataBlock),
    build_lab: dump.system.buildLab ?? null,
    attributes: kernel.attributes === undefined ? null : `0x${kernel.attributes.toString(16)}`,
    producer: kernel.producer ?? null,
    major_version: kernel.majorVersion,
    minor_version: kernel.minorVersion,
    ...(kernel.offsetsFrom ? { offsets_from: offsetsPart(kernel.offsetsFrom) } : {}),
    ...(dump.sharedData ? { shared_data: sharedDataPart(dump.sharedData) } : {}),
    ...(dump.secondaryData ? { secondary_data: secondaryPart(dump.secondaryData) } : {}),
  };
}

function sharedDataPart(shared: DumpSharedData): NonNullable<CrashReport["kernel"]>["shared_data"] {
  const { majorVersion, minorVersion, buildNumber } = shared;
  return {
    nt_version: [majorVersion, minorVersion, buildNumber].filter((part) => part !== undefined).join("."),
    product_type: shared.productType ?? null,
    suite_mask: `0x${shared.suiteMask.toString(16)}`,
    physical_memory_bytes: shared.physicalPages === undefined ? null : shared.physicalPages * 4096,
    active_processors: shared.activeProcessors ?? null,
    boot_id: shared.bootId ?? null,
    debugger_enabled: shared.debuggerEnabled,
    safe_boot: shared.safeBoot,
    system_root: shared.systemRoot ?? null,
  };
}

function offsetsPart(from: OffsetSources): NonNullable<CrashReport["kernel"]>["offsets_from"] {
  return {
    process: from.process ?? null,
    thread: from.thread ?? null,
    processor: from.processor ?? null,
    table_build: from.tableBuild ?? null,
  };
}

/** Processors and processes of the crashed system; nothing for dumps that list none. */
export function kernelLists(dump: Dump): Pick<CrashReport, "processors" | "processes"> {
  const { processors, processes, processor: crashed } = dump;
  return {
    ...(processors
      ? {
          processors: processors.map((one) => ({
            number: one.number ?? null,
            vendor: one.vendor ?? null,
            mhz: one.mhz ?? null,
            current_thread: one.currentThread === undefined ? null : hexAddress(one.currentThread, dump.pointerSize),
            idle: one.currentThread !== undefined && one.currentThread === one.idleThread,
            crashed: crashed?.address !== undefined && one.address === crashed.address,
          })),
        }
      : {}),
    ...(processes
      ? {
          processes: processes.map(({ pid, name, parentPid, createTime }) => ({
            pid,
            name: name ?? null,
            parent_pid: parentPid ?? null,
            created: createTime === undefined ? null : new Date(createTime * 1000).toISOString(),
          })),
        }
      : {}),
  };
}
