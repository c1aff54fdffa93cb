import { dataView } from "../../bytes/layout.ts";

/** `MSCF` */
const CABINET_SIGNATURE = 0x4643_534d;
/** Bytes of CFHEADER without its optional parts. https://learn.microsoft.com/previous-versions/bb417343(v=msdn.10) */
const HEADER_BYTES = 36;
/** Largest file that is unpacked: it is held in memory, twice for a moment. */
export const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;

/**
 * Unpacks the first file of a cabinet: symbol stores keep `a.pd_` for `a.pdb`, packed with MSZIP or LZX.
 * @returns undefined when it is no cabinet, damaged, or larger than {@link MAX_UNPACKED_BYTES}
 */
export async function extractCabinet(cabinet: Uint8Array): Promise<Uint8Array | undefined> {
  const size = declaredSize(cabinet);
  if (size === undefined || size > MAX_UNPACKED_BYTES) return undefined;
  // 1.6 MB of WebAssembly that few analyses need.
  const { ArchiveReader, libarchiveWasm } = await import("libarchive-wasm");
  try {
    const reader = new ArchiveReader(await libarchiveWasm(), new Int8Array(cabinet));
    if (reader.nextEntryPointer() === 0) return undefined;
    const data = reader.readData(size);
    // The whole instance goes with this call, so nothing of it is freed one by one.
    return data.length === size ? new Uint8Array(data.buffer, data.byteOffset, data.length) : undefined;
  } catch {
    // It reports damage by exceptions of its own and by traps of the machine.
    return undefined;
  }
}

/** Unpacked size that the first CFFILE states. */
function declaredSize(cabinet: Uint8Array): number | undefined {
  if (cabinet.length < HEADER_BYTES) return undefined;
  const view = dataView(cabinet);
  const files = view.getUint32(16, true);
  if (view.getUint32(0, true) !== CABINET_SIGNATURE || files + 16 > cabinet.length) return undefined;
  return view.getUint32(files, true);
}
