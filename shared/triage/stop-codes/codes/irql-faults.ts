import type { Access, StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/**
 * Page faults at raised IRQL: address, IRQL, operation, instruction. The registers stand in the trap frame of
 * the page-fault handler on the stack.
 */

/** 0x0A counts bits: 0 write, 3 execute. */
function byBits(value: bigint): Access {
  if ((value & 8n) !== 0n) return "execute";
  return (value & 1n) !== 0n ? "write" : "read";
}

/** The others count values: 2 and 8 are executions. */
function byValue(value: bigint): Access {
  if (value === 2n || value === 8n || value === 0x10n) return "execute";
  return value === 1n ? "write" : "read";
}

/** Below this an address is a null pointer plus a field's offset. */
const NULL_PAGE_LIMIT = 0x10000n;

/** BUGCHECK_STR: a fault of the instruction's own fetch says where it was to be fetched from. */
function faultClass(scene: StopScene): string {
  const ip = scene.arg(4);
  if (scene.access !== "execute" || scene.arg(1) !== ip) return "AV";
  if (ip < NULL_PAGE_LIMIT) return "AV_CODE_AV_NULL_IP";
  return scene.module(ip) ? "AV_CODE_AV_PAGED_IP" : "AV_CODE_AV_BAD_IP";
}

/** 0x0A: memory that is not there was touched at a raised IRQL. */
export const IRQL_NOT_LESS_OR_EQUAL: StopDecoder = {
  codes: [0x0a],
  fault: "argument-ip",
  decode: (scene) => {
    scene.setAccess(scene.arg(1), byBits(scene.arg(3)));
    scene.bucket({ class: faultClass(scene) });
  },
};

/** The same of drivers, of damaged pools, of code that was paged out or unloaded. */
export const DRIVER_IRQL_FAULTS: StopDecoder = {
  codes: [0xd1, 0xc5, 0xd0, 0xd3, 0xd4, 0xdb],
  fault: "argument-ip",
  decode: (scene) => {
    scene.setAccess(scene.arg(1), byValue(scene.arg(3)));
    scene.setIrql(scene.arg(2));
    if (scene.code === 0xd1) scene.bucket({ class: faultClass(scene) });
    if (scene.code === 0xdb)
      scene.blameAddress("context", "argument-ip", scene.arg(4), "argument 4 is the faulting instruction", "medium");
  },
};
