import { dataView } from "../../bytes/layout.ts";
import type { CpuArch, VirtualAddress } from "../address.ts";
import type { CpuContext } from "../cpu-context.ts";

/**
 * Contexts of the rarer CPUs as Breakpad writes them, up to their general registers. No dump of them is at
 * hand: the layouts are those of src/google_breakpad/common/minidump_cpu_{mips,ppc,ppc64,riscv}.h.
 */

/** One layout: where the flags' bit, the registers and their names are. */
interface Layout {
  /** Bit of ContextFlags that says the CPU. */
  readonly flag: number;
  /** Bytes of a register in the record. */
  readonly width: 4 | 8;
  /** Bits of a register that count. */
  readonly bits: 32 | 64;
  /** Names with offsets, in the order in which reports print them. */
  readonly registers: readonly (readonly [name: string, offset: number])[];
  readonly pc: string;
  readonly sp: string;
}

const MIPS_NAMES =
  "zero at v0 v1 a0 a1 a2 a3 t0 t1 t2 t3 t4 t5 t6 t7 s0 s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp fp ra".split(" ");
const RISCV_NAMES =
  "pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const PPC_NAMES = Array.from({ length: 32 }, (_, index) => `r${index}`);

function inOrder(names: readonly string[], start: number, width: number): (readonly [string, number])[] {
  return names.map((name, index) => [name, start + index * width]);
}

/** MDRawContextMIPS: flags, padding, iregs, mdhi and mdlo, DSP accumulators, epc. */
const MIPS = {
  width: 8,
  registers: [["pc", 0x138], ...inOrder(MIPS_NAMES, 8, 8)],
  pc: "pc",
  sp: "sp",
} as const;

const LAYOUTS: Partial<Record<CpuArch, Layout>> = {
  mips: { ...MIPS, flag: 0x0004_0000, bits: 32 },
  mips64: { ...MIPS, flag: 0x0008_0000, bits: 64 },
  /** MDRawContextPPC: flags, srr0 (the instruction), srr1, gpr, cr, xer, lr, ctr. */
  ppc: {
    flag: 0x2000_0000,
    width: 4,
    bits: 32,
    registers: [["srr0", 4], ...inOrder(PPC_NAMES, 12, 4), ["lr", 148], ["ctr", 152]],
    pc: "srr0",
    sp: "r1",
  },
  /** MDRawContextPPC64: the same with 64 bits each, the flags too. */
  ppc64: {
    flag: 0x0100_0000,
    width: 8,
    bits: 64,
    registers: [["srr0", 8], ...inOrder(PPC_NAMES, 24, 8), ["lr", 296], ["ctr", 304]],
    pc: "srr0",
    sp: "r1",
  },
  /** MDRawContextRISCV64: flags, version or padding, registers. */
  riscv64: { flag: 0x0800_0000, width: 8, bits: 64, registers: inOrder(RISCV_NAMES, 8, 8), pc: "pc", sp: "sp" },
};

/** Reads a context of MIPS, PowerPC or RISC-V; undefined when the bytes are too few or say another CPU. */
export function readRiscContext(cpu: CpuArch, bytes: Uint8Array): CpuContext | undefined {
  const layout = LAYOUTS[cpu];
  if (!layout) return undefined;
  const { flag, width, bits, registers } = layout;
  const size = Math.max(...registers.map(([, offset]) => offset + width));
  if (bytes.length < size) return undefined;
  const view = dataView(bytes);
  const flags = view.getUint32(0, true);
  if ((flags & flag) === 0) return undefined;
  const values = Object.fromEntries(
    registers.map(([name, offset]) => {
      const value = width === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
      return [name, BigInt.asUintN(bits, value)];
    }),
  );
  const pointer = (name: string): VirtualAddress => (values[name] ?? 0n) as VirtualAddress;
  return { cpu, pc: pointer(layout.pc), sp: pointer(layout.sp), flags, registers: values };
}
