import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { FIRST_READ_BYTES, type StepRunner, WHOLE_READ_LIMIT } from "../../bytes/step-runner.ts";
import { attempt, Notes } from "../../notes.ts";
import type { Dump, DumpSection } from "../dump.ts";
import { NO_MEMORY } from "../memory.ts";
import {
  headerBugcheck,
  headerContext,
  headerException,
  headerKernel,
  headerPlaces,
  headerSystem,
  headerTimes,
  type KernelHeader,
  readKernelHeader,
  TRIAGE_DUMP_TYPE,
} from "./header.ts";
import { type KernelSpace, openKernelSpace } from "./memory/kernel-space.ts";
import { readPagePromise } from "./page-promise.ts";
import { triageHeaderEnd } from "./triage.ts";
import { readTriageDump } from "./triage-dump.ts";

/**
 * Opens a Windows kernel dump, 32-bit or 64-bit. Triage dumps are read whole; of the other types
 * this reads the header, bug check, registers and exception, and opens the kernel's memory.
 * @throws DumpError when the header is cut, damaged or says that the rest is encrypted; damage behind it becomes notes
 */
export async function openKernelDump(runner: StepRunner, notes: Notes): Promise<Dump> {
  const { dump, header, found } = await runner.run((bytes) => {
    const first = bytes.size <= WHOLE_READ_LIMIT ? bytes.size : FIRST_READ_BYTES;
    bytes.plan([{ start: 0, end: first }]);
    // A step may run several times: only its last run's notes count.
    const found = new Notes();
    const header = readKernelHeader(bytes);
    return { dump: readKernelDump(bytes, header, found), header, found };
  });
  notes.addAll(found.list());
  if (!hasPhysicalMemory(header)) return dump;
  const space = await openKernelSpace(runner, header, notes);
  return space ? withKernelSpace(dump, space) : dump;
}

/** Whether pages of physical memory follow the header; an unknown type and a triage dump have none that we read. */
function hasPhysicalMemory({ kind, record }: KernelHeader): boolean {
  return record.DumpType !== TRIAGE_DUMP_TYPE && kind !== "kernel-header" && kind !== "kernel-unknown";
}

/** A dump whose memory is the kernel's. */
function withKernelSpace(dump: Dump, { memory, kernelBase, kdbgAddress }: KernelSpace): Dump {
  return {
    ...dump,
    memory,
    ...(dump.kernel
      ? {
          kernel: {
            ...dump.kernel,
            ...(kernelBase === undefined ? {} : { base: kernelBase }),
            ...(kdbgAddress === undefined ? {} : { debuggerDataBlock: kdbgAddress }),
          },
        }
      : {}),
  };
}

function readKernelDump(bytes: FetchedBytes, header: KernelHeader, notes: Notes): Dump {
  if (header.cpu === "unknown") {
    notes.add("kernel.unknown-machine", "header", `machine type 0x${header.record.MachineImageType.toString(16)}`);
  }
  if (header.record.DumpType !== TRIAGE_DUMP_TYPE) return readHeaderOnly(bytes, header, notes);
  const end = triageHeaderEnd(header);
  if (bytes.size >= end) return readTriageDump(bytes, header, notes);
  // An upload that broke off here still says why the machine stopped.
  notes.add("format.truncated", "triage", `the file ends at ${bytes.size}, inside the header that ends at ${end}`);
  return { ...readHeaderOnly(bytes, header, notes), truncated: true };
}

/** A dump as far as its header goes. */
function readHeaderOnly(bytes: FetchedBytes, header: KernelHeader, notes: Notes): Dump {
  if (header.kind === "kernel-unknown") {
    notes.add("kernel.unknown-type", "header", `dump type ${header.record.DumpType} is not known`);
  }
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

function headerSections(header: KernelHeader): DumpSection[] {
  const { context, exception } = headerPlaces(header);
  return [
    { name: header.pointerSize === 8 ? "DUMP_HEADER64" : "DUMP_HEADER32", offset: 0, size: header.size },
    { name: "CONTEXT", ...context },
    { name: "EXCEPTION_RECORD", ...exception },
  ];
}
