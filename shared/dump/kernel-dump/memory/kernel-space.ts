import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import type { StepRunner, Task } from "../../../bytes/step-runner.ts";
import { attemptStep, Notes } from "../../../notes.ts";
import type { VirtualAddress } from "../../address.ts";
import { type Memory, readPointer } from "../../memory.ts";
import { type DebuggerData, readDebuggerData } from "../debugger-data.ts";
import { unlessFillWide } from "../fill.ts";
import { headerContext, type KernelHeader } from "../header.ts";
import { isKernelPointer } from "../record-fields.ts";
import { debuggerDataAt, type FoundDebuggerData, findDebuggerData } from "./find-debugger-data.ts";
import { firstModule, type ImageSpan, imageBelow } from "./kernel-image.ts";
import { PageReader } from "./page-reader.ts";
import { type PagingMode, pageTables } from "./page-tables.ts";
import { type PhysicalMemory, readPhysicalMemory } from "./physical-memory.ts";
import { tablesAhead } from "./tables-ahead.ts";
import { HAS_USER_MEMORY } from "./user-memory.ts";
import { pagedMemory } from "./virtual-memory.ts";

/** The crashed machine's memory as the kernel saw it, with what was needed to get there. */
export interface KernelSpace {
  readonly header: KernelHeader;
  readonly physical: PhysicalMemory;
  readonly paging: PagingMode;
  /** The kernel's address space, under the header's DirectoryTableBase. */
  readonly memory: Memory;
  /**
   * The address space of a process.
   * @param directoryTableBase KPROCESS.DirectoryTableBase as stored, flag bits included; the same value gives the same Memory
   */
  user(directoryTableBase: bigint): Memory;
  /** KDDEBUGGER_DATA64, decoded; absent where it is not in the dump or could not be decoded. */
  readonly kdbg?: DebuggerData;
  /** Where the block lies; it may differ from the header's pointer. */
  readonly kdbgAddress?: VirtualAddress;
  /** How the block was found: by the header's pointer, the same but decoded, or by its tag in nt's image. */
  readonly kdbgSource?: "header" | "decoded" | "found";
  /** The block's bytes, decoded, as long as its own size field says. */
  readonly kdbgBytes?: Uint8Array;
  /** Image base of nt: KDBG.KernBase, else the first loaded module, else the PE header below known kernel data. */
  readonly kernelBase?: VirtualAddress;
}

/** Address spaces of a dump under one form of page tables. */
type Spaces = Pick<KernelSpace, "paging" | "memory" | "user">;

/** nt and its debugger data, as far as they were found. */
interface Kernel {
  readonly found?: FoundDebuggerData;
  readonly base?: VirtualAddress;
}

/** Address spaces that are kept; a system has a few hundred processes. */
const MAX_SPACES = 4096;
/** Bytes of the debugger data block that are planned with the first list entry. */
const KDBG_BYTES = 0x400;
/** Bytes above the stack pointer that are planned with it: kernel stacks have 0x6000, and a page behind them is not mapped. */
const STACK_BYTES = 0x6000;

/**
 * Reads the page map, chooses the form of the page tables, and finds the kernel and its debugger data.
 * @param notes gets one note for each thing that is missing or contradicts itself
 * @returns undefined where the dump has no physical memory that can be read, with a note
 */
export async function openKernelSpace(
  runner: StepRunner,
  header: KernelHeader,
  notes: Notes,
): Promise<KernelSpace | undefined> {
  const map = await stepWithNotes(runner, notes, "pages", (bytes, found) => {
    const physical = readPhysicalMemory(bytes, header, found);
    return physical && { physical, reader: new PageReader(bytes, physical) };
  });
  if (!map) return undefined;
  const modes = pagingModes(header);
  if (modes.length === 0) {
    notes.add("kernel.unknown-machine", "pages", "the page tables of this machine are not read");
    return undefined;
  }
  const [likeliest] = modes;
  if (likeliest) {
    runner.beside(
      tablesAhead(map.reader, likeliest, header.record.DirectoryTableBase, HAS_USER_MEMORY.has(header.kind)),
    );
  }
  const candidates = modes.map((paging) => spacesOf(map.reader, paging, header));
  runner.beside(candidates.slice(0, 1).map(({ memory }) => stackAhead(memory, header)));
  const chosen = await stepWithNotes(runner, notes, "page-tables", (_, found) =>
    chooseSpaces(candidates, header, found),
  );
  const spaces = chosen ?? (candidates[0] as Spaces);
  const kernel = await stepWithNotes(runner, notes, "kernel", (_, found) => findKernel(spaces.memory, header, found));
  const { found, base } = kernel ?? {};
  return {
    header,
    physical: map.physical,
    ...spaces,
    ...(found
      ? { kdbg: found.kdbg, kdbgAddress: found.address, kdbgSource: found.source, kdbgBytes: found.bytes }
      : {}),
    ...(base === undefined ? {} : { kernelBase: base }),
  };
}

/** Work that fetches the crashed thread's stack, which waits for nothing but page tables. */
function stackAhead(memory: Memory, header: KernelHeader): Task {
  const sp = headerContext(header)?.sp;
  return () => {
    if (sp !== undefined && isKernelPointer(sp, header.pointerSize)) {
      memory.plan([{ address: sp, length: STACK_BYTES }]);
    }
    return [];
  };
}

/** A step whose notes count once, however often it runs. */
async function stepWithNotes<T>(
  runner: StepRunner,
  notes: Notes,
  where: string,
  step: (bytes: FetchedBytes, notes: Notes) => T,
): Promise<T | undefined> {
  const done = await attemptStep(runner, notes, where, (bytes) => {
    const found = new Notes();
    return { value: step(bytes, found), found };
  });
  notes.addAll(done?.found.list() ?? []);
  return done?.value;
}

/** Forms of page tables that the machine may have, likeliest first. */
function pagingModes(header: KernelHeader): PagingMode[] {
  if (header.cpu === "amd64") return ["x64", "x64-la57"];
  if (header.cpu === "arm64") return ["arm64"];
  if (header.cpu !== "x86") return [];
  const pae = "PaeEnabled" in header.record ? header.record.PaeEnabled : undefined;
  if (pae === 1) return ["x86-pae", "x86"];
  return pae === 0 ? ["x86", "x86-pae"] : ["x86-pae", "x86"];
}

function spacesOf(reader: PageReader, paging: PagingMode, header: KernelHeader): Spaces {
  const kernel = pageTables(reader, paging, header.record.DirectoryTableBase);
  const memory = pagedMemory(reader, kernel);
  const users = new Map<bigint, Memory>();
  return {
    paging,
    memory,
    user: (directoryTableBase) => {
      let user = users.get(directoryTableBase);
      if (!user) {
        user = pagedMemory(reader, pageTables(reader, paging, directoryTableBase, kernel));
        if (users.size >= MAX_SPACES) users.clear();
        users.set(directoryTableBase, user);
      }
      return user;
    },
  };
}

/**
 * The space in which the debugger data block can be read, or the list of loaded modules and its links agree. One in which it can only be
 * read comes second; with none the first is kept, since other addresses may still be there.
 */
function chooseSpaces(candidates: readonly Spaces[], header: KernelHeader, notes: Notes): Spaces | undefined {
  const head = unlessFillWide(header.record.PsLoadedModuleList);
  const block = unlessFillWide(header.record.KdDebuggerDataBlock);
  let readable: Spaces | undefined;
  for (const spaces of candidates) {
    spaces.memory.plan([
      ...(head ? [{ address: head, length: 2 * header.pointerSize }] : []),
      ...(block ? [{ address: block, length: KDBG_BYTES }] : []),
    ]);
    // The tag proves the tables at once; the list's first member would cost another walk of its own.
    if (block && readDebuggerData(spaces.memory.read(block, KDBG_BYTES).bytes, header.pointerSize)) return spaces;
    const next = head ? readPointer(spaces.memory, head, header.pointerSize) : undefined;
    const back = next
      ? readPointer(spaces.memory, (next + BigInt(header.pointerSize)) as VirtualAddress, header.pointerSize)
      : undefined;
    if (back !== undefined && back === head) return spaces;
    if (next !== undefined || (block && spaces.memory.read(block, 8).bytes.length === 8)) readable ??= spaces;
  }
  if (!readable) notes.add("kernel.bad-page-tables", "page-tables", "no known kernel address can be translated");
  else notes.add("kernel.module-list", "page-tables", "the list of loaded modules does not close");
  return readable;
}

function findKernel(memory: Memory, header: KernelHeader, notes: Notes): Kernel {
  const { pointerSize, record } = header;
  const list = unlessFillWide(record.PsLoadedModuleList);
  const pointer = unlessFillWide(record.KdDebuggerDataBlock);
  const known = { loadedModuleList: record.PsLoadedModuleList, activeProcessHead: record.PsActiveProcessHead };
  const direct = pointer ? debuggerDataAt(memory, pointer, pointerSize, known) : undefined;
  const stated = direct?.kdbg.address("KernBase");
  if (direct && stated) return { found: direct, base: stated };
  const inside = list ?? pointer;
  const image = inside ? findImage(memory, inside, list, pointerSize) : undefined;
  if (!image) {
    notes.add("kernel.base-not-found", "kernel", "neither the debugger data block nor nt's image was found");
    return direct ? { found: direct } : {};
  }
  const found = direct ?? findDebuggerData(memory, image, inside ?? image.base, pointerSize);
  if (!found) notes.add("kernel.debugger-data", "kernel", "the debugger data block is not in the dump");
  else if (!direct)
    notes.add("kernel.debugger-data", "kernel", "the header's pointer is bad, the block was found by its tag");
  return { ...(found ? { found } : {}), base: image.base };
}

function findImage(
  memory: Memory,
  inside: VirtualAddress,
  list: VirtualAddress | undefined,
  pointerSize: 4 | 8,
): ImageSpan | undefined {
  return (list ? firstModule(memory, list, pointerSize) : undefined) ?? imageBelow(memory, inside);
}
