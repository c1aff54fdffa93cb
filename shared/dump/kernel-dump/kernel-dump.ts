import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FIRST_READ_BYTES, type StepRunner, WHOLE_READ_LIMIT } from "../../bytes/step-runner.ts";
import { attempt, attemptStep, Notes } from "../../notes.ts";
import type { Dump } from "../dump.ts";
import { NO_MEMORY } from "../memory.ts";
import { type OpenedDump, openedWhole } from "../opened-dump.ts";
import type { KernelTypesOf } from "../type-layout.ts";
import {
  headerBugcheck,
  headerContext,
  headerException,
  headerKernel,
  headerSystem,
  headerTimes,
  type KernelHeader,
  readKernelHeader,
  TRIAGE_DUMP_TYPE,
} from "./header.ts";
import { headerSections } from "./header-sections.ts";
import { takeKernelTypes } from "./live/kernel-types.ts";
import { openLiveDump } from "./live/live-dump.ts";
import { openKernelSpace } from "./memory/kernel-space.ts";
import { tableBehind } from "./memory/physical-memory.ts";
import { readPagePromise } from "./page-promise.ts";
import { triageHeaderEnd } from "./triage.ts";
import { readTriageDump } from "./triage-dump.ts";

/**
 * Opens a Windows kernel dump, 32-bit or 64-bit. Triage dumps are read whole; of the others with physical
 * memory it reads what the kernel knew; of the rest the header, bug check, registers and exception.
 * @param typesOf symbols of the kernel, which tell best how its records are laid out
 * @throws DumpError when the header is cut, damaged or says that the rest is encrypted; damage behind it becomes notes
 */
export async function openKernelDump(runner: StepRunner, notes: Notes, typesOf?: KernelTypesOf): Promise<OpenedDump> {
  const { header, dump, found } = await runner.run((bytes) => {
    const first = bytes.size <= WHOLE_READ_LIMIT ? bytes.size : FIRST_READ_BYTES;
    bytes.plan([{ start: 0, end: first }]);
    // A step may run several times: only its last run's notes count.
    const found = new Notes();
    const header = readKernelHeader(bytes);
    return { header, dump: readWithoutMemory(bytes, header, found), found };
  });
  const typed = dump && typesOf ? await withTypes(runner, header, dump, typesOf, notes) : undefined;
  notes.addAll((typed?.found ?? found).list());
  if (dump) return openedWhole(typed?.dump ?? dump);
  const space = await openKernelSpace(runner, header, notes);
  if (space) return openLiveDump(space, header, runner, notes, typesOf);
  return openedWhole(await runner.run((bytes) => readHeaderOnly(bytes, header, notes)));
}

/** Reads a triage dump once more with the types of its kernel; undefined where there are none. */
async function withTypes(
  runner: StepRunner,
  header: KernelHeader,
  dump: Dump,
  typesOf: KernelTypesOf,
  notes: Notes,
): Promise<{ readonly dump: Dump; readonly found: Notes } | undefined> {
  const kernel = dump.modules.find(({ base }) => base === dump.kernel?.base);
  if (dump.kind !== "kernel-triage" || !kernel) return undefined;
  const types = await attemptStep(runner, notes, "kernel/types", () => {
    const layout = typesOf(kernel);
    return layout && takeKernelTypes(layout);
  });
  if (!types) return undefined;
  return runner.run((bytes) => {
    const found = new Notes();
    return { dump: readTriageDump(bytes, header, found, types), found };
  });
}

/** Dumps without pages of physical memory; undefined for the others. */
function readWithoutMemory(bytes: FetchedBytes, header: KernelHeader, notes: Notes): Dump | undefined {
  if (header.cpu === "unknown") {
    notes.add("kernel.unknown-machine", "header", `machine type 0x${header.record.MachineImageType.toString(16)}`);
  }
  // A type that nobody knows yet may still have its pages behind a table that everybody knows.
  const isUnknown = header.kind === "kernel-unknown" && tableBehind(bytes, header.size) === undefined;
  if (isUnknown || header.kind === "kernel-header") return readHeaderOnly(bytes, header, notes);
  if (header.kind === "kernel-unknown") noteUnknownType(header, notes);
  if (header.record.DumpType !== TRIAGE_DUMP_TYPE) return undefined;
  const end = triageHeaderEnd(header);
  if (bytes.size >= end) return readTriageDump(bytes, header, notes);
  // An upload that broke off here still says why the machine stopped.
  notes.add("format.truncated", "triage", `the file ends at ${bytes.size}, inside the header that ends at ${end}`);
  return { ...readHeaderOnly(bytes, header, notes), truncated: true };
}

function noteUnknownType(header: KernelHeader, notes: Notes): void {
  notes.add("kernel.unknown-type", "header", `dump type ${header.record.DumpType} is not known`);
}

/** A dump as far as its header goes. */
function readHeaderOnly(bytes: FetchedBytes, header: KernelHeader, notes: Notes): Dump {
  if (header.kind === "kernel-unknown") noteUnknownType(header, notes);
  const promise = attempt(notes, "pages", () => readPagePromise(bytes, header));
  const context = headerContext(header);
  const exception = headerException(header);
  const bugcheck = headerBugcheck(header);
  return {
    format: header.format,
    kind: header.kind,
    dumpType: header.record.DumpType,
    size: bytes.size,
    ...headerTimes(header),
    truncated: promise?.end !== undefined && bytes.size < promise.end,
    sections: [...headerSections(header), ...(promise?.sections ?? [])],
    cpu: header.cpu,
    pointerSize: header.pointerSize,
    system: headerSystem(header),
    process: {},
    modules: [],
    unloadedModules: [],
    threads: [{ id: 0, ...(context ? { context } : {}) }],
    crashingThread: 0,
    ...(exception ? { exception } : {}),
    ...(bugcheck ? { bugcheck } : {}),
    kernel: headerKernel(header),
    extras: {},
    memory: NO_MEMORY,
  };
}
