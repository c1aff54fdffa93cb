import { openPdb, STREAM } from "../../../../shared/symbols/pdb/pdb.ts";
import { PdbTypes } from "../../../../shared/symbols/pdb/pdb-types.ts";
import { TypeRecords } from "../../../../shared/symbols/pdb/type-records.ts";
import { describeCorpus } from "../../../support/corpus.ts";
import { corpusBytes, fetched } from "../../../support/symbol-files.ts";

/** Sizes and offsets of Windows' own structures, as winnt.h lays them out on the CPU of each PDB. */
const X64 = {
  _CONTEXT: {
    size: 0x4d0,
    fields: { ContextFlags: 0x30, Rax: 0x78, Rip: 0xf8, Xmm0: 0x1a0, LastExceptionFromRip: 0x4c8 },
  },
  _EXCEPTION_RECORD: { size: 0x98, fields: { ExceptionCode: 0, ExceptionAddress: 0x10, ExceptionInformation: 0x20 } },
};
const X86 = {
  _CONTEXT: { size: 0x2cc, fields: { ContextFlags: 0, Eax: 0xb0, Eip: 0xb8, Esp: 0xc4, ExtendedRegisters: 0xcc } },
  _EXCEPTION_RECORD: { size: 0x50, fields: { ExceptionCode: 0, ExceptionAddress: 0xc, ExceptionInformation: 0x14 } },
};

describeCorpus("type records of real PDBs", () => {
  it.each([STREAM.tpi, STREAM.ipi])("are found by marks as by reading stream %i whole", (number) => {
    const { msf } = openPdb(fetched(corpusBytes("symbols/getsentry_symbolic/CrashWithException.pdb")));
    const [whole, marked] = [new TypeRecords(msf, number), new TypeRecords(msf, number, 0)];
    let count = 0;
    for (const { index, leaf } of whole.all()) {
      const [a, b] = [whole.record(index), marked.record(index)];
      expect([a?.leaf, b?.leaf, b?.data.left]).toEqual([leaf, leaf, a?.data.left]);
      count += 1;
    }
    const [first, end] = whole.range;
    expect(count).toBe(end - first);
    expect([first - 1, end].map((index) => marked.record(index))).toEqual([undefined, undefined]);
  });

  it.each([
    ["symbols/getsentry_symbolic/CrashWithException.pdb", X64],
    ["symbols/getsentry_symbolic/crash.pdb", X86],
  ])("lay out %s as the headers do", (path, expected) => {
    const types = new PdbTypes(openPdb(fetched(corpusBytes(path))));
    for (const [type, { size, fields }] of Object.entries(expected)) {
      expect([type, types.sizeOf(type)]).toEqual([type, size]);
      const found = Object.keys(fields).map((field) => [field, types.offsetOf(type, field)]);
      expect(Object.fromEntries(found)).toEqual(fields);
    }
  });
});
