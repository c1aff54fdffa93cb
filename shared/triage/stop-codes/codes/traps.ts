import { hexAddress } from "../../../dump/address.ts";
import type { StopDecoder } from "../stop-facts.ts";

/** Traps that the kernel cannot go on from. */

const DOUBLE_FAULT = 8n;
/** Distance between stack pointer and stack limit below which a double fault is a full stack. */
const STACK_SLACK = 0x1000n;

/** 0x7F: trap frame in argument 2 on 64-bit systems since Windows 8, else on the stack. */
export const UNEXPECTED_TRAP: StopDecoder = {
  codes: [0x7f],
  fault: "argument-ip",
  decode: (scene) => {
    scene.bucket({ class: `0x7f_${scene.arg(1).toString(16)}` });
  },
  conclude: (scene) => {
    const sp = scene.context?.sp;
    if (scene.arg(1) !== DOUBLE_FAULT || sp === undefined) return;
    const below = scene.dump.memory.read(sp, 1).hole;
    const { stack } = scene.thread ?? {};
    const nearEnd = stack !== undefined && sp >= stack.start - STACK_SLACK && sp - stack.start < STACK_SLACK;
    scene.field("STACK_POINTER", hexAddress(sp, scene.pointerSize).slice(2));
    if (nearEnd || below) scene.bucket({ qualifier: "STACK_OVERFLOW" });
  },
};

/** 0x2B and 0x30: a trap frame in an argument. */
export const STACK_SWITCH: StopDecoder = {
  codes: [0x2b, 0x30],
  decode: (scene) => {
    const frame = scene.readTrapFrame(scene.arg(scene.code === 0x2b ? 1 : 3));
    if (frame) scene.setTrapFrame(frame, "trap-frame");
  },
};

/** 0x80: a non-maskable interrupt says that hardware failed. */
export const NMI_FAILURE: StopDecoder = {
  codes: [0x80],
  fault: "newest-trap",
  decode: (scene) => {
    const seen = "a non-maskable interrupt reported a failure of the hardware";
    scene.blame("decoder", { rule: "nmi", seen, confidence: "medium", hardware: "hardware" });
  },
};

/** 0x139: a check that the compiler or the kernel put in failed; both records are in the arguments. */
export const FAST_FAIL: StopDecoder = {
  codes: [0x139],
  decode: (scene) => {
    const code = scene.arg32(1);
    const name = FAST_FAIL_NAMES[code];
    scene.bucket({ class: `0x139_${code.toString(16)}${name ? `_${name}` : ""}` });
    scene.field("FAST_FAIL", name);
  },
};

/** 0xF7: a driver's security cookie was overwritten; the function that found it is on the stack. */
export const STACK_COOKIE: StopDecoder = {
  codes: [0xf7],
  decode: (scene) => {
    const difference = scene.arg(1) ^ scene.arg(2);
    scene.addressField("SECURITY_COOKIE", scene.arg(1));
    scene.addressField("SECURITY_COOKIE_EXPECTED", scene.arg(2));
    if (difference === 0n || (difference & (difference - 1n)) !== 0n) return;
    const seen = "the security cookie differs in one bit only";
    scene.blame("argument", { rule: "one-bit", seen, confidence: "medium", hardware: "memory" });
  },
};

/** FAST_FAIL_* of winnt.h. */
const FAST_FAIL_NAMES: Readonly<Record<number, string>> = {
  0: "LEGACY_GS_VIOLATION",
  1: "VTGUARD_CHECK_FAILURE",
  2: "STACK_COOKIE_CHECK_FAILURE",
  3: "CORRUPT_LIST_ENTRY",
  4: "INCORRECT_STACK",
  5: "INVALID_ARG",
  6: "GS_COOKIE_INIT",
  7: "FATAL_APP_EXIT",
  8: "RANGE_CHECK_FAILURE",
  9: "UNSAFE_REGISTRY_ACCESS",
  10: "GUARD_ICALL_CHECK_FAILURE",
  11: "GUARD_WRITE_CHECK_FAILURE",
  12: "INVALID_FIBER_SWITCH",
  13: "INVALID_SET_OF_CONTEXT",
  14: "INVALID_REFERENCE_COUNT",
  18: "INVALID_JUMP_BUFFER",
  19: "MRDATA_MODIFIED",
  20: "CERTIFICATION_FAILURE",
  21: "INVALID_EXCEPTION_CHAIN",
  22: "CRYPTO_LIBRARY",
  23: "INVALID_CALL_IN_DLL_CALLOUT",
  24: "INVALID_IMAGE_BASE",
  25: "DLOAD_PROTECTION_FAILURE",
  26: "UNSAFE_EXTENSION_CALL",
  27: "DEPRECATED_SERVICE_INVOKED",
  28: "INVALID_BUFFER_ACCESS",
  29: "INVALID_BALANCED_TREE",
  30: "INVALID_NEXT_THREAD",
  31: "GUARD_ICALL_CHECK_SUPPRESSED",
  32: "APCS_DISABLED",
  33: "INVALID_IDLE_STATE",
};
