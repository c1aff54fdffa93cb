import { at, struct, u16, u32, u64 } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";

/** Bit of ContextFlags that says x64. */
const CONTEXT_AMD64_BIT = 0x0010_0000;

/**
 * CONTEXT of x64; CONTEXT_EX and XSTATE may follow its 0x4D0 bytes.
 * https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-context
 */
export const CONTEXT_AMD64 = struct("CONTEXT", 0x4d0, {
  ContextFlags: at(0x30, u32),
  MxCsr: at(0x34, u32),
  SegCs: at(0x38, u16),
  SegDs: at(0x3a, u16),
  SegEs: at(0x3c, u16),
  SegFs: at(0x3e, u16),
  SegGs: at(0x40, u16),
  SegSs: at(0x42, u16),
  EFlags: at(0x44, u32),
  Rax: at(0x78, u64),
  Rcx: at(0x80, u64),
  Rdx: at(0x88, u64),
  Rbx: at(0x90, u64),
  Rsp: at(0x98, u64),
  Rbp: at(0xa0, u64),
  Rsi: at(0xa8, u64),
  Rdi: at(0xb0, u64),
  R8: at(0xb8, u64),
  R9: at(0xc0, u64),
  R10: at(0xc8, u64),
  R11: at(0xd0, u64),
  R12: at(0xd8, u64),
  R13: at(0xe0, u64),
  R14: at(0xe8, u64),
  R15: at(0xf0, u64),
  Rip: at(0xf8, u64),
});

/** Reads an x64 context, or undefined when the bytes are too few or say another CPU. */
export function readAmd64Context(bytes: Uint8Array): CpuContext | undefined {
  if (bytes.length < CONTEXT_AMD64.size) return undefined;
  const raw = CONTEXT_AMD64.from(bytes);
  if ((raw.ContextFlags & CONTEXT_AMD64_BIT) === 0) return undefined;
  return {
    cpu: "amd64",
    pc: raw.Rip as VirtualAddress,
    sp: raw.Rsp as VirtualAddress,
    flags: raw.ContextFlags,
    registers: {
      rax: raw.Rax,
      rdx: raw.Rdx,
      rcx: raw.Rcx,
      rbx: raw.Rbx,
      rsi: raw.Rsi,
      rdi: raw.Rdi,
      rbp: raw.Rbp,
      rsp: raw.Rsp,
      r8: raw.R8,
      r9: raw.R9,
      r10: raw.R10,
      r11: raw.R11,
      r12: raw.R12,
      r13: raw.R13,
      r14: raw.R14,
      r15: raw.R15,
      rip: raw.Rip,
    },
    segments: {
      cs: raw.SegCs,
      ds: raw.SegDs,
      es: raw.SegEs,
      fs: raw.SegFs,
      gs: raw.SegGs,
      ss: raw.SegSs,
    },
  };
}
