import { dataView } from "../../bytes/layout.ts";
import type { Notes } from "../../notes.ts";
import type { VirtualAddress } from "../address.ts";
import type { DebuggerData } from "./debugger-data.ts";
import { filetimeToMillis } from "./fill.ts";
import type { StructureOffsets } from "./offsets.ts";
import { recogniseCid, recogniseImageName, recogniseProcessId } from "./recognise.ts";
import { clientIdAt, imageNameAt, isKernelPointer, pointerAt } from "./record-fields.ts";

/** What the copies of EPROCESS and ETHREAD are read with. */
export interface RecordReading {
  readonly pointerSize: 4 | 8;
  readonly offsets: StructureOffsets | undefined;
  /** Whether the offsets are of this very build or of records of the same size; else they are a guess to confirm. */
  readonly exact: boolean;
  readonly kdbg: DebuggerData | undefined;
}

/** The process that was current. */
export interface KernelProcess {
  readonly pid?: number;
  readonly name?: string;
  /** Seconds since 1970. */
  readonly createTime?: number;
}

/** The thread that was current. */
export interface KernelThread {
  readonly id?: number;
  readonly teb?: VirtualAddress;
  readonly apcProcess?: VirtualAddress;
}

/**
 * Name and id from the copy of EPROCESS: by the table of the build where what stands there is
 * plausible, else by recognising the fields. A note says which one served.
 */
export function readProcess(
  eprocess: Uint8Array,
  ethread: Uint8Array | undefined,
  reading: RecordReading,
  notes: Notes,
): KernelProcess {
  const { offsets, pointerSize } = reading;
  const where = "triage/process";
  if (offsets) {
    const at = offsets.uniqueProcessId;
    const pid = clientIdAt(eprocess, at, pointerSize);
    const linked = isKernelPointer(pointerAt(eprocess, at + pointerSize, pointerSize), pointerSize);
    const name = imageNameAt(eprocess, offsets.imageFileName);
    // The idle process has id 0 and hangs in no list.
    if (pid !== undefined && name !== undefined && (linked || pid === 0)) {
      notes.add("kernel.offsets", where, `EPROCESS is read with the offsets of build ${offsets.build}`);
      const created = pointerTime(eprocess, offsets.createTime);
      return { pid, name, ...(created === undefined ? {} : { createTime: created }) };
    }
  }
  const pid = recogniseProcessId(eprocess, ethread, pointerSize);
  const name = recogniseImageName(eprocess);
  const found = [pid === undefined ? "" : "id", name === undefined ? "" : "name"].filter(Boolean).join(" and ");
  notes.add("kernel.offsets", where, `no offsets fit this EPROCESS: ${found || "nothing"} recognised by form`);
  return { ...(pid === undefined ? {} : { pid }), ...(name === undefined ? {} : { name }) };
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
    ...(id === undefined ? {} : { id }),
    ...(teb && !isKernelPointer(teb, pointerSize) ? { teb } : {}),
    ...(process && isKernelPointer(process, pointerSize) ? { apcProcess: process } : {}),
  };
}

function readThreadId(
  ethread: Uint8Array,
  pid: number | undefined,
  { offsets, exact, pointerSize }: RecordReading,
  notes: Notes,
): number | undefined {
  const where = "triage/thread";
  const byTable = (): number | undefined => {
    if (!offsets) return undefined;
    const owner = clientIdAt(ethread, offsets.cid, pointerSize);
    const id = clientIdAt(ethread, offsets.cid + pointerSize, pointerSize);
    // A thread that is attached to another process keeps its owner's id: it need not be `pid`.
    return owner && (exact || owner === pid) ? id || undefined : undefined;
  };
  const id = byTable();
  if (id !== undefined && offsets) {
    notes.add("kernel.offsets", where, `ETHREAD is read with the offsets of build ${offsets.build}`);
    return id;
  }
  const recognised = recogniseCid(ethread, pid, pointerSize);
  notes.add(
    "kernel.offsets",
    where,
    `no offsets fit this ETHREAD: ${recognised ? "id" : "nothing"} recognised by form`,
  );
  return recognised;
}
