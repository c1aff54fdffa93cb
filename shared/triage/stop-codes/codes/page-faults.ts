import type { Access, StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Page faults that nobody may answer: address, operation, instruction. */

/** Since the first Windows 10 the operation of 64-bit systems holds the bits of the CPU's error code. */
const ERROR_CODE_BUILD = 10240;

/** @param value operation: 0 read; 1 write or, on newer systems, 2; 8 or 0x10 execute */
export function pageFaultAccess(scene: StopScene, value: bigint): Access {
  if ((value & 0x18n) !== 0n) return "execute";
  const newForm = scene.pointerSize === 8 && scene.build >= ERROR_CODE_BUILD;
  return (value & (newForm ? 3n : 1n)) !== 0n ? "write" : "read";
}

/**
 * Newer systems tell in argument 4 why the memory manager gave up: buckets then say so (`AV_R_INVALID`), and
 * nothing more than `AV` where it is zero.
 */
function pageFaultClass(scene: StopScene): string {
  if (scene.arg(4) === 0n || scene.access === "execute") return "AV";
  return scene.access === "write" ? "AV_W_INVALID" : "AV_R_INVALID";
}

/** 0x50 and its kin of special pool and session space. */
export const PAGE_FAULTS: StopDecoder = {
  codes: [0x50, 0xcc, 0xcd, 0xcf, 0xd5, 0xd6],
  fault: "argument-ip",
  decode: (scene) => {
    scene.setAccess(scene.arg(1), pageFaultAccess(scene, scene.arg(2)));
    if (scene.code === 0x50) scene.bucket({ class: pageFaultClass(scene) });
  },
};

/** 0xCE: the code that ran or was called is of a driver that went without waiting for its work. */
export const UNLOADED_DRIVER: StopDecoder = {
  codes: [0xce],
  fault: "argument-ip",
  decode: (scene) => {
    scene.setAccess(scene.arg(1), pageFaultAccess(scene, scene.arg(2)));
    const rule = "unloaded-driver";
    const found = scene.blameAddress("decoder", rule, scene.arg(1), "the accessed address lies", "high");
    if (!found) scene.blameAddress("decoder", rule, scene.arg(3), "the failing instruction lies", "high");
  },
};

/** Writes to read-only and execution of no-execute memory: a trap frame comes along on many builds. */
export const PROTECTION_FAULTS: StopDecoder = {
  codes: [0xbe, 0xfc],
  fault: "newest-trap",
  decode: (scene) => scene.setAccess(scene.arg(1), scene.code === 0xfc ? "execute" : "write"),
};

/** 0x7A and 0x77: what was paged out could not be read back: the disk, its cable or its driver. */
export const INPAGE_ERRORS: StopDecoder = {
  codes: [0x7a, 0x77],
  decode: (scene) => {
    const status = scene.arg32(scene.code === 0x7a ? 2 : 1);
    scene.bucket({ class: `0x${scene.code.toString(16)}_${status.toString(16)}` });
    if (scene.code === 0x7a) scene.setAccess(scene.arg(4), "read");
    const hardware = DISK_STATUS.has(status);
    if (hardware) {
      const seen = `status 0x${status.toString(16)} of reading the page file`;
      scene.blame("decoder", { rule: "inpage-status", seen, confidence: "medium", hardware: "disk" });
    }
  },
};

/** STATUS_DEVICE_DATA_ERROR, _IO_DEVICE_ERROR, _DEVICE_NOT_CONNECTED, _DISK_OPERATION_FAILED, _NO_SUCH_DEVICE, _CRC_ERROR. */
const DISK_STATUS: ReadonlySet<number> = new Set([
  0xc000009c, 0xc0000185, 0xc000009d, 0xc000016a, 0xc000000e, 0xc000003f,
]);
