import { extractCabinet } from "../../../../shared/adapters/symbols/cabinet.ts";
import { openPdb } from "../../../../shared/symbols/pdb/pdb.ts";
import { describeCorpus } from "../../../support/corpus.ts";
import { corpusBytes, fetched } from "../../../support/symbol-files.ts";

describe("what is no cabinet", () => {
  it.each([new Uint8Array(0), new Uint8Array(100), new TextEncoder().encode("MSCF".padEnd(200, "x"))])(
    "gives nothing",
    async (bytes) => {
      expect(await extractCabinet(bytes)).toBeUndefined();
    },
  );
});

describeCorpus("a compressed PDB", () => {
  it("unpacks whole, and not at all when it is damaged", async () => {
    const packed = corpusBytes("symbols/mozilla_dump_syms/basic32.pd_");
    const bytes = await extractCabinet(packed);
    expect(bytes?.length).toBe(6_590_464);
    expect(openPdb(fetched(bytes as Uint8Array)).debugId).toBe("34060D222DBB44E5AA72243CE8326C2F2");
    expect(await extractCabinet(packed.subarray(0, packed.length / 2))).toBeUndefined();
    const huge = packed.slice();
    new DataView(huge.buffer).setUint32(new DataView(huge.buffer).getUint32(16, true), 0xffff_fff0, true);
    expect(await extractCabinet(huge)).toBeUndefined();
  });
});
