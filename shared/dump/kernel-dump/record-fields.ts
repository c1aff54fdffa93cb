import { dataView } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../address.ts";
import { asciiText } from "./fill.ts";

/** Single fields of copied kernel records, each checked for being what it should be. */

/** EPROCESS.ImageFileName, its terminator included. */
const IMAGE_NAME_BYTES = 15;
/** Process and thread ids are multiples of 4 and stay far below this. */
const MAX_CLIENT_ID = 0x0400_0000;

/** A pointer-sized value inside a record, or undefined past its end. */
export function pointerAt(record: Uint8Array, offset: number, pointerSize: 4 | 8): VirtualAddress | undefined {
  if (offset < 0 || offset + pointerSize > record.length) return undefined;
  const view = dataView(record);
  const value = pointerSize === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  return value as VirtualAddress;
}

/** A process or thread id inside a record: undefined when the value cannot be one. */
export function clientIdAt(record: Uint8Array, offset: number, pointerSize: 4 | 8): number | undefined {
  const value = pointerAt(record, offset, pointerSize);
  return value !== undefined && value < MAX_CLIENT_ID && value % 4n === 0n ? Number(value) : undefined;
}

/** Whether the value is an address of the kernel's half. */
export function isKernelPointer(value: bigint | undefined, pointerSize: 4 | 8): boolean {
  return value !== undefined && value >= (pointerSize === 8 ? 0xffff_8000_0000_0000n : 0x8000_0000n);
}

/** Name at `offset` when it looks like one: printable from its first byte to its terminator. */
export function imageNameAt(record: Uint8Array, offset: number): string | undefined {
  const bytes = record.subarray(offset, offset + IMAGE_NAME_BYTES);
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  if (offset < 0 || text.length < 2 || text.some((byte) => byte < 0x20 || byte === 0x7f)) return undefined;
  return asciiText(text);
}
