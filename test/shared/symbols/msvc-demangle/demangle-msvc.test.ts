import fc from "fast-check";
import { demangleMsvc } from "../../../../shared/symbols/msvc-demangle/demangle-msvc.ts";
import { MAX_READABLE } from "../../../../shared/symbols/msvc-demangle/mangled-reader.ts";

const VECTOR = "?$vector@HV?$allocator@H@std@@@std@@";

describe("names of Visual C++", () => {
  it.each([
    ["?foo@Bar@@QEAAXH@Z", "Bar::foo"],
    ["?x@@3HA", "x"],
    ["?x@Bar@@2PEAV1@EA", "Bar::x"],
    ["??0Bar@@QEAA@XZ", "Bar::Bar"],
    ["??1Bar@ns@@UEAA@XZ", "ns::Bar::~Bar"],
    ["??BBar@@QEBAPEBDXZ", "Bar::operator char const *"],
    ["??4Bar@@QEAAAEAV0@AEBV0@@Z", "Bar::operator="],
    ["??2@YAPEAX_K@Z", "operator new"],
    ["??_V@YAXPEAX@Z", "operator delete[]"],
    ["??_7Bar@@6B@", "Bar::`vftable'"],
    ["??_7Bar@@6BBase@@@", "Bar::`vftable'"],
    ["??_GBar@@UEAAPEAXI@Z", "Bar::`scalar deleting destructor'"],
    ["??_9Bar@@$BBA@AA", "Bar::`vcall'{16}'"],
    ["??_R0?AVtype_info@@@8", "type_info `RTTI Type Descriptor'"],
    ["??_R1A@?0A@EA@Bar@@8", "Bar::`RTTI Base Class Descriptor at (0,-1,0,64)'"],
    ["??_R4Bar@@6B@", "Bar::`RTTI Complete Object Locator'"],
    ["??_C@_05CJBACGMB@hello?$AA@", "`string'"],
    [`?push@${VECTOR}QEAAXAEBH@Z`, "std::vector<int,std::allocator<int> >::push"],
    ["??$max@N@@YANNN@Z", "max<double>"],
    ["??$f@$0A@$0?0$0BAA@@@YAXXZ", "f<0,-1,256>"],
    ["??$f@P6AHPEBD@Z@@YAXXZ", "f<int (__cdecl*)(char const *)>"],
    ["??$f@PEAP6AXXZ@@YAXXZ", "f<void (__cdecl**)(void)>"],
    ["??$f@P8Bar@@EAAXH@Z@@YAXXZ", "f<void (__cdecl Bar::*)(int)>"],
    ["??$f@PEQBar@@H@@YAXXZ", "f<int Bar::*>"],
    ["??$f@AEAY0M@$$CBD@@YAXXZ", "f<char const (&)[12]>"],
    ["??$f@$1?g@@YAXXZ@@YAXXZ", "f<&g>"],
    ["??$f@$$V@@YAXXZ", "f<>"],
    ["??$f@W4Color@@@@YAXXZ", "f<enum Color>"],
    ["??$f@P6AHHZZ@@YAXXZ", "f<int (__cdecl*)(int,...)>"],
    ["??$f@P6AXXZ$$T@@YAXXZ", "f<void (__cdecl*)(void),std::nullptr_t>"],
    ["?f@?A0x1234abcd@@YAXXZ", "`anonymous namespace'::f"],
    ["?x@?1??f@@YAXXZ@4HA", "`f'::`2'::x"],
    ["?catch$0@?0??f@Bar@@QEAAXXZ@4HA", "`Bar::f'::`1'::catch$0"],
    ["??__Ex@@YAXXZ", "`dynamic initializer for 'x''"],
    ["??__F?x@Bar@@2V1@A@@YAXXZ", "`dynamic atexit destructor for 'Bar::x''"],
    ["??R<lambda_1>@?0??f@@YAXXZ@QEBA@XZ", "`f'::`1'::<lambda_1>::operator()"],
    ["?f@Bar@@$4PPPPPPPM@A@EAAXXZ", "Bar::f"],
    ["?f@Bar@@W7EAAXXZ", "Bar::f"],
    ["?foo@@YAXP6AXP6AXH@Z@Z0@Z", "foo"],
    ["?f@0@@YAXXZ", undefined],
    ["?f@@YAX5@Z", undefined],
    ["??0@QEAA@XZ", undefined],
    ["?", undefined],
    ["??", undefined],
    ["?f", undefined],
    ["?f@@", undefined],
    ["?f@@YAXXZjunk", undefined],
    ["f@@YAXXZ", undefined],
  ])("read %s", (mangled, readable) => {
    expect(demangleMsvc(mangled)).toBe(readable);
  });

  it("may refer to names and types of their own level only", () => {
    // `f` is 0 outside of the template; within, 0 is `A` and there is no other.
    expect(demangleMsvc("?f@?$A@V0@@1@YAXXZ")).toBe("A<A>::A<A>::f");
    expect(demangleMsvc("?f@?$A@V1@@@@YAXXZ")).toBeUndefined();
    expect(demangleMsvc("?f@?$T@VA@@V1@@B@0@YAXXZ")).toBe("f::B::T<A,A>::f");
  });
});

describe("hostile names", () => {
  const LETTERS = [
    ..."?@$_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789xyz",
    "?$",
    "$$",
    "@@",
    "P6A",
    "?A0x",
    "YAXXZ",
    "QEAA",
    "V0@",
  ];

  it("of any letters end, and not in more text than is allowed", () => {
    const name = fc.array(fc.constantFrom(...LETTERS), { maxLength: 200 }).map((parts) => `?${parts.join("")}`);
    fc.assert(
      fc.property(name, (text) => {
        expect((demangleMsvc(text) ?? "").length).toBeLessThanOrEqual(MAX_READABLE);
      }),
      { numRuns: 5000 },
    );
  });

  it("that nest without end are refused", () => {
    expect(demangleMsvc(`??$f@${"P".repeat(8000)}H@@YAXXZ`)).toBeUndefined();
    expect(demangleMsvc(`??$f@${"V?$a@".repeat(1500)}`)).toBeUndefined();
    expect(demangleMsvc(`?f${"@?0??f".repeat(1200)}`)).toBeUndefined();
    expect(demangleMsvc(`?${"A".repeat(9000)}@@YAXXZ`)).toBeUndefined();
  });

  it("that grow by references are refused", () => {
    // Each parameter is a function of nine of the parameter before.
    const level = (inner: string): string => `P6AX${inner}00000000@Z`;
    let type = "PEAVa_rather_long_name_to_repeat@@";
    for (let depth = 0; depth < 9; depth++) type = level(type);
    const started = process.cpuUsage().user;
    expect(demangleMsvc(`??$f@${type}@@YAXXZ`)?.length ?? 0).toBeLessThanOrEqual(MAX_READABLE);
    expect(process.cpuUsage().user - started).toBeLessThan(2_000_000);
  });
});
