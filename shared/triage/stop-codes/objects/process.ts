import type { VirtualAddress } from "../../../dump/address.ts";
import { structureOffsets } from "../../../dump/kernel-dump/offsets.ts";
import { recogniseImageName } from "../../../dump/kernel-dump/recognise.ts";
import { clientIdAt, imageNameAt } from "../../../dump/kernel-dump/record-fields.ts";
import type { StopScene } from "../stop-scene.ts";

/** A process that a stop code names. */
export interface NamedProcess {
  /** EPROCESS.ImageFileName: at most 15 characters. */
  readonly name?: string;
  readonly pid?: number;
}

/** Most bytes of an EPROCESS that are looked at. */
const MAX_EPROCESS = 0x1000;

/** Name and id of the process whose EPROCESS lies there, as far as the dump has it. */
export function processAt(scene: StopScene, address: VirtualAddress): NamedProcess {
  if (!scene.isKernelAddress(address)) return {};
  const offsets = structureOffsets(scene.dump.cpu, scene.build, {});
  const record = scene.readUpTo(address, Math.min(offsets?.sizeEProcess ?? MAX_EPROCESS, MAX_EPROCESS));
  // DISPATCHER_HEADER.Type: 3 is a process.
  if (record.length === 0 || ((record[0] as number) & 0x7f) !== 3) return {};
  const byTable = offsets && imageNameAt(record, offsets.imageFileName);
  const name = byTable ?? recogniseImageName(record);
  const pid = byTable && offsets ? clientIdAt(record, offsets.uniqueProcessId, scene.pointerSize) : undefined;
  return { ...(name === undefined ? {} : { name }), ...(pid === undefined ? {} : { pid }) };
}

/** EPROCESS of the thread whose ETHREAD lies there. */
export function processOfThread(scene: StopScene, thread: VirtualAddress): VirtualAddress | undefined {
  const offsets = structureOffsets(scene.dump.cpu, scene.build, {});
  return offsets && scene.isKernelAddress(thread) ? scene.pointer(thread, offsets.apcProcess) : undefined;
}
