import { extractCabinet } from "../../../../shared/adapters/symbols/cabinet.ts";
import { demangleMsvc } from "../../../../shared/symbols/msvc-demangle/demangle-msvc.ts";
import { AddressSpace } from "../../../../shared/symbols/pdb/address-space.ts";
import { Cursor } from "../../../../shared/symbols/pdb/cursor.ts";
import { type DbiParts, openPdb } from "../../../../shared/symbols/pdb/pdb.ts";
import { PdbSymbols } from "../../../../shared/symbols/pdb/pdb-symbols.ts";
import { forEachSymbol, SYMBOL } from "../../../../shared/symbols/pdb/symbol-records.ts";
import { KEEP_NAMES } from "../../../../shared/symbols/symbol-file.ts";
import { corpusFiles, describeCorpus } from "../../../support/corpus.ts";
import { corpusBytes, fetched } from "../../../support/symbol-files.ts";

/** Mangled public names and the compiler's own names of the functions at the same addresses, where both are one. */
function pairs(bytes: Uint8Array, into: Map<string, string>): void {
  const pdb = openPdb(fetched(bytes));
  const dbi = pdb.dbi as DbiParts;
  const space = new AddressSpace(pdb.msf, dbi);
  const procedures = new Map<number, Set<string>>();
  const publics = new Map<number, Set<string>>();
  const add = (to: Map<number, Set<string>>, at: number, name: string): void => {
    to.set(at, (to.get(at) ?? new Set()).add(name));
  };
  for (const compiland of new PdbSymbols(pdb, KEEP_NAMES).compilands()) {
    for (const { start, name } of compiland.procedures()) add(procedures, start, name);
  }
  const records = dbi.records?.bytes(0, dbi.records.size) ?? new Uint8Array(0);
  forEachSymbol(records, 0, (cursor, kind, offset) => {
    if (kind !== SYMBOL.public32) return true;
    cursor.skip(4);
    const at = cursor.u32();
    const linked = space.linked(cursor.u16(), at);
    const name = new Cursor(records, offset + 14).text();
    if (linked !== undefined && name.startsWith("?")) add(publics, linked, name);
    return true;
  });
  for (const [at, names] of publics) {
    const own = procedures.get(at);
    // Folded functions share an address, and nobody says which name goes with which.
    if (own?.size === 1 && names.size === 1) into.set([...names][0] as string, [...own][0] as string);
  }
}

describeCorpus("names of Visual C++ beside what the compiler calls the same functions", () => {
  it("are the same but for two habits of old compilers", async () => {
    const all = new Map<string, string>();
    const files = [...corpusFiles("symbols", ".pdb", ".pd_"), ...corpusFiles("windows-x64", ".pdb")];
    for (const path of files) {
      const packed = corpusBytes(path);
      const bytes = path.endsWith("_") ? await extractCabinet(packed) : packed;
      const portable = bytes && String.fromCharCode(...bytes.subarray(0, 4)) === "BSJB";
      if (bytes && !portable) pairs(bytes, all);
    }
    const different = [...all].filter(([mangled, name]) => demangleMsvc(mangled) !== name);
    // Destructors of one file lack the arguments that those of all others have; one array of constants lost its const.
    const others = different.filter(
      ([mangled, name]) => !(name.includes("::~") && (demangleMsvc(mangled) ?? "").startsWith(name)),
    );
    expect(others.map(([mangled]) => mangled.slice(0, 24))).toEqual(["??$initialize_from_array"]);
    expect([all.size, different.length]).toEqual([1989, 5]);
  });
});
