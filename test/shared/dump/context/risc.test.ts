import type { CpuArch } from "../../../../shared/dump/address.ts";
import { readContext } from "../../../../shared/dump/context/context.ts";

/** Bytes of a record with values at offsets, as Breakpad's headers lay it out. */
function record(size: number, flags: number, values: readonly (readonly [offset: number, width: 4 | 8, bigint])[]) {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, flags, true);
  for (const [offset, width, value] of values) {
    if (width === 8) view.setBigUint64(offset, value, true);
    else view.setUint32(offset, Number(value), true);
  }
  return bytes;
}

describe("contexts of rarer CPUs", () => {
  const cases: readonly (readonly [CpuArch, Uint8Array, bigint, bigint, Record<string, bigint>])[] = [
    [
      "mips",
      // iregs[29] and [31], epc; 32-bit registers are stored sign-extended.
      record(0x140, 0x40002, [
        [8 + 29 * 8, 8, 0xffff_ffff_8000_1000n],
        [8 + 31 * 8, 8, 0x40_2000n],
        [312, 8, 0x40_1000n],
      ]),
      0x40_1000n,
      0x8000_1000n,
      { ra: 0x40_2000n },
    ],
    [
      "mips64",
      record(0x140, 0x80002, [
        [8 + 29 * 8, 8, 0xff_ffff_1000n],
        [312, 8, 0x12_0000_1000n],
      ]),
      0x12_0000_1000n,
      0xff_ffff_1000n,
      {},
    ],
    [
      "ppc",
      record(0xa0, 0x2000_0001, [
        [4, 4, 0x1000n],
        [12 + 4, 4, 0xbfff_0000n],
        [148, 4, 0x2000n],
      ]),
      0x1000n,
      0xbfff_0000n,
      { lr: 0x2000n },
    ],
    [
      "ppc64",
      record(0x140, 0x0100_0001, [
        [8, 8, 0x1000_1000n],
        [24 + 8, 8, 0x7fff_0000_0000n],
        [296, 8, 0x2000n],
      ]),
      0x1000_1000n,
      0x7fff_0000_0000n,
      { lr: 0x2000n },
    ],
    [
      "riscv64",
      record(0x108, 0x0800_0001, [
        [8, 8, 0x1_1000n],
        [16, 8, 0x1_2000n],
        [24, 8, 0x3f_ffff_0000n],
        [72, 8, 0x3f_ffff_0040n],
      ]),
      0x1_1000n,
      0x3f_ffff_0000n,
      { ra: 0x1_2000n, s0: 0x3f_ffff_0040n },
    ],
  ];

  it.each(cases)("tell instruction, stack and return address: %s", (cpu, bytes, pc, sp, registers) => {
    expect(readContext(cpu, bytes)).toMatchObject({ cpu, pc, sp, registers });
    expect(readContext(cpu, bytes.subarray(0, 0x98))).toBeUndefined();
    expect(readContext(cpu, new Uint8Array(0x200))).toBeUndefined();
  });
});
