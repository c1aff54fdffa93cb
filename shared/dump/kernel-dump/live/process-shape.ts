import type { VirtualAddress } from "../../address.ts";
import type { OffsetSource } from "../../dump.ts";
import type { Memory } from "../../memory.ts";
import { structureOffsets } from "../offsets.ts";
import { clientIdAt, imageNameAt, isKernelPointer, pointerAt } from "../record-fields.ts";
import type { LiveContext } from "./live-context.ts";

/** Bytes around the links of the first process that recognition looks at. */
const BEFORE = 0x800;
const BEHIND = 0x400;
/** Id of the process `System`, the first of the list. */
const SYSTEM_PID = 4;
/** DISPATCHER_HEADER.Type of a process. */
const PROCESS_OBJECT = 3;

/** Where EPROCESS keeps what the list needs, as offsets from its start. */
export interface ProcessShape {
  readonly from: OffsetSource;
  /** ActiveProcessLinks; UniqueProcessId stands one pointer before it on every system. */
  readonly links: number;
  readonly name: number;
  readonly createTime?: number;
  readonly parent?: number;
  readonly peb?: number;
  /** KPROCESS.DirectoryTableBase. */
  readonly directoryTable: number;
}

/**
 * Finds out how processes are laid out: from symbols, else from the table of the build where it reads the first
 * process well, else by looking for the name `System` behind the first process' links.
 * @param first ActiveProcessLinks of the first process of the list
 */
export function processShape(context: LiveContext, first: VirtualAddress): ProcessShape | undefined {
  const { pointerSize, types, kdbg, memory } = context;
  const parent = types?.offsetOf("_EPROCESS", "InheritedFromUniqueProcessId") ?? kdbg?.value("OffsetEprocessParentCID");
  const peb = types?.offsetOf("_EPROCESS", "Peb") ?? kdbg?.value("OffsetEprocessPeb");
  const common = {
    directoryTable: kdbg?.value("OffsetEprocessDirectoryTableBase") ?? (pointerSize === 8 ? 0x28 : 0x18),
    ...(parent === undefined ? {} : { parent }),
    ...(peb === undefined ? {} : { peb }),
  };
  const links = types?.offsetOf("_EPROCESS", "ActiveProcessLinks");
  const name = types?.offsetOf("_EPROCESS", "ImageFileName");
  if (links !== undefined && name !== undefined) {
    const createTime = types?.offsetOf("_EPROCESS", "CreateTime");
    return { from: "symbols", links, name, ...(createTime === undefined ? {} : { createTime }), ...common };
  }
  const table = structureOffsets(context.cpu, context.build, {
    eProcess: kdbg?.value("SizeEProcess"),
    eThread: kdbg?.value("SizeEThread"),
    prcb: kdbg?.value("SizePrcb"),
  });
  const byTable = table && {
    ...{ from: "table" as const, links: table.uniqueProcessId + pointerSize, name: table.imageFileName },
    ...{ createTime: table.createTime, parent: table.parent, peb: table.peb, ...common },
  };
  if (byTable && isSystem(memory, first, byTable, pointerSize)) {
    // Links and name can be as far apart in a system whose records start elsewhere (19041 and 26100 agree so).
    const exact = table.build === context.build || table.sizeEProcess === kdbg?.value("SizeEProcess");
    if (exact || startsProcess(memory, (first - BigInt(byTable.links)) as VirtualAddress)) return byTable;
  }
  return recogniseShape(memory, first, common, pointerSize) ?? byTable;
}

function isSystem(memory: Memory, first: VirtualAddress, shape: ProcessShape, pointerSize: 4 | 8): boolean {
  const start = (first - BigInt(pointerSize)) as VirtualAddress;
  const { bytes } = memory.read(start, shape.name - shape.links + pointerSize + 16);
  const name = imageNameAt(bytes, shape.name - shape.links + pointerSize);
  return clientIdAt(bytes, 0, pointerSize) === SYSTEM_PID && name === "System";
}

function startsProcess(memory: Memory, base: VirtualAddress): boolean {
  const { bytes } = memory.read(base, 2);
  return bytes[0] === PROCESS_OBJECT && bytes[1] === 0;
}

/** By form: the first process is `System` with id 4, and its record starts with the header of a process object. */
function recogniseShape(
  memory: Memory,
  first: VirtualAddress,
  common: Pick<ProcessShape, "directoryTable" | "parent" | "peb">,
  pointerSize: 4 | 8,
): ProcessShape | undefined {
  const behind = memory.read((first - BigInt(pointerSize)) as VirtualAddress, BEHIND).bytes;
  if (clientIdAt(behind, 0, pointerSize) !== SYSTEM_PID) return undefined;
  let name = 3 * pointerSize;
  while (name + 16 <= behind.length && imageNameAt(behind, name) !== "System") name += 4;
  if (name + 16 > behind.length) return undefined;
  const before = bytesBefore(memory, first);
  for (let back = 16; back <= before.length; back += pointerSize) {
    const at = before.length - back;
    const isProcess = before[at] === PROCESS_OBJECT && before[at + 1] === 0;
    const waiters = isProcess ? pointerAt(before, at + 8, pointerSize) : undefined;
    const table = pointerAt(before, at + common.directoryTable, pointerSize);
    const isTable = table !== undefined && table > 0xfffn && table < 1n << 52n;
    if (waiters === undefined || !isKernelPointer(waiters, pointerSize) || !isTable) continue;
    return { from: "recognition", links: back, name: back - pointerSize + name, ...common };
  }
  return undefined;
}

/** What lies directly before an address: of the page before only when it is there. */
function bytesBefore(memory: Memory, address: VirtualAddress): Uint8Array {
  const inPage = Math.min(BEFORE, Number(address & 0xfffn));
  const whole = memory.read((address - BigInt(BEFORE)) as VirtualAddress, BEFORE);
  return whole.hole ? memory.read((address - BigInt(inPage)) as VirtualAddress, inPage).bytes : whole.bytes;
}
