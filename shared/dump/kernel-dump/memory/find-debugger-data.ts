import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { Memory } from "../../memory.ts";
import { type DebuggerData, readDebuggerData } from "../debugger-data.ts";
import { decodeDebuggerData, type KnownDebuggerData } from "./encoded-debugger-data.ts";
import { dataSections, type ImageSpan } from "./kernel-image.ts";

/** Longest block that is read: Windows 11 has 0x3A0 bytes and it grew by a few fields a system. */
const BLOCK_BYTES = 0x400;
/** OwnerTag stands at 0x10, so the tag is looked for at that distance from each place. */
const TAG_OFFSET = 0x10;
const OWNER_TAG = 0x4742444b;
/** Bytes of nt's data that are searched for the tag, nearest to the list of modules first. */
const SEARCH_BYTES = 2 * 1024 * 1024;
/** Places with the tag that are looked at in one section; a kernel has it once, and a few times in code and tables. */
const MAX_CANDIDATES = 256;
/** Blocks of a system that exists are at least as long as XP's; shorter ones are chance. */
const MIN_BLOCK = 0x280;

/** A debugger data block and where it was. */
export interface FoundDebuggerData {
  readonly kdbg: DebuggerData;
  readonly address: VirtualAddress;
  readonly source: "header" | "decoded" | "found";
  /** Decoded. */
  readonly bytes: Uint8Array;
}

/** The block at the header's pointer, decoded where it is scrambled. */
export function debuggerDataAt(
  memory: Memory,
  address: VirtualAddress,
  pointerSize: 4 | 8,
  known: KnownDebuggerData,
): FoundDebuggerData | undefined {
  const raw = memory.read(address, BLOCK_BYTES).bytes;
  const plain = asBlock(raw, address, pointerSize, "header");
  if (plain) return plain;
  // 32-bit kernels never scramble it, and an empty one would decode to anything.
  if (pointerSize === 4 || raw.every((byte) => byte === 0)) return undefined;
  const decoded = decodeDebuggerData(raw, known);
  return decoded ? asBlock(decoded, address, pointerSize, "decoded") : undefined;
}

/**
 * Looks for the block's tag in nt's data sections, where every kernel has it.
 * @param near an address in nt near which the search starts
 */
export function findDebuggerData(
  memory: Memory,
  image: ImageSpan,
  near: VirtualAddress,
  pointerSize: 4 | 8,
): FoundDebuggerData | undefined {
  for (const { address, size } of searchOrder(memory, image, near)) {
    const found = searchTag(memory, address, size, image, pointerSize);
    if (found) return found;
  }
  return undefined;
}

/** The data sections, the one with `near` first and only around it, at most {@link SEARCH_BYTES} in all. */
function searchOrder(
  memory: Memory,
  image: ImageSpan,
  near: VirtualAddress,
): { address: VirtualAddress; size: number }[] {
  const holds = ({ address, size }: { address: VirtualAddress; size: number }) =>
    near >= address && near - address < BigInt(size);
  const sections = dataSections(memory, image).sort((a, b) => Number(holds(b)) - Number(holds(a)));
  const order: { address: VirtualAddress; size: number }[] = [];
  let left = SEARCH_BYTES;
  for (const section of sections) {
    const size = Math.min(section.size, left);
    const inside = holds(section) ? Number(near - section.address) : 0;
    const skip = Math.max(0, Math.min(section.size - size, inside - Math.floor(size / 2))) & ~0xfff;
    if (size > 0) order.push({ address: addOffset(section.address, skip), size });
    left -= size;
  }
  memory.plan(order.map(({ address, size }) => ({ address, length: size })));
  return order;
}

function searchTag(
  memory: Memory,
  start: VirtualAddress,
  size: number,
  image: ImageSpan,
  pointerSize: 4 | 8,
): FoundDebuggerData | undefined {
  let candidates = 0;
  // Page by page: a hole hides its own page only.
  for (let done = 0; done < size; done += 0x1000) {
    const page = memory.read(addOffset(start, done), Math.min(0x1000, size - done)).bytes;
    const view = dataView(page);
    for (let at = 0; at + 4 <= page.length; at += 8) {
      if (view.getUint32(at, true) !== OWNER_TAG) continue;
      candidates += 1;
      if (candidates > MAX_CANDIDATES) return undefined;
      const address = addOffset(start, done + at - TAG_OFFSET);
      const raw = memory.read(address, BLOCK_BYTES).bytes;
      const found = asBlock(raw, address, pointerSize, "found");
      if (found?.kdbg.address("KernBase") === image.base) return found;
    }
  }
  return undefined;
}

function asBlock(
  raw: Uint8Array,
  address: VirtualAddress,
  pointerSize: 4 | 8,
  source: FoundDebuggerData["source"],
): FoundDebuggerData | undefined {
  const kdbg = readDebuggerData(raw, pointerSize);
  if (!kdbg || kdbg.size < MIN_BLOCK) return undefined;
  return { kdbg, address, source, bytes: raw.subarray(0, Math.min(kdbg.size, raw.length)) };
}
