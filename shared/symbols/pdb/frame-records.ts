import { at, struct, u16, u32 } from "../../bytes/layout.ts";
import type { WinFrameData } from "../../stackwalk/symbol-provider.ts";
import { AddressTable } from "../address-table.ts";
import type { AddressSpace } from "./address-space.ts";
import type { MsfStream } from "./msf.ts";
import type { Pdb } from "./pdb.ts";

/** Most bytes of a frame stream that are read. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** FPO_DATA. https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-fpo_data */
const FPO_DATA = struct("FPO_DATA", 16, {
  ulOffStart: at(0, u32),
  cbProcSize: at(4, u32),
  cdwLocals: at(8, u32),
  cdwParams: at(12, u16),
  bits: at(14, u16),
});

/** FRAMEDATA. https://github.com/microsoft/microsoft-pdb/blob/master/include/cvinfo.h */
const FRAMEDATA = struct("FRAMEDATA", 32, {
  ulRvaStart: at(0, u32),
  cbBlock: at(4, u32),
  cbLocals: at(8, u32),
  cbParams: at(12, u32),
  cbStkMax: at(16, u32),
  frameFunc: at(20, u32),
  cbProlog: at(24, u16),
  cbSavedRegs: at(26, u16),
});

/** How x86 functions set up their frames, from a PDB. */
export class FrameRecords {
  readonly #pdb: Pdb;
  readonly #space: AddressSpace;
  readonly #frameData: FrameTable;
  readonly #fpo: FrameTable;

  /** @throws FormatError, MissingRanges */
  constructor(pdb: Pdb, space: AddressSpace) {
    this.#pdb = pdb;
    this.#space = space;
    this.#frameData = readTable(pdb.dbi?.debugStream("newFpo"), FRAMEDATA.size);
    this.#fpo = readTable(pdb.dbi?.debugStream("fpo"), FPO_DATA.size);
  }

  /** The record of an address of the image. */
  at(rva: number): WinFrameData | undefined {
    const linked = this.#space.toLinked(rva);
    if (linked === undefined) return undefined;
    const newer = this.#frameData.index.enclosing(linked);
    if (newer) return this.#ofFrameData(this.#frameData.bytes.subarray(newer.offset));
    const older = this.#fpo.index.enclosing(linked);
    return older && this.#ofFpo(this.#fpo.bytes.subarray(older.offset));
  }

  #ofFrameData(bytes: Uint8Array): WinFrameData {
    const record = FRAMEDATA.from(bytes);
    const program = this.#pdb.nameAt(record.frameFunc)?.trim();
    return {
      type: "frame-data",
      rva: this.#space.fromLinked(record.ulRvaStart) ?? record.ulRvaStart,
      codeSize: record.cbBlock,
      prologSize: record.cbProlog,
      paramSize: record.cbParams,
      savedRegSize: record.cbSavedRegs,
      localSize: record.cbLocals,
      maxStack: record.cbStkMax,
      ...(program && { program }),
      usesBp: false,
    };
  }

  #ofFpo(bytes: Uint8Array): WinFrameData {
    const record = FPO_DATA.from(bytes);
    return {
      type: "fpo",
      rva: this.#space.fromLinked(record.ulOffStart) ?? record.ulOffStart,
      codeSize: record.cbProcSize,
      prologSize: record.bits & 0xff,
      paramSize: record.cdwParams * 4,
      savedRegSize: ((record.bits >>> 8) & 7) * 4,
      localSize: record.cdwLocals * 4,
      maxStack: 0,
      usesBp: ((record.bits >>> 12) & 1) !== 0,
    };
  }
}

interface FrameTable {
  readonly bytes: Uint8Array;
  readonly index: AddressTable;
}

function readTable(stream: MsfStream | undefined, recordBytes: number): FrameTable {
  const size = Math.min(stream?.size ?? 0, MAX_STREAM_BYTES);
  const bytes = stream && size > 0 ? stream.bytes(0, size - (size % recordBytes)) : new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const index = new AddressTable();
  for (let offset = 0; offset < bytes.length; offset += recordBytes) {
    index.add(view.getUint32(offset, true), view.getUint32(offset + 4, true), offset, recordBytes);
  }
  index.seal();
  return { bytes, index };
}
