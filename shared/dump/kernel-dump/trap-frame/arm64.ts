import { arrayOf, at, struct, u8, u32, u64 } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../address.ts";
import type { TrapFrame } from "./trap-frame.ts";

/** KTRAP_FRAME of ARM64 as the SDK's ksarm64.h publishes it. */
export const KTRAP_FRAME_ARM64 = struct("KTRAP_FRAME", 0x150, {
  PreviousIrql: at(0x03, u8),
  /** FAR of a data or instruction abort. */
  FaultAddress: at(0x08, u64),
  Spsr: at(0x90, u32),
  Esr: at(0x94, u32),
  Sp: at(0x98, u64),
  /** X0..X18: the others are nonvolatile and come from unwinding. */
  X: at(0xa0, arrayOf(u64, 19)),
  Lr: at(0x138, u64),
  Fp: at(0x140, u64),
  Pc: at(0x148, u64),
});

/** At KTHREAD.KernelStack of a thread that waits; its stack goes on behind the record. */
export const KSWITCH_FRAME_ARM64 = struct("KSWITCH_FRAME", 0x20, {
  Fp: at(0x10, u64),
  Return: at(0x18, u64),
});

/** Bits 4..0 of SPSR: AArch64 state has bit 4 clear; EL0 and EL1 are what Windows runs. */
const MODES: ReadonlySet<number> = new Set([0, 4, 5]);
/** Bits of SPSR that architecture reserves as zero. */
const SPSR_RESERVED = 0x0c00_0020;

/**
 * Decodes a KTRAP_FRAME.
 * @returns undefined when SPSR or the program counter cannot be those of a trap
 */
export function decodeTrapFrameArm64(bytes: Uint8Array, address: VirtualAddress): TrapFrame | undefined {
  const raw = KTRAP_FRAME_ARM64.from(bytes);
  if (!MODES.has(raw.Spsr & 0x1f) || (raw.Spsr & SPSR_RESERVED) !== 0) return undefined;
  if (raw.Pc % 4n !== 0n || raw.Sp % 8n !== 0n) return undefined;
  const names: [string, bigint][] = raw.X.map((value, index) => [`x${index}`, value]);
  return {
    address,
    fromUser: (raw.Spsr & 0x1f) === 0,
    faultAddress: raw.FaultAddress as VirtualAddress,
    previousIrql: raw.PreviousIrql,
    errorCode: BigInt(raw.Esr),
    context: {
      cpu: "arm64",
      pc: raw.Pc as VirtualAddress,
      sp: raw.Sp as VirtualAddress,
      flags: 0x0040_0001,
      registers: Object.fromEntries([...names, ["fp", raw.Fp], ["lr", raw.Lr], ["sp", raw.Sp], ["pc", raw.Pc]]),
    },
  };
}
