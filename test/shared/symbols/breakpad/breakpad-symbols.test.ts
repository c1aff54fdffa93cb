import { FormatError } from "../../../../shared/bytes/errors.ts";
import { BreakpadIndexer } from "../../../../shared/symbols/breakpad/breakpad-index.ts";
import { openBreakpad, textBytes } from "../../../support/symbol-files.ts";

const FILE = [
  "MODULE windows x86 F05C3C4CA721EEC14C4C44205044422E1 my file.pdb",
  "INFO CODE_ID 8B038FE91b000 helper.dll",
  "FILE 0 c:\\src\\a file.cpp",
  "FILE 1 /src/b.h",
  "INLINE_ORIGIN 0 std::swap<int, int>(int&, int&)",
  "INLINE_ORIGIN 1 1 more",
  "FUNC m 2000 10 8 shared twice",
  "2000 10 7 0",
  "FUNC 1000 40 c main(int, char**)",
  "INLINE 0 11 0 0 1010 8 1020 4",
  "INLINE 1 22 1 1 1012 2",
  "1000 10 10 0",
  "1010 8 33 1",
  "1018 8 12 0",
  "1020 4 34 1",
  "FUNC 1010 4 0 nested",
  "PUBLIC 900 4 before",
  "PUBLIC m 3000 0 after",
  "PUBLIC 1800 0 between",
  "STACK CFI INIT 1000 40 .cfa: $esp 4 + .ra: .cfa 4 - ^",
  "STACK CFI 1001 .cfa: $esp 8 + $ebp: .cfa 8 - ^",
  "STACK CFI 1030 .cfa: $ebp 8 +",
  "STACK WIN 0 1000 40 3 0 c 4 8 0 0 1",
  "STACK WIN 4 1000 40 3 0 c 4 8 2 1 $T0 $ebp = $eip $T0 4 + ^ =",
  "STACK WIN 4 1003 3d 0 0 c 4 8 2 1 $T0 .raSearch =",
  "STACK WIN 0 2000 10 0 0 8 c 10 0 0 0",
];

describe("a Breakpad symbol file", () => {
  const symbols = openBreakpad(textBytes(FILE));

  it("states its identity", () => {
    expect(symbols.debugId).toBe("F05C3C4CA721EEC14C4C44205044422E1");
  });

  it("tells function, line and file", () => {
    expect(symbols.lookup(0x1005)).toEqual({
      name: "main(int, char**)",
      rawName: "main(int, char**)",
      rva: 0x1000,
      size: 0x40,
      parameterSize: 12,
      file: "c:\\src\\a file.cpp",
      line: 10,
      inlines: [],
    });
    expect(symbols.lookup(0x200f)).toMatchObject({ name: "shared twice", parameterSize: 8, line: 7 });
  });

  it("tells inlined functions, outermost first, each at its own place", () => {
    expect(symbols.lookup(0x1014)).toMatchObject({
      file: "c:\\src\\a file.cpp",
      line: 11,
      inlines: [{ name: "std::swap<int, int>(int&, int&)", file: "/src/b.h", line: 33 }],
    });
    expect(symbols.lookup(0x1021)).toMatchObject({ line: 11, inlines: [{ line: 34 }] });
  });

  it("takes the inner of nested functions, and the outer behind it", () => {
    expect(symbols.lookup(0x1013)?.name).toBe("nested");
    expect(symbols.lookup(0x103f)?.name).toBe("main(int, char**)");
  });

  it("takes a public symbol only where no function lies between", () => {
    expect(symbols.lookup(0xfff)).toMatchObject({ name: "before", rva: 0x900, parameterSize: 4 });
    expect(symbols.lookup(0x1900)?.name).toBe("between");
    expect(symbols.lookup(0x1100)).toBeUndefined();
    expect(symbols.lookup(0x10)).toBeUndefined();
    expect(symbols.lookup(0x2fff)).toBeUndefined();
    expect(symbols.lookup(0x4000)?.name).toBe("after");
  });

  it("says which addresses lie in functions", () => {
    expect([0x1000, 0x1040, 0x10, 0x1801].map((rva) => symbols.covers(rva))).toEqual([true, false, false, undefined]);
  });

  it("gives the unwind rules in force", () => {
    expect(symbols.cfi(0x1000)?.rules).toEqual(
      new Map([
        [".cfa", "$esp 4 +"],
        [".ra", ".cfa 4 - ^"],
      ]),
    );
    expect(symbols.cfi(0x1030)?.rules).toEqual(
      new Map([
        [".cfa", "$ebp 8 +"],
        [".ra", ".cfa 4 - ^"],
        ["$ebp", ".cfa 8 - ^"],
      ]),
    );
    expect(symbols.cfi(0x1040)).toBeUndefined();
  });

  it("gives frame data before FPO, the one that starts nearest", () => {
    expect(symbols.frameData(0x1004)).toEqual({
      type: "frame-data",
      rva: 0x1003,
      codeSize: 0x3d,
      prologSize: 0,
      paramSize: 12,
      savedRegSize: 4,
      localSize: 8,
      maxStack: 2,
      program: "$T0 .raSearch =",
      usesBp: false,
    });
    expect(symbols.frameData(0x1002)?.program).toBe("$T0 $ebp = $eip $T0 4 + ^ =");
    expect(symbols.frameData(0x2001)).toMatchObject({ type: "fpo", savedRegSize: 12, localSize: 16, usesBp: false });
    expect(symbols.frameData(0x5000)).toBeUndefined();
  });

  it("reads the same in pieces of any size and with either line end", () => {
    const [unix, dos] = [FILE, FILE.map((line) => `${line}\r`)].map(textBytes) as [Uint8Array, Uint8Array];
    const asked = [0x1005, 0x1014, 0x1013, 0x1900, 0x4000];
    const expected = asked.map((rva) => symbols.lookup(rva));
    for (const piece of [1, 2, 7, 64, 1000]) {
      for (const bytes of [unix, dos]) {
        const again = openBreakpad(bytes, piece);
        expect(asked.map((rva) => again.lookup(rva))).toEqual(expected);
        expect(again.cfi(0x1030)).toEqual(symbols.cfi(0x1030));
      }
    }
  });
});

describe("a damaged Breakpad symbol file", () => {
  it("is refused without its first line", () => {
    expect(() => openBreakpad(textBytes(["FUNC 0 1 0 x"]))).toThrow(FormatError);
    expect(() => openBreakpad(new Uint8Array(0))).toThrow(FormatError);
    expect(() => openBreakpad(new Uint8Array(3 * 1024 * 1024).fill(0x41))).toThrow(FormatError);
  });

  it("passes lines that make no sense and counts them", () => {
    const indexer = new BreakpadIndexer();
    indexer.push(
      textBytes([
        FILE[0] as string,
        "FUNC xyz 1 0 a",
        "FUNC ffffffffff 1 0 far",
        "1 1 1 1",
        "Hello",
        "FUNC 10 5 0 good",
      ]),
    );
    const index = indexer.finish();
    expect([index.badLines, index.functions.count]).toEqual([4, 1]);
  });

  it("passes a line longer than any, whatever the pieces", () => {
    const bytes = textBytes([FILE[0] as string, `PUBLIC 10 0 ${"x".repeat(3_000_000)}`, "FUNC 20 5 0 good"]);
    const symbols = openBreakpad(bytes, 10_000);
    expect(symbols.lookup(0x21)?.name).toBe("good");
    expect(symbols.lookup(0x11)).toBeUndefined();
  });
});
