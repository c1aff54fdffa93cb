import { dataView } from "../bytes/layout.ts";
import type { VirtualAddress } from "../dump/address.ts";
import type { DumpModule } from "../dump/dump.ts";
import { memoryImage } from "../dump/kernel-dump/live/identities.ts";
import type { Memory } from "../dump/memory.ts";
import { peCodeId } from "../image/codeview.ts";
import type { ImageBytes } from "../image/image-bytes.ts";
import { type PeHeaders, readPeHeaders } from "../image/pe.ts";
import { readDebugDirectory } from "../image/pe-identity.ts";

/**
 * Images of user mode in kernel dumps: the kernel's list does not have them. Whatever holds an address starts
 * with its headers at a multiple of 64 KiB below it.
 */

const GRANULARITY = 0x1_0000n;
/** Headers are looked for so far below an address: few images are larger than 16 MiB. */
const MAX_STEPS = 256;
/** Places that are asked for at once. */
const BATCH = 32;
/** IMAGE_EXPORT_DIRECTORY.Name. */
const EXPORT_NAME = 12;
const MAX_NAME = 64;

/**
 * Finds the image that holds an address in a process' memory.
 * @param name what to call an image that does not tell its name
 * @returns undefined where no headers below the address describe an image that reaches it
 */
export function findUserImage(memory: Memory, address: bigint, name: string): DumpModule | undefined {
  const start = address & ~(GRANULARITY - 1n);
  for (let step = 0; step < MAX_STEPS; step++) {
    const base = (start - BigInt(step) * GRANULARITY) as VirtualAddress;
    if (base <= 0n) return undefined;
    if (step % BATCH === 0) memory.plan(placesBelow(base, Math.min(BATCH, MAX_STEPS - step)));
    const { bytes } = memory.read(base, 2);
    if (bytes[0] !== 0x4d || bytes[1] !== 0x5a) continue;
    const image = memoryImage(memory, base, 0x7fff_ffff);
    const headers = readPeHeaders(image);
    if (headers && address - base < BigInt(headers.sizeOfImage)) return moduleOf(base, image, headers, name);
  }
  return undefined;
}

function placesBelow(base: bigint, count: number): { address: VirtualAddress; length: number }[] {
  return Array.from({ length: count }, (_, index) => base - BigInt(index) * GRANULARITY)
    .filter((address) => address > 0n)
    .map((address) => ({ address: address as VirtualAddress, length: 2 }));
}

function moduleOf(base: VirtualAddress, image: ImageBytes, headers: PeHeaders, name: string): DumpModule {
  const { debugId, debugFile } = readDebugDirectory(image, headers)?.codeView ?? {};
  return {
    base,
    size: headers.sizeOfImage,
    path: exportName(image, headers) ?? name,
    timestamp: headers.timestamp,
    checksum: headers.checksum,
    codeId: peCodeId(headers.timestamp, headers.sizeOfImage),
    ...(debugId === undefined ? {} : { debugId }),
    ...(debugFile === undefined ? {} : { debugFile }),
    identity: "read",
  };
}

/** The name in the export directory: libraries have one. */
function exportName(image: ImageBytes, headers: PeHeaders): string | undefined {
  const exports = headers.directory("exports");
  const place = exports && image.read(exports.rva + EXPORT_NAME, 4);
  if (!place || place.length < 4) return undefined;
  const bytes = image.read(dataView(place).getUint32(0, true), MAX_NAME);
  const end = bytes.indexOf(0);
  const text = String.fromCharCode(...bytes.subarray(0, Math.max(0, end)));
  return /^[\w .+-]+$/.test(text) ? text : undefined;
}
