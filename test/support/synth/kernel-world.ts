import type { SynthKernelHeader } from "./kernel-header.ts";
import { type SynthPaging, SynthTables } from "./page-tables.ts";

/**
 * A small kernel in memory: an image with headers and a data section, a debugger data block, and a list of
 * loaded modules whose first entry is the image. Enough to find one's way; nothing of it is code.
 */

export interface SynthWorldOptions {
  readonly mode: SynthPaging;
  readonly base: bigint;
  /** How the block lies in memory; `encoded` takes the three secrets of a live system. */
  readonly kdbg?: "plain" | "none" | { never: bigint; always: bigint; flagAddress: bigint };
  /** What the header says of the block's place; its true one by default. */
  readonly kdbgPointer?: bigint;
  readonly kdbgSize?: number;
}

export interface SynthWorld {
  readonly tables: SynthTables;
  readonly header: SynthKernelHeader;
  readonly kdbgAddress: bigint;
  /** The block before encoding. */
  readonly kdbg: Uint8Array;
  readonly listHead: bigint;
  readonly firstEntry: bigint;
}

const SECTION = 0x3000;
const IMAGE_SIZE = 0x8000;

export function synthKernelWorld(options: SynthWorldOptions): SynthWorld {
  const { mode, base } = options;
  const tables = new SynthTables(mode);
  const wide = !mode.startsWith("x86");
  const pointer = wide ? 8 : 4;
  for (let page = 0; page < IMAGE_SIZE / 4096; page++) tables.map(base + BigInt(page) * 4096n, tables.addPage());
  const pool = wide ? base - 0x4000_0000n : base + 0x1000_0000n;
  tables.map(pool, tables.addPage());
  const listHead = base + 0x4a10n;
  const processHead = base + 0x4b30n;
  const kdbgAddress = base + 0x5b20n;
  const firstEntry = pool + 0x150n;

  const writePointer = (address: bigint, value: bigint): void => {
    const bytes = new Uint8Array(pointer);
    const view = new DataView(bytes.buffer);
    if (wide) view.setBigUint64(0, value, true);
    else view.setUint32(0, Number(value), true);
    tables.write(address, bytes);
  };
  writePointer(listHead, firstEntry);
  writePointer(listHead + BigInt(pointer), firstEntry);
  writePointer(firstEntry, listHead);
  writePointer(firstEntry + BigInt(pointer), listHead);
  writePointer(firstEntry + (wide ? 0x30n : 0x18n), base);
  tables.write(firstEntry + (wide ? 0x40n : 0x20n), new Uint8Array(new Uint32Array([IMAGE_SIZE]).buffer));
  tables.write(base, imageHeaders(wide));

  const size = options.kdbgSize ?? 0x380;
  const kdbg = new Uint8Array(size);
  const view = new DataView(kdbg.buffer);
  const signed = (value: bigint): bigint => (wide ? value : BigInt.asUintN(64, BigInt.asIntN(32, value)));
  view.setBigUint64(0x00, signed(base + 0x5a00n), true);
  view.setBigUint64(0x08, signed(base + 0x5a00n), true);
  view.setUint32(0x10, 0x4742444b, true);
  view.setUint32(0x14, size, true);
  view.setBigUint64(0x18, signed(base), true);
  view.setBigUint64(0x48, signed(listHead), true);
  view.setBigUint64(0x50, signed(processHead), true);
  view.setUint16(0x2a8, 0xa40, true);
  const how = options.kdbg ?? "plain";
  if (how === "plain") tables.write(kdbgAddress, kdbg);
  else if (how !== "none") tables.write(kdbgAddress, encode(kdbg, how));

  return {
    tables,
    kdbgAddress,
    kdbg,
    listHead,
    firstEntry,
    header: {
      bits: wide ? 64 : 32,
      machine: mode === "arm64" ? 0xaa64 : wide ? 0x8664 : 0x14c,
      build: 19041,
      directoryTableBase: tables.directoryTableBase,
      psLoadedModuleList: listHead,
      psActiveProcessHead: processHead,
      kdDebuggerDataBlock: options.kdbgPointer ?? kdbgAddress,
      bugcheck: { code: 0xd1, args: [] },
      dumpType: 6,
    },
  };
}

function imageHeaders(wide: boolean): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, 0x80, true);
  view.setUint32(0x80, 0x4550, true);
  view.setUint16(0x84, wide ? 0x8664 : 0x14c, true);
  view.setUint16(0x86, 2, true);
  view.setUint16(0x94, 0xf0, true);
  view.setUint32(0x98 + 0x38, IMAGE_SIZE, true);
  const section = (index: number, start: number, size: number, flags: number): void => {
    const at = 0x98 + 0xf0 + index * 40;
    view.setUint32(at + 8, size, true);
    view.setUint32(at + 12, start, true);
    view.setUint32(at + 36, flags, true);
  };
  section(0, 0x1000, 0x2000, 0x6000_0020);
  section(1, SECTION, 0x4000, 0xc000_0040);
  return bytes;
}

/** What KdpDataBlockEncoded means: the inverse of decoding, word by word. */
function encode(plain: Uint8Array, secret: { never: bigint; always: bigint; flagAddress: bigint }): Uint8Array {
  const out = plain.slice();
  const view = new DataView(out.buffer);
  const rotate = (secret.never & 0xffn) % 64n;
  for (let at = 0; at < out.length; at += 8) {
    let value = view.getBigUint64(at, true) ^ secret.always;
    view.setBigUint64(at, value, false);
    value = view.getBigUint64(at, true) ^ (secret.flagAddress | 0xffff_0000_0000_0000n);
    value = BigInt.asUintN(64, (value >> rotate) | (value << (64n - rotate)));
    view.setBigUint64(at, value ^ secret.never, true);
  }
  return out;
}
