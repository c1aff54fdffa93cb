import { dataView } from "../../bytes/layout.ts";
import { addOffset, type CpuArch, type VirtualAddress } from "../address.ts";
import { type Memory, readExact } from "../memory.ts";

/** Offset of LastErrorValue in a TEB (formats/minidump.md, "Reading memory"). */
const LAST_ERROR_OFFSET: Partial<Record<CpuArch, number>> = { x86: 0x34, amd64: 0x68, arm64: 0x68 };

/**
 * GetLastError of each thread: undefined where its TEB is not in the dump.
 * @param tebs one for each thread, absent where the dump names none
 */
export function readLastErrors(
  memory: Memory,
  cpu: CpuArch,
  tebs: ReadonlyArray<VirtualAddress | undefined>,
): (number | undefined)[] {
  const offset = LAST_ERROR_OFFSET[cpu];
  if (offset === undefined) return tebs.map(() => undefined);
  const places = tebs.map((teb) => (teb === undefined ? undefined : addOffset(teb, offset)));
  memory.plan(places.flatMap((address) => (address === undefined ? [] : [{ address, length: 4 }])));
  return places.map((address) => {
    const bytes = address === undefined ? undefined : readExact(memory, address, 4);
    return bytes ? dataView(bytes).getUint32(0, true) : undefined;
  });
}
