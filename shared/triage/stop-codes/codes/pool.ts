import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../../../dump/address.ts";
import { fourCharacters } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Damaged pool: the tag tells whose block it was; the caller on the stack, who noticed or did it. */

/** Tag of the block whose memory starts there: it stands in the POOL_HEADER before it. */
function tagOfBlock(scene: StopScene, block: VirtualAddress): string | undefined {
  const [header, tag] = scene.pointerSize === 8 ? [0x10, 4] : [8, 4];
  return tagAt(scene, addOffset(block, tag - header));
}

/** Tag of the block whose POOL_HEADER is there. */
function tagOfHeader(scene: StopScene, header: VirtualAddress): string | undefined {
  return tagAt(scene, addOffset(header, 4));
}

function tagAt(scene: StopScene, address: VirtualAddress): string | undefined {
  const bytes = scene.isKernelAddress(address) ? scene.read(address, 4) : undefined;
  return bytes && fourCharacters(dataView(bytes).getUint32(0, true));
}

/** 0xC2: a driver asked the pool for something wrong; where the block is differs by sub-code. */
export const BAD_POOL_CALLER: StopDecoder = {
  codes: [0xc2],
  decode: (scene) => {
    const kind = scene.arg32(1);
    scene.bucket({ class: `0xc2_${kind.toString(16)}` });
    const tag = poolTag(scene, kind);
    scene.field("FREED_POOL_TAG", tag);
    if (tag) scene.bucket({ qualifier: tag });
    const caller = kind === 0x9b || kind === 0x9c || kind === 0x9d ? scene.arg(4) : 0n;
    scene.blameAddress("decoder", "pool-caller", caller as VirtualAddress, "the caller was", "high");
  },
};

function poolTag(scene: StopScene, kind: number): string | undefined {
  if (kind === 7) return tagOfBlock(scene, scene.arg(4)) ?? fourCharacters(scene.arg32(2));
  if (kind === 6) return tagOfHeader(scene, scene.arg(3));
  if (kind === 1) return tagOfHeader(scene, scene.arg(2));
  if (kind === 0x0a || kind === 0x0b) return fourCharacters(scene.arg32(3));
  if (kind === 9) return tagOfBlock(scene, scene.arg(4));
  return kind === 0 ? fourCharacters(scene.arg32(4)) : undefined;
}

/** 0x19: a pool header or list that contradicts itself; argument 2 is the entry of most sub-codes. */
export const BAD_POOL_HEADER: StopDecoder = {
  codes: [0x19],
  decode: (scene) => {
    const kind = scene.arg32(1);
    scene.bucket({ class: `0x19_${kind.toString(16)}` });
    const entry = kind === 7 || kind === 8 ? scene.arg(4) : scene.arg(2);
    scene.addressField("POOL_ADDRESS", entry);
    scene.field("POOL_TAG", tagOfHeader(scene, entry));
    if (kind === 3) oneBit(scene, scene.arg(2), scene.arg(3), scene.arg(4));
  },
};

/** Values that a healthy list has equal: a difference of one bit is the memory's, not a driver's. */
function oneBit(scene: StopScene, ...values: bigint[]): void {
  for (const [index, value] of values.entries()) {
    const difference = value ^ (values[(index + 1) % values.length] as bigint);
    if (difference === 0n || (difference & (difference - 1n)) !== 0n) continue;
    const seen = "values that must be equal differ in one bit";
    scene.blame("argument", { rule: "one-bit", seen, confidence: "medium", hardware: "memory" });
    return;
  }
}

/** 0xC1: special pool found a write beside a block. */
export const SPECIAL_POOL: StopDecoder = {
  codes: [0xc1],
  decode: (scene) => {
    scene.bucket({ class: `0xC1_${scene.arg32(4).toString(16)}` });
    scene.addressField("POOL_ADDRESS", scene.arg(1));
  },
};

/** 0xC6 and 0xDE: freed or foreign pool was written. */
export const POOL_WRITES: StopDecoder = {
  codes: [0xc6, 0xde],
  decode: (scene) => {
    if (scene.code === 0xc6) scene.setAccess(scene.arg(1), scene.arg(2) === 1n ? "write" : "read");
    scene.addressField("POOL_ADDRESS", scene.arg(1));
  },
};

/** 0x13A: a heap of the kernel is damaged; argument 3 is where. */
export const KERNEL_HEAP: StopDecoder = {
  codes: [0x13a],
  decode: (scene) => {
    scene.bucket({ class: `0x13a_${scene.arg32(1).toString(16)}` });
    scene.addressField("POOL_ADDRESS", scene.arg(3));
    scene.field("POOL_TAG", tagOfHeader(scene, scene.arg(3)));
  },
};
