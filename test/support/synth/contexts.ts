/** CPU contexts as bytes; offsets from the format's own description of CONTEXT for each CPU. */

export type SynthCpu = "x86" | "amd64" | "arm" | "arm64" | "arm64-old";

type Place = readonly [offset: number, bytes: 2 | 4 | 8];

const X86: Record<string, Place> = {
  gs: [0x8c, 4],
  fs: [0x90, 4],
  es: [0x94, 4],
  ds: [0x98, 4],
  edi: [0x9c, 4],
  esi: [0xa0, 4],
  ebx: [0xa4, 4],
  edx: [0xa8, 4],
  ecx: [0xac, 4],
  eax: [0xb0, 4],
  ebp: [0xb4, 4],
  eip: [0xb8, 4],
  cs: [0xbc, 4],
  efl: [0xc0, 4],
  esp: [0xc4, 4],
  ss: [0xc8, 4],
};

const AMD64_ORDER = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip".split(" ");
const AMD64: Record<string, Place> = {
  cs: [0x38, 2],
  ss: [0x42, 2],
  efl: [0x44, 4],
  ...Object.fromEntries(AMD64_ORDER.map((name, i) => [name, [0x78 + i * 8, 8] as const])),
};

const ARM: Record<string, Place> = {
  ...Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`r${i}`, [4 + i * 4, 4] as const])),
  sp: [0x38, 4],
  lr: [0x3c, 4],
  pc: [0x40, 4],
  cpsr: [0x44, 4],
};

const ARM64: Record<string, Place> = {
  cpsr: [4, 4],
  ...Object.fromEntries(Array.from({ length: 29 }, (_, i) => [`x${i}`, [8 + i * 8, 8] as const])),
  fp: [0xf0, 8],
  lr: [0xf8, 8],
  sp: [0x100, 8],
  pc: [0x108, 8],
};

const ARM64_OLD: Record<string, Place> = {
  ...Object.fromEntries(Array.from({ length: 29 }, (_, i) => [`x${i}`, [8 + i * 8, 8] as const])),
  fp: [0xf0, 8],
  lr: [0xf8, 8],
  sp: [0x100, 8],
  pc: [0x108, 8],
  cpsr: [0x110, 4],
};

const KINDS: Record<SynthCpu, { size: number; flagsAt: number; flags: number; places: Record<string, Place> }> = {
  x86: { size: 0x2cc, flagsAt: 0, flags: 0x1007f, places: X86 },
  amd64: { size: 0x4d0, flagsAt: 0x30, flags: 0x10001f, places: AMD64 },
  arm: { size: 0x170, flagsAt: 0, flags: 0x40000006, places: ARM },
  arm64: { size: 0x390, flagsAt: 0, flags: 0x400007, places: ARM64 },
  "arm64-old": { size: 0x31c, flagsAt: 0, flags: 0x80000006, places: ARM64_OLD },
};

/** Bytes of a CONTEXT with the named registers set and all else zero. An unknown name throws. */
export function synthContext(
  cpu: SynthCpu,
  registers: Readonly<Record<string, number | bigint>>,
  flags?: number,
): Uint8Array {
  const kind = KINDS[cpu];
  const bytes = new Uint8Array(kind.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(kind.flagsAt, (flags ?? kind.flags) >>> 0, true);
  for (const [name, value] of Object.entries(registers)) {
    const place = kind.places[name];
    if (!place) throw new RangeError(`${cpu} has no register ${name}`);
    const [offset, size] = place;
    if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
    else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
    else view.setUint16(offset, Number(value), true);
  }
  return bytes;
}
