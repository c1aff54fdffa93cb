import { at, struct, u8, u32 } from "../../../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { TrapFrame } from "./trap-frame.ts";

/** KTRAP_FRAME of 32-bit kernels: the fields from ExceptionList on never moved, those before did in Windows 8.1. */

const TAIL = {
  SegFs: at(0x50, u32),
  Edi: at(0x54, u32),
  Esi: at(0x58, u32),
  Ebx: at(0x5c, u32),
  Ebp: at(0x60, u32),
  ErrCode: at(0x64, u32),
  Eip: at(0x68, u32),
  SegCs: at(0x6c, u32),
  EFlags: at(0x70, u32),
  HardwareEsp: at(0x74, u32),
  HardwareSegSs: at(0x78, u32),
};

/** XP to Windows 8. */
export const KTRAP_FRAME_X86 = struct("KTRAP_FRAME", 0x8c, {
  DbgArgMark: at(0x08, u32),
  SegGs: at(0x30, u32),
  SegEs: at(0x34, u32),
  SegDs: at(0x38, u32),
  Edx: at(0x3c, u32),
  Ecx: at(0x40, u32),
  Eax: at(0x44, u32),
  ...TAIL,
});

/** Windows 8.1 and later: TempSegCs and TempEsp went, everything up to MxCsr moved by 4. */
export const KTRAP_FRAME_X86_NEW = struct("KTRAP_FRAME", 0x8c, {
  DbgArgMark: at(0x08, u32),
  SegGs: at(0x2c, u32),
  SegEs: at(0x30, u32),
  SegDs: at(0x34, u32),
  Edx: at(0x38, u32),
  Ecx: at(0x3c, u32),
  Eax: at(0x40, u32),
  PreviousIrql: at(0x45, u8),
  ...TAIL,
});

/** First build with the newer form. */
const NEW_FORM_BUILD = 9600;
const KERNEL_CS = 0x08;
const USER_CS = 0x1b;
const USER_DATA = 0x23;
const KERNEL_FS = 0x30;
/** What trap handlers write into DbgArgMark. */
const DEBUG_MARK = 0xbadb0d00;
const EFLAGS_CLEAR = 0xffc08028;

/**
 * Decodes a KTRAP_FRAME.
 * @param build of the system: chooses the form
 * @returns undefined when its selectors and flags cannot be those of a trap
 */
export function decodeTrapFrameX86(bytes: Uint8Array, address: VirtualAddress, build: number): TrapFrame | undefined {
  const raw = (build >= NEW_FORM_BUILD ? KTRAP_FRAME_X86_NEW : KTRAP_FRAME_X86).from(bytes);
  const fromUser = (raw.SegCs & 0xffff) === USER_CS;
  if (!fromUser && (raw.SegCs & 0xffff) !== KERNEL_CS) return undefined;
  if ((raw.EFlags & EFLAGS_CLEAR) >>> 0 !== 0 || (raw.EFlags & 0x2) === 0) return undefined;
  const ownSegments = (raw.SegFs & 0xffff) === KERNEL_FS || raw.DbgArgMark === DEBUG_MARK;
  if (fromUser ? (raw.HardwareSegSs & 0xffff) !== USER_DATA : !ownSegments) return undefined;
  // A fault in the kernel switches no stack: the CPU pushed nothing behind EFLAGS.
  const sp = fromUser ? (BigInt(raw.HardwareEsp) as VirtualAddress) : addOffset(address, 0x74);
  return {
    address,
    fromUser,
    errorCode: BigInt(raw.ErrCode),
    context: {
      cpu: "x86",
      pc: BigInt(raw.Eip) as VirtualAddress,
      sp,
      flags: 0x0001_0003,
      registers: {
        eip: BigInt(raw.Eip),
        esp: sp,
        ebp: BigInt(raw.Ebp),
        ebx: BigInt(raw.Ebx),
        esi: BigInt(raw.Esi),
        edi: BigInt(raw.Edi),
        eax: BigInt(raw.Eax),
        ecx: BigInt(raw.Ecx),
        edx: BigInt(raw.Edx),
        eflags: BigInt(raw.EFlags),
      },
    },
  };
}
