import { dataView } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import type { VirtualAddress } from "../address.ts";
import type { DumpProcess, OffsetSource, OffsetSources } from "../dump.ts";
import type { DebuggerData } from "./debugger-data.ts";
import { filetimeToMillis } from "./fill.ts";
import type { StructureOffsets } from "./offsets.ts";
import { recogniseCid, recogniseImageName, recogniseProcessId } from "./recognise.ts";
import { clientIdAt, imageNameAt, isKernelPointer, pointerAt } from "./record-fields.ts";

/** Offsets that a process and a thread are read by. */
export type RecordOffsets = Pick<StructureOffsets, "uniqueProcessId" | "imageFileName" | "createTime" | "cid"> &
  Partial<Pick<StructureOffsets, "teb" | "apcProcess">>;

/** What the copies of EPROCESS and ETHREAD are read with. */
export interface RecordReading {
  readonly pointerSize: 4 | 8;
  readonly offsets: RecordOffsets | undefined;
  /** Where `offsets` came from; the table where absent. */
  readonly source?: "symbols" | "table";
  /** Whether the offsets are of this very build or of records of the same size; else they are a guess to confirm. */
  readonly exact: boolean;
  readonly kdbg: DebuggerData | undefined;
  /** Where the records are, for notes: `triage`, `kernel`. */
  readonly where: string;
}

/** The process that was current. */
export interface KernelProcess {
  readonly pid?: number;
  readonly name?: string;
  /** Seconds since 1970. */
  readonly createTime?: number;
  /** What told where id and name lie; absent where neither was found. */
  readonly from?: OffsetSource;
}

/** The thread that was current. */
export interface KernelThread {
  /** What told where the id lies; absent where it was not found. */
  readonly from?: OffsetSource;
  readonly id?: number;
  readonly teb?: VirtualAddress;
  readonly apcProcess?: VirtualAddress;
}

/**
 * Name and id from the copy of EPROCESS: by the table of the build where what stands there is
 * plausible, else by recognising the fields. A note says so where neither gives them.
 */
export function readProcess(
  eprocess: Uint8Array,
  ethread: Uint8Array | undefined,
  reading: RecordReading,
  notes: Notes,
): KernelProcess {
  const { offsets, pointerSize, source = "table" } = reading;
  const where = `${reading.where}/process`;
  if (offsets) {
    const at = offsets.uniqueProcessId;
    const pid = clientIdAt(eprocess, at, pointerSize);
    const linked = isKernelPointer(pointerAt(eprocess, at + pointerSize, pointerSize), pointerSize);
    const name = imageNameAt(eprocess, offsets.imageFileName);
    // The idle process has id 0 and hangs in no list.
    if (pid !== undefined && name !== undefined && (linked || pid === 0)) {
      const created = pointerTime(eprocess, offsets.createTime);
      return { pid, name, ...(created === undefined ? {} : { createTime: created }), from: source };
    }
  }
  const pid = recogniseProcessId(eprocess, ethread, pointerSize);
  const name = recogniseImageName(eprocess);
  const lost = [pid === undefined ? "id" : "", name === undefined ? "name" : ""].filter(Boolean);
  if (lost.length > 0) {
    notes.add(
      "kernel.offsets",
      where,
      `no known offsets fit this EPROCESS: its ${lost.join(" and ")} could not be told`,
    );
  }
  return {
    ...(pid === undefined ? {} : { pid }),
    ...(name === undefined ? {} : { name }),
    ...(lost.length < 2 ? { from: "recognition" } : {}),
  };
}

function pointerTime(record: Uint8Array, offset: number): number | undefined {
  if (offset + 8 > record.length) return undefined;
  const millis = filetimeToMillis(dataView(record).getBigUint64(offset, true));
  return millis === undefined ? undefined : Math.floor(millis / 1000);
}

/**
 * Id, TEB and attached process from the copy of ETHREAD. TEB and process come by KDBG's offsets
 * where there is one; Cid stands in no KDBG, so it comes by the table or is recognised by the
 * process id beside it.
 */
export function readThread(
  ethread: Uint8Array,
  pid: number | undefined,
  reading: RecordReading,
  notes: Notes,
): KernelThread {
  const { offsets, kdbg, pointerSize } = reading;
  const tebAt = kdbg?.value("OffsetKThreadTeb") ?? offsets?.teb;
  const processAt = kdbg?.value("OffsetKThreadApcProcess") ?? offsets?.apcProcess;
  const teb = tebAt === undefined ? undefined : pointerAt(ethread, tebAt, pointerSize);
  const process = processAt === undefined ? undefined : pointerAt(ethread, processAt, pointerSize);
  const id = readThreadId(ethread, pid, reading, notes);
  return {
    ...(id ?? {}),
    ...(teb && !isKernelPointer(teb, pointerSize) ? { teb } : {}),
    ...(process && isKernelPointer(process, pointerSize) ? { apcProcess: process } : {}),
  };
}

function readThreadId(
  ethread: Uint8Array,
  pid: number | undefined,
  { offsets, exact, pointerSize, where, source = "table" }: RecordReading,
  notes: Notes,
): { readonly id: number; readonly from: OffsetSource } | undefined {
  const byTable = (): number | undefined => {
    if (!offsets) return undefined;
    const owner = clientIdAt(ethread, offsets.cid, pointerSize);
    const id = clientIdAt(ethread, offsets.cid + pointerSize, pointerSize);
    // A thread that is attached to another process keeps its owner's id: it need not be `pid`.
    if (owner && (exact || owner === pid)) return id || undefined;
    // Idle threads have no id, nor has their process.
    return owner === 0 && id === 0 && pid === 0 ? 0 : undefined;
  };
  const id = byTable();
  if (id !== undefined) return { id, from: source };
  const recognised = recogniseCid(ethread, pid, pointerSize);
  if (recognised) return { id: recognised, from: "recognition" };
  notes.add("kernel.offsets", `${where}/thread`, "no known offsets fit this ETHREAD: its id could not be told");
  return undefined;
}

/** The facts of a process alone. */
export function processFacts(process: KernelProcess | undefined): DumpProcess {
  const { from: _, ...facts } = process ?? {};
  return facts;
}

/** What a dump says of where its offsets came from; nothing where nothing was read by any. */
export function offsetSources(sources: {
  readonly process: OffsetSource | undefined;
  readonly thread: OffsetSource | undefined;
  readonly processor: OffsetSource | undefined;
  readonly tableBuild: number | undefined;
}): { offsetsFrom?: OffsetSources } {
  const { process, thread, processor, tableBuild } = sources;
  if (!process && !thread && !processor) return {};
  const byTable = [process, thread, processor].includes("table") && tableBuild !== undefined;
  return {
    offsetsFrom: {
      ...(process ? { process } : {}),
      ...(thread ? { thread } : {}),
      ...(processor ? { processor } : {}),
      ...(byTable ? { tableBuild } : {}),
    },
  };
}
