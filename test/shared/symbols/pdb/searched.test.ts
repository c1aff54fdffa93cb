import { AddressSpace } from "../../../../shared/symbols/pdb/address-space.ts";
import { readContributions } from "../../../../shared/symbols/pdb/dbi-modules.ts";
import { type DbiParts, openPdb } from "../../../../shared/symbols/pdb/pdb.ts";
import { readPublics } from "../../../../shared/symbols/pdb/publics.ts";
import { lastAtMost } from "../../../../shared/symbols/pdb/wide-search.ts";
import { corpusFiles, describeCorpus } from "../../../support/corpus.ts";
import { corpusBytes, fetched } from "../../../support/symbol-files.ts";

/** Parts of large PDBs are searched by range where those of small ones are read whole: both must say the same. */
describeCorpus("parts of a PDB that are searched", () => {
  const files = corpusFiles("", ".pdb").filter((path) => corpusBytes(path)[0] === 0x4d);

  it.each(files)("give what is read whole: %s", (path) => {
    const pdb = openPdb(fetched(corpusBytes(path)));
    const dbi = pdb.dbi as DbiParts;
    const space = new AddressSpace(pdb.msf, dbi);
    const [publics, searchedPublics] = [readPublics(pdb.msf, dbi, space), readPublics(pdb.msf, dbi, space, 0)];
    const [pieces, searchedPieces] = [
      readContributions(pdb.msf, dbi, space),
      readContributions(pdb.msf, dbi, space, 0),
    ];
    const different: unknown[] = [];
    let asked = 0;
    for (let address = 0x1000; address < 0xc0_0000; address += 0x531) {
      if (!space.sectionOf(address)?.executable) continue;
      asked += 1;
      const whole = [publics.below(address)?.start, pieces.compilandAt(address)];
      const searched = [searchedPublics.below(address)?.start, searchedPieces.compilandAt(address)];
      if (JSON.stringify(whole) !== JSON.stringify(searched)) different.push([address, whole, searched]);
    }
    expect(asked).toBeGreaterThan(0);
    expect(different).toEqual([]);
  });
});

describe("a search that asks for many keys at once", () => {
  it("finds the last key at or below, in three questions among 200,000", () => {
    const keys = Array.from({ length: 200_000 }, (_, index) => index * 3 + 1);
    for (const wanted of [0, 1, 2, 3, 4, 299_999, 599_998, 600_000, 1e9]) {
      let questions = 0;
      const found = lastAtMost(keys.length, wanted, (indices) => {
        questions += 1;
        return indices.map((index) => keys[index] as number);
      });
      expect(found).toBe(keys.findLastIndex((key) => key <= wanted));
      expect(questions).toBeLessThanOrEqual(3);
    }
    expect(lastAtMost(0, 5, () => [])).toBe(-1);
  });

  it("ends among keys that do not ascend", () => {
    let questions = 0;
    lastAtMost(1_000_000, 7, (indices) => {
      questions += 1;
      return indices.map((index) => (index * 2_654_435_761) % 13);
    });
    expect(questions).toBeLessThan(10);
  });
});
