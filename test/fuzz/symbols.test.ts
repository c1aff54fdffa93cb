import { randomFrom } from "../support/mutate.ts";
import { textBytes } from "../support/symbol-files.ts";
import { ByteWriter, buildPdb } from "../support/synth/synth-pdb.ts";
import { damage, fuzzSymbols, type SymbolInput, symbolInputs } from "./symbols.ts";

/** The short form of `npm run fuzz:symbols`: always the same damaged copies. */
const COUNT = 2000;
/** Larger files of the corpus are left to the long form. */
const MAX_BYTES = 400 * 1024;

const SYNTHETIC: readonly SymbolInput[] = [
  {
    name: "synthetic.sym",
    kind: "breakpad",
    read: () =>
      textBytes([
        "MODULE windows x86 F05C3C4CA721EEC14C4C44205044422E1 a.pdb",
        "FILE 0 a.c",
        "INLINE_ORIGIN 0 inlined",
        ...Array.from({ length: 40 }, (_, i) => [
          `FUNC ${(i * 0x100).toString(16)} 80 4 f${i}`,
          `INLINE 0 5 0 0 ${(i * 0x100).toString(16)} 20`,
          `${(i * 0x100).toString(16)} 80 ${i} 0`,
          `STACK CFI INIT ${(i * 0x100).toString(16)} 80 .cfa: $esp 4 +`,
        ]).flat(),
        "STACK WIN 4 0 1000 0 0 0 0 0 0 1 $eip .raSearch ^ =",
      ]),
  },
  {
    name: "synthetic.pdb",
    kind: "pdb",
    read: () =>
      buildPdb({
        guid: new Uint8Array(16).fill(7),
        age: 1,
        machine: 0x14c,
        sections: [[0x1000, 0x10_0000]],
        publics: Array.from({ length: 60 }, (_, i) => [`_f${i}@4`, 1, i * 0x80] as const),
        names: ["$eip ="],
        fpo: new ByteWriter().u32(0x1000, 0x2000, 3).u16(2, 0x1305).done(),
        omap: { toSource: [0x1000, 0x1000, 0x2000, 0x5000], fromSource: [0x1000, 0x1000, 0x5000, 0x2000] },
      }),
  },
];

describe("damaged symbol files", () => {
  it("are read, read in part, or refused, never with an untyped error", async () => {
    const inputs = [...SYNTHETIC, ...symbolInputs(MAX_BYTES)];
    const random = randomFrom(20_261_122);
    const found: string[] = [];
    const statuses = new Set<string>();
    for (let index = 0; index < COUNT; index++) {
      const input = inputs[Math.floor((index * inputs.length) / COUNT)] as SymbolInput;
      const seed = Math.floor(random() * 2 ** 32);
      const { bytes, made } = damage(input.read(), seed, input.kind);
      const { status, crash } = await fuzzSymbols(bytes, input.kind);
      statuses.add(status);
      if (crash !== undefined) found.push(`${input.name} seed ${seed} (${made}): ${crash}`);
    }
    expect(found).toEqual([]);
    expect([...statuses].sort()).toEqual(["partly", "read", "refused"]);
  }, 120_000);
});
