import { GeckoDemangler } from "../../../../shared/adapters/symbols/demangler.ts";

const gecko = new GeckoDemangler();

describe("the demangler", () => {
  it.each([
    ["_ZNK9__gnu_cxx24__concurrence_lock_error4whatEv", "__gnu_cxx::__concurrence_lock_error::what() const"],
    ["__ZN3foo3barEv", "foo::bar()"],
    ["_RNvC6_123foo3bar", "123foo::bar"],
    ["_ZN4core3fmt9Formatter3pad17h1234567890abcdefE", "core::fmt::Formatter::pad"],
    ["?test1@@YAXPAH@Z", "test1"],
    ["??_7type_info@@6B@", "type_info::`vftable'"],
  ])("reads %s", (mangled, readable) => {
    expect(gecko.demangle(mangled)).toBe(readable);
  });

  it.each(["main", "_main", "_RtlUnwind@16", "_RTC_Initialize", "__crt_rotate", "?", "_Z", "_ZN", "", "Foo::bar(int)"])(
    "leaves %p as it is",
    (name) => {
      expect(gecko.demangle(name)).toBeUndefined();
    },
  );

  it("reads names of Visual C++ as dump_syms writes them when it is asked for that", () => {
    expect(gecko.byLibrary("?test1@@YAXPAH@Z")).toBe("test1(int*)");
  });

  it("outlives names that break it", () => {
    for (const name of [`?${"A".repeat(100_000)}`, `_Z${"P".repeat(8000)}i`, `?x@@YAX${"PA".repeat(4000)}H@Z`]) {
      gecko.byLibrary(name);
      gecko.demangle(`_ZN${"1aI".repeat(2500)}`);
      expect(gecko.byLibrary("?test1@@YAXPAH@Z")).toBe("test1(int*)");
    }
  });
});
