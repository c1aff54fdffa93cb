import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Code that came back to the kernel's borders in a wrong state: who left it so is behind it, not on the stack. */

/** 0x4A: a system call returned at raised IRQL. */
export const IRQL_AT_SYSTEM_SERVICE: StopDecoder = {
  codes: [0x4a],
  decode: (scene) => {
    scene.setIrql(scene.arg(2));
    const process = scene.dump.process.name;
    scene.bucket({ class: "RAISED_IRQL_FAULT", ...(process ? { qualifier: process } : {}) });
    // The trap frame is the system call's own entry: RBP of its handler is argument 4 on newer systems.
    const frame = scene.arg(4) > 0x80n ? scene.readTrapFrame((scene.arg(4) - 0x80n) as typeof ZERO) : undefined;
    if (frame?.fromUser && frame.context.pc === scene.arg(1)) scene.setEntryFrame(frame);
  },
};
const ZERO = 0n as ReturnType<StopScene["arg"]>;

/** 0x01: APCs disabled and enabled unevenly in a system call. */
export const APC_INDEX: StopDecoder = {
  codes: [0x01],
  decode: (scene) => {
    // Argument 1 is the service's address in the program, or the routine of a worker.
    scene.blameAddress("argument", "worker-routine", scene.arg(1), "argument 1 is the routine:", "medium");
    scene.bucket({ class: "0x1_SysCallNum" });
  },
};

/** 0xE1, 0xDF, 0x39, 0x1D6: a worker routine returned in a wrong state; argument 1 is the routine. */
export const WORKER_ROUTINES: StopDecoder = {
  codes: [0xe1, 0xdf, 0x39, 0x1d6],
  decode: (scene) => {
    scene.blameAddress("decoder", "worker-routine", scene.arg(1), "the worker routine is", "high");
    if (scene.code === 0xe1) scene.setIrql(scene.arg(2));
  },
};

/** 0xC8: an IRQL that should not be: current in bits 16 to 23, expected in bits 8 to 15. */
export const UNEXPECTED_IRQL: StopDecoder = {
  codes: [0xc8],
  decode: (scene) => scene.setIrql((scene.arg(1) >> 16n) & 0xffn),
};

/** 0xC7: a timer or DPC lies where none may be; argument 2 is its address, 4 its routine for some sub-codes. */
export const TIMER_OR_DPC: StopDecoder = {
  codes: [0xc7],
  decode: (scene) => {
    scene.bucket({ class: `0xC7_${scene.arg32(1).toString(16)}` });
    for (const number of [2, 3, 4] as const)
      scene.blameAddress("decoder", "timer-or-dpc", scene.arg(number), `argument ${number} lies`, "high");
  },
};

/** 0x18: an object was released once too often; its type is argument 1. */
export const REFERENCE_COUNT: StopDecoder = {
  codes: [0x18, 0x189],
  decode: (scene) => scene.addressField("OBJECT", scene.arg(scene.code === 0x18 ? 2 : 1)),
};

/** 0xB8, 0x1A2, 0x157, 0x162, 0x13C, 0x192, 0xE9: a thread in an argument. */
export const THREADS: StopDecoder = {
  codes: [0xb8, 0x1a2, 0x157, 0x162, 0x13c, 0x192, 0xe9],
  decode: (scene) => {
    scene.addressField("FAULTING_THREAD", scene.arg(1));
    scene.bucket({ class: `0x${scene.code.toString(16).toUpperCase()}` });
    if (scene.code === 0x192) scene.setIrql(scene.arg(3));
    if (scene.code === 0x162 || scene.code === 0x192) scene.addressField("LOCK_ADDRESS", scene.arg(2));
  },
};

/** Crashes that somebody asked for: nobody is to blame. */
export const REQUESTED: StopDecoder = {
  codes: [0xe2, 0xdeaddead, 0x161],
  decode: (scene) => {
    const seen = scene.code === 0x161 ? "the dump of a running system was asked for" : "the crash was asked for";
    scene.blame("hint", { rule: "requested", seen, confidence: "none" });
    if (scene.code === 0x161) scene.bucket({ class: "0x161" });
  },
};
