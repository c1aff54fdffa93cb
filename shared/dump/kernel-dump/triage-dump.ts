import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { attempt, type Notes } from "../../notes.ts";
import { type VirtualAddress, virtualAddress } from "../address.ts";
import { MAX_CONTEXT_BYTES, readContext } from "../context/context.ts";
import type { CpuContext } from "../cpu-context.ts";
import type { Dump, DumpModule, DumpThread } from "../dump.ts";
import { type MemorySegment, readPointer, segmentMemory } from "../memory.ts";
import type { TypeLayout } from "../type-layout.ts";
import { type DebuggerData, readDebuggerData } from "./debugger-data.ts";
import { readDrivers, readUnloadedDrivers } from "./drivers.ts";
import { asciiText, unlessFillWide } from "./fill.ts";
import { DUMP_ATTRIBUTES } from "./format.ts";
import {
  headerBugcheck,
  headerContext,
  headerException,
  headerKernel,
  headerPlaces,
  headerSystem,
  headerTimes,
  type KernelHeader,
} from "./header.ts";
import { structureOffsets } from "./offsets.ts";
import { offsetSources, processFacts, readProcess, readThread } from "./process-thread.ts";
import { readProcessor } from "./processor.ts";
import { isKernelPointer, pointerAt } from "./record-fields.ts";
import { readBlobChain } from "./secondary/blobs.ts";
import { readSecondaryData } from "./secondary/secondary-data.ts";
import { virtualMachine } from "./secondary/smbios.ts";
import { symbolOffsets } from "./symbol-offsets.ts";
import { copyExtent, copyOf, readTriageHeader, type TriageHeader } from "./triage.ts";
import { triageSegments, triageStack } from "./triage-memory.ts";
import { triageSections } from "./triage-sections.ts";

/** NtBuildLab is a short text: longer ones are damage. */
const BUILD_LAB_BYTES = 128;

/**
 * Reads everything that a triage dump says of itself.
 * @param types of this very kernel, where its symbols are to be had
 * @throws DumpError when the headers do not fit in the file
 */
export function readTriageDump(bytes: FetchedBytes, header: KernelHeader, notes: Notes, types?: TypeLayout): Dump {
  const triage = readTriageHeader(bytes, header, notes);
  const { pointerSize, cpu } = header;
  const build = header.record.MinorVersion;
  const context = headerContext(header) ?? otherContext(bytes, header, triage);
  if (!context) notes.add("kernel.no-context", "triage/context", "the dump holds no registers that can be read");

  const kdbg = attempt(notes, "triage/debugger-data", () => readKdbg(bytes, triage, notes));
  const copies = recordCopies(bytes, triage, kdbg);
  const offsets = structureOffsets(cpu, build, copies.sizes);
  const exact = offsets !== undefined && (offsets.build === build || offsets.sizeEThread === copies.sizes.eThread);
  const symbols = symbolOffsets(types, pointerSize, offsets);
  const reading = {
    ...{ pointerSize, kdbg, where: "triage", offsets: symbols ?? offsets, exact: exact || symbols !== undefined },
    source: symbols ? ("symbols" as const) : ("table" as const),
  };
  const { eprocess, ethread, prcb } = copies;
  const process = eprocess && attempt(notes, "triage/process", () => readProcess(eprocess, ethread, reading, notes));
  const thread = ethread && attempt(notes, "triage/thread", () => readThread(ethread, process?.pid, reading, notes));
  const cpuFacts = prcb && attempt(notes, "triage/processor", () => readProcessor(prcb, cpu, build, kdbg, offsets));

  const threadAt = currentThread(copies, kdbg, pointerSize);
  const stack = triageStack(triage, context?.sp);
  const blocks = attempt(notes, "triage/memory", () => triageSegments(bytes, triage, stack, notes)) ?? [];
  const known = segmentMemory(bytes, blocks);
  const placed = placedCopies(triage, header, copies, kdbg, {
    number: cpuFacts?.processor.number,
    apcProcess: thread?.apcProcess,
    pointer: (address) => readPointer(known, address, pointerSize),
  });
  const segments = [...blocks, ...placed];
  const memory = segmentMemory(bytes, segments);
  const buildLab = kdbg && attempt(notes, "triage/build-lab", () => readBuildLab(kdbg, memory.read));

  const drivers = attempt(notes, "triage/drivers", () => readDrivers(bytes, triage, notes));
  const modules = drivers?.modules ?? [];
  const unloaded = attempt(notes, "triage/unloaded-drivers", () => readUnloadedDrivers(bytes, triage, notes)) ?? [];
  const chain = attempt(notes, "secondary-data", () => readBlobChain(bytes, triage.record.SizeOfDump, notes));
  const blobs = chain?.blobs ?? [];
  const secondary =
    blobs.length > 0 ? attempt(notes, "secondary-data", () => readSecondaryData(bytes, blobs)) : undefined;
  const machine = virtualMachine(secondary?.firmware);
  const kernelBase = kdbg?.address("KernBase") ?? kernelModule(modules, header)?.base;
  const producer = producerOf(header, modules);
  const exception = headerException(header);
  const bugcheck = headerBugcheck(header);
  const crashed: DumpThread = {
    id: thread?.id ?? 0,
    ...(threadAt === undefined ? {} : { address: threadAt }),
    ...(thread?.teb === undefined ? {} : { teb: thread.teb }),
    ...(stack ? { stack: { start: stack.address, size: stack.size } } : {}),
    ...(context ? { context } : {}),
  };
  return {
    format: header.format,
    kind: header.kind,
    dumpType: header.record.DumpType,
    size: bytes.size,
    ...headerTimes(header),
    truncated: chain?.truncated === true || isTruncated(bytes, triage, segments),
    sections: [...triageSections(bytes, header, triage, kdbg), ...(chain?.sections ?? [])],
    cpu,
    pointerSize,
    system: {
      ...headerSystem(header, triage.record.ServicePackBuild),
      ...(cpuFacts?.cpuInfo === undefined ? {} : { cpuInfo: cpuFacts.cpuInfo }),
      ...(buildLab === undefined ? {} : { buildLab }),
      ...(machine === undefined ? {} : { virtualMachine: machine }),
    },
    process: processFacts(process),
    modules,
    unloadedModules: unloaded,
    threads: [crashed],
    crashingThread: 0,
    ...(exception ? { exception: thread?.id === undefined ? exception : { ...exception, threadId: thread.id } } : {}),
    ...(bugcheck ? { bugcheck } : {}),
    kernel: {
      ...headerKernel(header),
      ...(kernelBase ? { base: kernelBase } : {}),
      ...(producer === undefined ? {} : { producer }),
      ...(drivers?.brokenDriver ? { brokenDriver: drivers.brokenDriver } : {}),
      ...offsetSources({
        process: process?.from,
        thread: thread?.from,
        processor: cpuFacts && (kdbg ? "debugger-data" : "table"),
        tableBuild: offsets?.build,
      }),
    },
    ...(cpuFacts ? { processor: cpuFacts.processor } : {}),
    ...(secondary ? { secondaryData: secondary } : {}),
    extras: {},
    memory,
  };
}

/** Registers behind ContextOffset when it does not point back into the header. */
function otherContext(bytes: FetchedBytes, header: KernelHeader, triage: TriageHeader): CpuContext | undefined {
  const offset = triage.record.ContextOffset;
  if (offset === 0 || offset === headerPlaces(header).context.offset) return undefined;
  return readContext(header.cpu, bytes.upTo(offset, MAX_CONTEXT_BYTES));
}

function readKdbg(bytes: FetchedBytes, triage: TriageHeader, notes: Notes): DebuggerData | undefined {
  const { DebuggerDataOffset: offset, DebuggerDataSize: size } = triage.record;
  if (offset === 0 || size === 0) return undefined;
  const kdbg = readDebuggerData(bytes.upTo(offset, Math.min(size, 0x1000)), triage.pointerSize);
  if (!kdbg) notes.add("format.bad-signature", "triage/debugger-data", "the block does not carry the tag KDBG");
  return kdbg;
}

/** Copies of kernel records in the dump, and their sizes as far as they are known. */
interface RecordCopies {
  readonly prcb: Uint8Array | undefined;
  readonly eprocess: Uint8Array | undefined;
  readonly ethread: Uint8Array | undefined;
  readonly sizes: { eProcess: number | undefined; eThread: number | undefined; prcb: number | undefined };
}

function recordCopies(bytes: FetchedBytes, triage: TriageHeader, kdbg: DebuggerData | undefined): RecordCopies {
  const { PrcbOffset, ProcessOffset, ThreadOffset } = triage.record;
  const [prcbSize, processSize, threadSize] = [
    kdbg?.value("SizePrcb"),
    kdbg?.value("SizeEProcess"),
    kdbg?.value("SizeEThread"),
  ];
  return {
    prcb: copyOf(bytes, triage, PrcbOffset, prcbSize),
    eprocess: copyOf(bytes, triage, ProcessOffset, processSize),
    ethread: copyOf(bytes, triage, ThreadOffset, threadSize),
    sizes: {
      prcb: prcbSize ?? copyExtent(bytes, triage, PrcbOffset, undefined),
      eProcess: processSize ?? copyExtent(bytes, triage, ProcessOffset, undefined),
      eThread: threadSize ?? copyExtent(bytes, triage, ThreadOffset, undefined),
    },
  };
}

/** ETHREAD of the crashed thread as the PRCB names it. */
function currentThread(
  { prcb }: RecordCopies,
  kdbg: DebuggerData | undefined,
  pointerSize: 4 | 8,
): VirtualAddress | undefined {
  // The second field of every KPRCB that was looked at, behind MxCsr or NtTib.
  const at = kdbg?.value("OffsetPrcbCurrentThread") ?? pointerSize;
  const thread = prcb && pointerAt(prcb, at, pointerSize);
  return isKernelPointer(thread, pointerSize) ? thread : undefined;
}

/**
 * Memory segments of the copies whose true address the dump tells: KDBG's own address stands in the
 * header, KiProcessorBlock names the PRCB, the PRCB its thread, the thread its process. Blocks of
 * the memory list come before them: those were read at that address, these only copied from it.
 */
function placedCopies(
  triage: TriageHeader,
  header: KernelHeader,
  copies: RecordCopies,
  kdbg: DebuggerData | undefined,
  facts: {
    readonly number: number | undefined;
    readonly apcProcess: VirtualAddress | undefined;
    readonly pointer: (address: VirtualAddress) => VirtualAddress | undefined;
  },
): MemorySegment[] {
  const { pointerSize } = triage;
  const { record } = triage;
  const processors = kdbg?.address("KiProcessorBlock");
  const prcbAt =
    processors && facts.number !== undefined
      ? facts.pointer(virtualAddress(processors + BigInt(facts.number * pointerSize)))
      : undefined;
  const threadAt = currentThread(copies, kdbg, pointerSize);
  const kdbgAt = unlessFillWide(header.record.KdDebuggerDataBlock);
  const segments: MemorySegment[] = [];
  const place = (address: VirtualAddress | undefined, offset: number, size: number | undefined): void => {
    if (address && offset !== 0 && size) segments.push({ address, offset, size });
  };
  if (kdbg) place(kdbgAt, record.DebuggerDataOffset, Math.min(record.DebuggerDataSize, kdbg.size));
  place(prcbAt, record.PrcbOffset, copies.prcb?.length);
  place(threadAt, record.ThreadOffset, copies.ethread?.length);
  place(facts.apcProcess, record.ProcessOffset, copies.eprocess?.length);
  return segments;
}

function readBuildLab(
  kdbg: DebuggerData,
  read: (address: VirtualAddress, length: number) => { readonly bytes: Uint8Array },
): string | undefined {
  const address = kdbg.address("NtBuildLab");
  return address === undefined ? undefined : asciiText(read(address, BUILD_LAB_BYTES).bytes) || undefined;
}

/** The kernel's image holds the head of the module list; it is the first of the list as well. */
function kernelModule(modules: readonly DumpModule[], header: KernelHeader): DumpModule | undefined {
  const head = header.record.PsLoadedModuleList;
  return modules.find(({ base, size }) => head >= base && head - base < BigInt(size)) ?? modules[0];
}

/** Which program wrote the dump: the kernel itself names drivers by base name, dbgeng by path. */
function producerOf(header: KernelHeader, modules: readonly DumpModule[]): "kernel" | "dbgeng" | undefined {
  if (((header.attributes ?? 0) & DUMP_ATTRIBUTES.KernelGeneratedTriageDump) !== 0) return "kernel";
  const [first] = modules;
  if (!first) return undefined;
  return first.path.includes("\\") ? "dbgeng" : "kernel";
}

function isTruncated(bytes: FetchedBytes, triage: TriageHeader, segments: readonly MemorySegment[]): boolean {
  const { SizeOfDump, ValidOffset } = triage.record;
  return (
    bytes.size < SizeOfDump ||
    bytes.size < ValidOffset + 4 ||
    segments.some((segment) => segment.offset + segment.size > bytes.size)
  );
}
