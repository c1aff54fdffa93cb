import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** The memory manager contradicts itself: damaged page tables, page lists and images, often by the RAM. */

/** Whether exactly one bit is set. */
function isOneBit(value: bigint): boolean {
  return value !== 0n && (value & (value - 1n)) === 0n;
}

function blameMemory(scene: StopScene, seen: string, confidence: "high" | "medium"): void {
  scene.blame("decoder", { rule: "ram", seen, confidence, hardware: "memory" });
}

/** 0x1A: of 0x41792 the arguments hold the page-table entry, which should be empty: what is in it is the damage. */
export const MEMORY_MANAGEMENT: StopDecoder = {
  codes: [0x1a],
  decode: (scene) => {
    const kind = scene.arg32(1);
    scene.bucket({ class: `0x1a_${kind.toString(16)}` });
    if (kind === 0x41792) {
      const value = scene.pointerSize === 8 ? scene.arg(3) : (scene.arg(4) << 32n) | scene.arg(3);
      scene.addressField("PTE_ADDRESS", scene.arg(2));
      if (isOneBit(value)) {
        blameMemory(scene, "a page-table entry that should be empty has one bit set", "high");
        scene.field("SINGLE_BIT_ERROR", value.toString(16));
        scene.bucket({ whole: "MEMORY_CORRUPTION_ONE_BIT" });
      }
    } else if (HARDWARE_KINDS.has(kind)) blameMemory(scene, "page tables or page lists are damaged", "medium");
  },
};

/** Sub-codes that broken memory makes more often than drivers: paging hierarchy, page lists, inpage checksums. */
const HARDWARE_KINDS: ReadonlySet<number> = new Set([
  0x3f, 0x402, 0x403, 0x411, 0x8888, 0x888a, 0x9696, 0x41790, 0x61941,
]);

/** 0x4E: page lists; argument 1 selects what was found. */
export const PFN_LIST: StopDecoder = {
  codes: [0x4e],
  decode: (scene) => scene.bucket({ class: `0x4E_${scene.arg32(1).toString(16)}` }),
};

/** 0x12B: the memory manager found a page that changed while nobody could write it. */
export const CORRUPTED_PAGE: StopDecoder = {
  codes: [0x12b],
  decode: (scene) => {
    blameMemory(scene, "a page changed that nobody wrote", "high");
    scene.bucket({ whole: "MEMORY_CORRUPTION_ONE_BIT" });
  },
};

/** 0x109: code or structures of the kernel were modified; the stack says nothing, argument 4 what kind. */
export const CRITICAL_STRUCTURE: StopDecoder = {
  codes: [0x109],
  decode: (scene) => {
    scene.bucket({ class: `0x109_${scene.arg32(4).toString(16)}`, blame: "ANALYSIS_INCONCLUSIVE!unknown_function" });
    scene.field("CORRUPTED_REGION", scene.words.subCode(scene.code, scene.arg(4))?.meaning);
    const seen = "the kernel's own check found a modified region: memory, or a driver that patches the kernel";
    scene.blame("hint", { rule: "patch-guard", seen, confidence: "low", hardware: "memory" });
  },
};

/** 0xA2 and 0xC0000221: an image in memory or on disk is not what was signed. */
export const BAD_IMAGE: StopDecoder = {
  codes: [0xa2],
  decode: (scene) => {
    const seen = "a checksum of the memory image is wrong";
    scene.blame("decoder", { rule: "image-checksum", seen, confidence: "medium", hardware: "memory" });
  },
};

/** 0xDA, 0xD7, 0xD8, 0xD9, 0x76, 0xCB: system pages used wrongly; where a driver is named it is so by text or address. */
export const LEFT_LOCKED_PAGES: StopDecoder = {
  codes: [0xcb],
  decode: (scene) => {
    // Argument 1 is a routine of the driver on some builds, a tracking record on others: an image tells.
    scene.blameAddress("decoder", "locked-pages", scene.arg(1), "argument 1 lies", "high");
    scene.blameAddress("decoder", "locked-pages", scene.arg(2), "argument 2 lies", "high");
  },
};
