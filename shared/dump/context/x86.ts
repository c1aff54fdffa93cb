import { at, struct, u32 } from "../../bytes/layout.ts";
import type { VirtualAddress } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";

/** Bit of ContextFlags that says x86. */
const CONTEXT_i386 = 0x0001_0000;

/**
 * CONTEXT of 32-bit x86 up to its general registers; the whole one has 0x2CC bytes with
 * ExtendedRegisters (FXSAVE) behind, 0xCC without.
 * https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-wow64_context
 */
export const CONTEXT_X86 = struct("CONTEXT", 0xcc, {
  ContextFlags: at(0x00, u32),
  SegGs: at(0x8c, u32),
  SegFs: at(0x90, u32),
  SegEs: at(0x94, u32),
  SegDs: at(0x98, u32),
  Edi: at(0x9c, u32),
  Esi: at(0xa0, u32),
  Ebx: at(0xa4, u32),
  Edx: at(0xa8, u32),
  Ecx: at(0xac, u32),
  Eax: at(0xb0, u32),
  Ebp: at(0xb4, u32),
  Eip: at(0xb8, u32),
  SegCs: at(0xbc, u32),
  EFlags: at(0xc0, u32),
  Esp: at(0xc4, u32),
  SegSs: at(0xc8, u32),
});

/** Reads an x86 context, or undefined when the bytes are too few or say another CPU. */
export function readX86Context(bytes: Uint8Array): CpuContext | undefined {
  if (bytes.length < CONTEXT_X86.size) return undefined;
  const raw = CONTEXT_X86.from(bytes);
  if ((raw.ContextFlags & CONTEXT_i386) === 0) return undefined;
  return {
    cpu: "x86",
    pc: BigInt(raw.Eip) as VirtualAddress,
    sp: BigInt(raw.Esp) as VirtualAddress,
    flags: raw.ContextFlags,
    registers: {
      eip: BigInt(raw.Eip),
      esp: BigInt(raw.Esp),
      ebp: BigInt(raw.Ebp),
      ebx: BigInt(raw.Ebx),
      esi: BigInt(raw.Esi),
      edi: BigInt(raw.Edi),
      eax: BigInt(raw.Eax),
      ecx: BigInt(raw.Ecx),
      edx: BigInt(raw.Edx),
      eflags: BigInt(raw.EFlags),
    },
    // Their upper halves are left over from something else.
    segments: {
      cs: raw.SegCs & 0xffff,
      ds: raw.SegDs & 0xffff,
      es: raw.SegEs & 0xffff,
      fs: raw.SegFs & 0xffff,
      gs: raw.SegGs & 0xffff,
      ss: raw.SegSs & 0xffff,
    },
  };
}
