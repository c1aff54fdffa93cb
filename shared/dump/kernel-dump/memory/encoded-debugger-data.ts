import { dataView } from "../../../bytes/layout.ts";

/**
 * KDBG is scrambled in memory of x64 systems since Windows 8 until a crash decodes it: dumps of live systems
 * and of hypervisors may hold it so. Each 64-bit word is `bswap(rol(word ^ KiWaitNever, KiWaitNever mod 64) ^
 * address of KdpDataBlockEncoded) ^ KiWaitAlways`. Both steps are linear, so all of it is one rotation and one
 * constant: `bswap(rol(word, n)) ^ k`. A word whose value the dump's header knows gives k for each of the 64
 * rotations, a second one tells which is right: no symbols are needed.
 */

const PS_LOADED_MODULE_LIST = 0x48;
const PS_ACTIVE_PROCESS_HEAD = 0x50;
/** OwnerTag and Size, one word. */
const TAG_AND_SIZE = 0x10;
const OWNER_TAG = 0x4742444bn;
/** Sizes of blocks that exist lie between: XP has 0x290, Windows 11 0x3A0 and may grow. */
const MIN_SIZE = 0x280n;
const MAX_SIZE = 0x1000n;

/** What the header of the dump knows of the block's content. */
export interface KnownDebuggerData {
  readonly loadedModuleList: bigint;
  readonly activeProcessHead: bigint;
}

/**
 * Decodes a scrambled block.
 * @param block its bytes as they lie in memory, whole words of eight
 * @returns the block as long as its own size says and as it was given, or undefined where nothing fits
 */
export function decodeDebuggerData(block: Uint8Array, known: KnownDebuggerData): Uint8Array | undefined {
  const view = dataView(block);
  if (block.length < PS_ACTIVE_PROCESS_HEAD + 8 || known.loadedModuleList === 0n) return undefined;
  const list = view.getBigUint64(PS_LOADED_MODULE_LIST, true);
  const head = view.getBigUint64(PS_ACTIVE_PROCESS_HEAD, true);
  const tag = view.getBigUint64(TAG_AND_SIZE, true);
  for (let rotation = 0n; rotation < 64n; rotation++) {
    const key = unscramble(list, rotation) ^ known.loadedModuleList;
    if ((unscramble(head, rotation) ^ key) !== known.activeProcessHead) continue;
    const plain = unscramble(tag, rotation) ^ key;
    const size = plain >> 32n;
    if ((plain & 0xffff_ffffn) !== OWNER_TAG || size < MIN_SIZE || size > MAX_SIZE) continue;
    return decodeWords(view, Math.min(Number(size), block.length) & ~7, rotation, key);
  }
  return undefined;
}

function decodeWords(view: DataView, length: number, rotation: bigint, key: bigint): Uint8Array {
  const out = new Uint8Array(length);
  const plain = dataView(out);
  for (let at = 0; at < length; at += 8) {
    plain.setBigUint64(at, unscramble(view.getBigUint64(at, true), rotation) ^ key, true);
  }
  return out;
}

const word = new DataView(new ArrayBuffer(8));

/** `bswap(rol(value, rotation))`. */
function unscramble(value: bigint, rotation: bigint): bigint {
  word.setBigUint64(0, BigInt.asUintN(64, (value << rotation) | (value >> (64n - rotation))), true);
  return word.getBigUint64(0, false);
}
