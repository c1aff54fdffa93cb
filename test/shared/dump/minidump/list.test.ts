import { at, struct, u32 } from "../../../../shared/bytes/layout.ts";
import { readExList, readList } from "../../../../shared/dump/minidump/list.ts";
import { Notes } from "../../../../shared/notes.ts";

const ENTRY = struct("ENTRY", 8, { Id: at(0, u32) });

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

describe("readList", () => {
  it("reads entries behind the count, padded or not", () => {
    const notes = new Notes();
    expect(readList(words(2, 10, 0, 11, 0), ENTRY, 9, notes, "X")).toEqual([{ Id: 10 }, { Id: 11 }]);
    expect(readList(words(2, 0, 10, 0, 11, 0), ENTRY, 9, notes, "X")).toEqual([{ Id: 10 }, { Id: 11 }]);
    expect(notes.list()).toEqual([]);
  });

  it("gives the entries that fit when the count is too large", () => {
    const notes = new Notes();
    expect(readList(words(0xffffffff, 10, 0, 11, 0), ENTRY, 9, notes, "X")).toHaveLength(2);
    expect(notes.list()).toMatchObject([{ code: "format.truncated", where: "X" }]);
  });

  it("stops at the limit, with a note", () => {
    const notes = new Notes();
    expect(readList(words(3, 10, 0, 11, 0, 12, 0), ENTRY, 2, notes, "X")).toHaveLength(2);
    expect(notes.list()).toMatchObject([{ code: "limit.entries", where: "X" }]);
  });

  it("refuses a list without a count", () => {
    expect(() => readList(new Uint8Array(3), ENTRY, 2, new Notes(), "X")).toThrow("no count");
  });
});

describe("readExList", () => {
  it("steps by the sizes that its head says", () => {
    const body = words(16, 12, 2, 0, 10, 0, 0, 11, 0, 0);
    expect(readExList(body, ENTRY, 9, new Notes(), "X")).toEqual([{ Id: 10 }, { Id: 11 }]);
  });

  it("refuses heads and entries smaller than their layouts", () => {
    expect(() => readExList(words(8, 8, 1, 0), ENTRY, 9, new Notes(), "X")).toThrow("smaller");
    expect(() => readExList(words(12, 4, 1, 0), ENTRY, 9, new Notes(), "X")).toThrow("smaller");
    expect(() => readExList(words(12, 8), ENTRY, 9, new Notes(), "X")).toThrow("12 bytes");
  });

  it("gives nothing when the head reaches past the end", () => {
    expect(readExList(words(0xfffffff0, 8, 1), ENTRY, 9, new Notes(), "X")).toEqual([]);
  });
});
