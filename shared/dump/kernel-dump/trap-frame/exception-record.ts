import { dataView } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../address.ts";
import type { DumpException } from "../../dump.ts";
import { type Memory, readExact } from "../../memory.ts";
import { EXCEPTION_RECORD32, EXCEPTION_RECORD64 } from "../format.ts";

/** An EXCEPTION_RECORD and where it lay. */
export interface FoundException extends DumpException {
  readonly at: VirtualAddress;
}

/** EXCEPTION_MAXIMUM_PARAMETERS. */
const MAX_PARAMETERS = 15;

/** Bytes of the record on systems of that pointer size. */
export function exceptionRecordSize(pointerSize: 4 | 8): number {
  return (pointerSize === 8 ? EXCEPTION_RECORD64 : EXCEPTION_RECORD32).size;
}

/**
 * Reads the EXCEPTION_RECORD at an address that an argument gave.
 * @returns undefined when it is not in the dump, or its count of parameters or its code cannot be true
 */
export function readExceptionRecord(
  memory: Memory,
  address: VirtualAddress,
  pointerSize: 4 | 8,
): FoundException | undefined {
  if (address === 0n) return undefined;
  const bytes = readExact(memory, address, exceptionRecordSize(pointerSize));
  return bytes && decodeExceptionRecord(bytes, address, pointerSize);
}

/** Decodes the bytes of an EXCEPTION_RECORD. */
export function decodeExceptionRecord(
  bytes: Uint8Array,
  address: VirtualAddress,
  pointerSize: 4 | 8,
): FoundException | undefined {
  const raw = pointerSize === 8 ? EXCEPTION_RECORD64.from(bytes) : EXCEPTION_RECORD32.from(bytes);
  if (raw.NumberParameters > MAX_PARAMETERS || raw.ExceptionCode === 0) return undefined;
  return {
    at: address,
    code: raw.ExceptionCode,
    flags: raw.ExceptionFlags,
    address: raw.ExceptionAddress as VirtualAddress,
    parameters: raw.ExceptionInformation.slice(0, raw.NumberParameters),
  };
}

/** NTSTATUS codes that processors and the kernel raise: what a record found by its form must carry. */
const RAISED: ReadonlySet<number> = new Set([
  0x80000001, 0x80000002, 0x80000003, 0x80000004, 0xc0000005, 0xc0000006, 0xc000001d, 0xc0000025, 0xc0000026,
  0xc000008c, 0xc000008d, 0xc000008e, 0xc000008f, 0xc0000090, 0xc0000091, 0xc0000092, 0xc0000093, 0xc0000094,
  0xc0000095, 0xc0000096, 0xc00000fd, 0xc0000409, 0xc0000420, 0xc0000421,
]);

/**
 * Exception records recognised on a stack by their form: a known code, flags 0 or 1, and an address where
 * code is.
 */
export function findExceptionRecords(
  stack: { readonly start: VirtualAddress; readonly bytes: Uint8Array },
  pointerSize: 4 | 8,
  isCode: (address: VirtualAddress) => boolean,
): FoundException[] {
  const size = exceptionRecordSize(pointerSize);
  const view = dataView(stack.bytes);
  const found: FoundException[] = [];
  const first = Number(-stack.start & BigInt(pointerSize - 1));
  for (let at = first; at + size <= stack.bytes.length && found.length < 16; at += pointerSize) {
    if (view.getUint32(at + 4, true) > 1 || !RAISED.has(view.getUint32(at, true))) continue;
    const address = (stack.start + BigInt(at)) as VirtualAddress;
    const record = decodeExceptionRecord(stack.bytes.subarray(at, at + size), address, pointerSize);
    if (record && isCode(record.address)) found.push(record);
  }
  return found;
}
