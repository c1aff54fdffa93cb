import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateLists } from "../../../scripts/triage-lists.ts";
import { blameRank } from "../../../shared/triage/blame-order.ts";
import { listRows } from "../../../shared/triage/list-rows.ts";
import { BLAME_ORDER } from "../../../shared/triage/lists/generated/blame-order.ts";
import { KERNEL_OWNERS } from "../../../shared/triage/lists/generated/kernel-owners.ts";
import { STOP_BLAME } from "../../../shared/triage/lists/generated/stop-blame.ts";
import { UNIX_OWNERS } from "../../../shared/triage/lists/generated/unix-owners.ts";
import { WINDOWS_OWNERS } from "../../../shared/triage/lists/generated/windows-owners.ts";
import { OwnerList, ownerName } from "../../../shared/triage/owners.ts";

const FOLDER = join(__dirname, "../../../shared/triage/lists");
const OWNER_LISTS = { KERNEL_OWNERS, WINDOWS_OWNERS, UNIX_OWNERS };

describe("triage lists", () => {
  it("have generated modules that are up to date", () => {
    for (const [file, text] of generateLists(FOLDER))
      expect({ file, same: readFileSync(join(FOLDER, "generated", file), "utf8") === text }).toEqual({
        file,
        same: true,
      });
  });

  it.each(Object.entries(OWNER_LISTS))("%s: every entry has a known owner, a reason and its own key", (_name, text) => {
    const rows = listRows(text);
    expect(rows.filter(({ value }) => !/^(ignore|(maybe|last)_(windows|system))$/.test(value))).toEqual([]);
    expect(rows.filter(({ key }) => !/^[\w.$*+-]+(![\w$:]+\*?)?$/.test(key))).toEqual([]);
    expect(rows.filter(({ reason }) => reason.length < 5)).toEqual([]);
    const keys = rows.map(({ key }) => key.toLowerCase());
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it("name every source of candidates once, in their order", () => {
    const order = ["kernel-record", "decoder", "argument", "fault", "stack", "thread", "hint", "guess"] as const;
    expect(listRows(BLAME_ORDER).map(({ key }) => key)).toEqual(order);
    expect(order.map(blameRank)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("know two effects of stop codes", () => {
    for (const { key, value } of listRows(STOP_BLAME)) {
      expect(key).toMatch(/^0x[0-9a-f]+(_[0-9a-f]+)?$/);
      expect(["no-stack", "nobody"]).toContain(value);
    }
  });

  it("answer by the most specific function, then the most specific module", () => {
    const list = new OwnerList(
      [
        "*!memcpy\tignore\t1",
        "nt\tlast_windows\t2",
        "nt!Ke*\tmaybe_windows\t3",
        "nt!KeBug*\tignore\t4",
        "nt*\tmaybe_x\t5",
      ].join("\n"),
    );
    const said = (module: string, symbol?: string) => list.owner(module, symbol).entry;
    expect(said("acme", "memcpy")).toBe("*!memcpy: 1");
    expect(said("NT", "memcpy")).toBe("*!memcpy: 1");
    expect(said("nt", "KeBugCheckEx")).toBe("nt!KeBug*: 4");
    expect(said("nt", "KeWait")).toBe("nt!Ke*: 3");
    expect(said("nt", "ExFree")).toBe("nt: 2");
    expect(said("nt")).toBe("nt: 2");
    expect(said("ntfs", "NtfsWrite")).toBe("nt*: 5");
    expect(list.owner("acme", "AcmeWrite")).toEqual({ ownership: "definite" });
  });

  it.each([
    ["libc-2.13.so", "libc"],
    ["libc.so.6", "libc"],
    ["ld-2.13.so", "ld"],
    ["NTDLL.DLL", "ntdll"],
    ["libobjc.A.dylib", "libobjc.a"],
    ["myfault.sys", "myfault"],
    ["a.out", "a.out"],
  ])("write %s as %s", (file, name) => {
    expect(ownerName(file)).toBe(name);
  });
});
