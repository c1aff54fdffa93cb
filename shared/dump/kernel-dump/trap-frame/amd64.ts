import { at, struct, u8, u16, u32, u64 } from "../../../bytes/layout.ts";
import type { VirtualAddress } from "../../address.ts";
import type { TrapFrame } from "./trap-frame.ts";

/**
 * What x64 kernels save when a trap, a bug check or a thread switch interrupts code. The layouts did not
 * move between Server 2003 SP1 and Windows 10 (formats/unwinding.md §5).
 */

/** KTRAP_FRAME of x64; the last 40 bytes are the machine frame that the CPU itself pushed. */
export const KTRAP_FRAME_AMD64 = struct("KTRAP_FRAME", 0x190, {
  PreviousMode: at(0x28, u8),
  PreviousIrql: at(0x29, u8),
  FaultIndicator: at(0x2a, u8),
  ExceptionActive: at(0x2b, u8),
  MxCsr: at(0x2c, u32),
  Rax: at(0x30, u64),
  Rcx: at(0x38, u64),
  Rdx: at(0x40, u64),
  R8: at(0x48, u64),
  R9: at(0x50, u64),
  R10: at(0x58, u64),
  R11: at(0x60, u64),
  /** CR2 of a page fault. */
  FaultAddress: at(0xd0, u64),
  Rbp: at(0x158, u64),
  ErrorCode: at(0x160, u64),
  Rip: at(0x168, u64),
  SegCs: at(0x170, u16),
  EFlags: at(0x178, u32),
  Rsp: at(0x180, u64),
  SegSs: at(0x188, u16),
});

/** Nonvolatile registers that dispatchers of exceptions and bug checks save below the trap frame. */
export const KEXCEPTION_FRAME_AMD64 = struct("KEXCEPTION_FRAME", 0x140, {
  TrapFrame: at(0xd0, u64),
  Rbp: at(0xf8, u64),
  Rbx: at(0x100, u64),
  Rdi: at(0x108, u64),
  Rsi: at(0x110, u64),
  R12: at(0x118, u64),
  R13: at(0x120, u64),
  R14: at(0x128, u64),
  R15: at(0x130, u64),
  Return: at(0x138, u64),
});

/** At KTHREAD.KernelStack of a thread that waits; its stack goes on behind the record. */
export const KSWITCH_FRAME_AMD64 = struct("KSWITCH_FRAME", 0x40, {
  Rbp: at(0x30, u64),
  Return: at(0x38, u64),
});

/** Selectors of code: kernel, 64-bit user, 32-bit user. */
export const KERNEL_CS = 0x10;
const USER_CS = 0x33;
const USER_CS32 = 0x23;
/** Bits of EFLAGS that are always clear, and the one that is always set. */
const EFLAGS_CLEAR = 0xffc08028;
const EFLAGS_SET = 0x2;

/** The machine frame of a record makes sense: what told it from other memory when no symbol said where it is. */
export function isMachineFrame(cs: number, eflags: number, ss: bigint | number): boolean {
  if ((eflags & EFLAGS_CLEAR) >>> 0 !== 0 || (eflags & EFLAGS_SET) === 0) return false;
  const stack = Number(ss);
  if (cs === KERNEL_CS) return stack === 0x18 || stack === 0;
  return (cs === USER_CS || cs === USER_CS32) && stack === 0x2b;
}

/**
 * Decodes a KTRAP_FRAME.
 * @returns undefined when its machine frame cannot be one
 */
export function decodeTrapFrameAmd64(bytes: Uint8Array, address: VirtualAddress): TrapFrame | undefined {
  const raw = KTRAP_FRAME_AMD64.from(bytes);
  if (!isMachineFrame(raw.SegCs, raw.EFlags, raw.SegSs)) return undefined;
  return {
    address,
    fromUser: raw.SegCs !== KERNEL_CS,
    faultAddress: raw.FaultAddress as VirtualAddress,
    previousIrql: raw.PreviousIrql,
    errorCode: raw.ErrorCode,
    context: {
      cpu: "amd64",
      pc: raw.Rip as VirtualAddress,
      sp: raw.Rsp as VirtualAddress,
      flags: PARTIAL_CONTEXT,
      registers: {
        rax: raw.Rax,
        rdx: raw.Rdx,
        rcx: raw.Rcx,
        rbp: raw.Rbp,
        rsp: raw.Rsp,
        r8: raw.R8,
        r9: raw.R9,
        r10: raw.R10,
        r11: raw.R11,
        rip: raw.Rip,
      },
    },
  };
}

/** CONTEXT_AMD64 | CONTEXT_CONTROL: nonvolatile registers are not in a trap frame. */
const PARTIAL_CONTEXT = 0x0010_0001;
/** CONTEXT_AMD64 | CONTEXT_CONTROL | CONTEXT_INTEGER. */
const WHOLE_CONTEXT = 0x0010_0003;

/** The frame with the nonvolatile registers of an exception frame. */
export function completeAmd64(frame: TrapFrame, exceptionFrame: Uint8Array): TrapFrame {
  const raw = KEXCEPTION_FRAME_AMD64.from(exceptionFrame);
  const { rax, rdx, rcx, rbp, rsp, r8, r9, r10, r11, rip } = frame.context.registers as Record<string, bigint>;
  const registers = {
    ...{ rax, rdx, rcx, rbx: raw.Rbx, rsi: raw.Rsi, rdi: raw.Rdi, rbp, rsp, r8, r9, r10, r11 },
    ...{ r12: raw.R12, r13: raw.R13, r14: raw.R14, r15: raw.R15, rip },
  } as Record<string, bigint>;
  return { ...frame, context: { ...frame.context, flags: WHOLE_CONTEXT, registers } };
}
