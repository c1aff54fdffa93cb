import {
  FILE_SYSTEM_EXCEPTIONS,
  KMODE_EXCEPTION,
  RECORDED_EXCEPTIONS,
  REGISTRY_FILTER_EXCEPTION,
  STORE_EXCEPTION,
  UNHANDLED_EXCEPTIONS,
} from "./codes/exceptions.ts";
import {
  BAD_FILE,
  BOOT_DEVICE,
  INITIALIZATION,
  NAMED_DRIVER,
  REGISTRY_HIVE,
  SYSTEM_PROCESS_DIED,
  USB_DRIVERS,
} from "./codes/hard-errors.ts";
import { MACHINE_CHECK, WHEA_ERROR } from "./codes/hardware.ts";
import { BAD_IRPS, DEVICE_ARGUMENTS } from "./codes/irps.ts";
import { DRIVER_IRQL_FAULTS, IRQL_NOT_LESS_OR_EQUAL } from "./codes/irql-faults.ts";
import {
  BAD_IMAGE,
  CORRUPTED_PAGE,
  CRITICAL_STRUCTURE,
  LEFT_LOCKED_PAGES,
  MEMORY_MANAGEMENT,
  PFN_LIST,
} from "./codes/memory.ts";
import { INPAGE_ERRORS, PAGE_FAULTS, PROTECTION_FAULTS, UNLOADED_DRIVER } from "./codes/page-faults.ts";
import { BAD_POOL_CALLER, BAD_POOL_HEADER, KERNEL_HEAP, POOL_WRITES, SPECIAL_POOL } from "./codes/pool.ts";
import { INTERNAL_POWER_ERROR, PDC_WATCHDOG, PNP_FATAL, PNP_WATCHDOG, POWER_STATE_FAILURE } from "./codes/power.ts";
import { CRITICAL_OBJECT, CRITICAL_PROCESS } from "./codes/processes.ts";
import {
  APC_INDEX,
  IRQL_AT_SYSTEM_SERVICE,
  REFERENCE_COUNT,
  REQUESTED,
  THREADS,
  TIMER_OR_DPC,
  UNEXPECTED_IRQL,
  WORKER_ROUTINES,
} from "./codes/system-service.ts";
import { FAST_FAIL, NMI_FAILURE, STACK_COOKIE, STACK_SWITCH, UNEXPECTED_TRAP } from "./codes/traps.ts";
import { DRIVER_VERIFIER, IO_VERIFIER, WDF_VIOLATION } from "./codes/verifier.ts";
import { GRAPHICS_KERNEL, STUCK_THREAD, VIDEO_TDR } from "./codes/video.ts";
import { CLOCK_WATCHDOG, DPC_WATCHDOG, INTERRUPT_STORM, OTHER_WATCHDOGS } from "./codes/watchdogs.ts";
import type { StopDecoder } from "./stop-facts.ts";

/** Every decoder: a new one is its own file and a line here. A stop code that none names is read by the table's hints. */
const DECODERS: readonly StopDecoder[] = [
  UNHANDLED_EXCEPTIONS,
  KMODE_EXCEPTION,
  RECORDED_EXCEPTIONS,
  REGISTRY_FILTER_EXCEPTION,
  STORE_EXCEPTION,
  FILE_SYSTEM_EXCEPTIONS,
  REGISTRY_HIVE,
  SYSTEM_PROCESS_DIED,
  BAD_FILE,
  INITIALIZATION,
  BOOT_DEVICE,
  NAMED_DRIVER,
  USB_DRIVERS,
  WHEA_ERROR,
  MACHINE_CHECK,
  BAD_IRPS,
  DEVICE_ARGUMENTS,
  IRQL_NOT_LESS_OR_EQUAL,
  DRIVER_IRQL_FAULTS,
  MEMORY_MANAGEMENT,
  PFN_LIST,
  CORRUPTED_PAGE,
  CRITICAL_STRUCTURE,
  BAD_IMAGE,
  LEFT_LOCKED_PAGES,
  PAGE_FAULTS,
  UNLOADED_DRIVER,
  PROTECTION_FAULTS,
  INPAGE_ERRORS,
  BAD_POOL_CALLER,
  BAD_POOL_HEADER,
  SPECIAL_POOL,
  POOL_WRITES,
  KERNEL_HEAP,
  POWER_STATE_FAILURE,
  INTERNAL_POWER_ERROR,
  PDC_WATCHDOG,
  PNP_WATCHDOG,
  PNP_FATAL,
  CRITICAL_PROCESS,
  CRITICAL_OBJECT,
  IRQL_AT_SYSTEM_SERVICE,
  APC_INDEX,
  WORKER_ROUTINES,
  UNEXPECTED_IRQL,
  TIMER_OR_DPC,
  REFERENCE_COUNT,
  THREADS,
  REQUESTED,
  UNEXPECTED_TRAP,
  STACK_SWITCH,
  NMI_FAILURE,
  FAST_FAIL,
  STACK_COOKIE,
  DRIVER_VERIFIER,
  IO_VERIFIER,
  WDF_VIOLATION,
  VIDEO_TDR,
  STUCK_THREAD,
  GRAPHICS_KERNEL,
  DPC_WATCHDOG,
  CLOCK_WATCHDOG,
  OTHER_WATCHDOGS,
  INTERRUPT_STORM,
];

const BY_CODE: ReadonlyMap<number, StopDecoder> = new Map(
  DECODERS.flatMap((decoder) => decoder.codes.map((code) => [code, decoder] as const)),
);

/** Decoder of a stop code without its minidump bit; undefined for those that the default serves. */
export function decoderOf(code: number): StopDecoder | undefined {
  return BY_CODE.get(code);
}

/** Stop codes that have a decoder, ascending; one that two decoders name stands twice. */
export function decodedStopCodes(): number[] {
  return DECODERS.flatMap(({ codes }) => codes).sort((a, b) => a - b);
}
