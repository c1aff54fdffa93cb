/** Which dumps are generated: every scenario in every type, then what else can differ. */

/** One dump to generate. */
export interface GeneratedSet {
  /** Row of the table. */
  readonly group: string;
  readonly arch: "x64" | "x86" | "arm64";
  readonly scenario: string;
  readonly type: string;
  /** The generator's options. */
  readonly options: readonly string[];
}

export const SCENARIOS = {
  x64: (
    "0xD1 0xA 0x50 0x3B 0x7E 0x1000007E 0x1E 0x139_3 0x9F_3 0x133_1 0x124 0xC0000218 0x116 0xCE 0x1A_41792 0xEF 0xC2 " +
    "0xF4 0x161 0x7F_8"
  ).split(" "),
  x86: ["0xD1", "0x8E", "0x7E", "0xC0000218"],
  arm64: ["0xD1", "0x7E", "0x1E", "0x139_3"],
} as const;

/** Types that hold physical memory. */
export const MEMORY_TYPES =
  "full bitmap-full bitmap-kernel automatic active live kernel kernel-user complete summary".split(" ");
const X86_TYPES = ["full", "summary", "bitmap-full", "bitmap-kernel"];
export const BUILDS = "7601 9600 10240 15063 16299 17134 17763 18362 19041".split(" ");
const TRIAGE_STYLES = ["dbgeng", "kernel"];

type Arch = GeneratedSet["arch"];

/** Every set, or about one of eleven for `--quick`: of each group some. */
export function generatedSets(quick: boolean): GeneratedSet[] {
  const sets = [
    ...everyScenario(),
    ...builds(),
    ...x86(),
    ...arm64(),
    ...exotic(),
    ...bigWorlds(quick),
    ...disguised(),
  ];
  return quick ? sets.filter((set, index) => index % 13 === 0 || set.group === BIG) : sets;
}

const BIG = "300 modules, 1000 processes";

function set(group: string, arch: Arch, scenario: string, type: string, rest: readonly string[] = []): GeneratedSet {
  const ram = rest.includes("--ram-gib") ? [] : ["--ram-gib", "1"];
  const cpu = arch === "x64" ? [] : ["--arch", arch];
  return { group, arch, scenario, type, options: ["--scenario", scenario, "--type", type, ...cpu, ...ram, ...rest] };
}

function everyScenario(): GeneratedSet[] {
  return SCENARIOS.x64.flatMap((scenario) => [
    ...MEMORY_TYPES.map((type) => set("x64, every scenario and type", "x64", scenario, type)),
    // There is no triage dump of a live system.
    ...(scenario === "0x161" ? [] : TRIAGE_STYLES).map((style) =>
      set("x64, triage, every scenario", "x64", scenario, "triage", ["--triage-style", style]),
    ),
  ]);
}

function builds(): GeneratedSet[] {
  const crossed = BUILDS.flatMap((build) => ["2", "3"].map((seed) => ["--build", build, "--seed", seed]));
  return crossed.flatMap((rest) =>
    ["0xD1", "0x7E", "0x9F_3", "0x7F_8"].flatMap((scenario) =>
      ["full", "bitmap-kernel", "triage"].map((type) => set("x64, 9 builds, 2 seeds", "x64", scenario, type, rest)),
    ),
  );
}

function x86(): GeneratedSet[] {
  return SCENARIOS.x86.flatMap((scenario) =>
    ["7601", "19041"].flatMap((build) => [
      ...X86_TYPES.map((type) => set("x86 PAE", "x86", scenario, type, ["--build", build])),
      set("x86 triage", "x86", scenario, "triage", ["--build", build]),
      set("x86 triage", "x86", scenario, "triage", ["--build", build, "--stride12"]),
      set("x86 PAE", "x86", scenario, "full", ["--build", build, "--pdpt-offset", "0x20"]),
    ]),
  );
}

function arm64(): GeneratedSet[] {
  return SCENARIOS.arm64.flatMap((scenario) => [
    ...MEMORY_TYPES.map((type) => set("ARM64", "arm64", scenario, type)),
    ...["full", "bitmap-kernel"].map((type) => set("ARM64", "arm64", scenario, type, ["--pac", "--seed", "5"])),
    ...TRIAGE_STYLES.map((style) => set("ARM64 triage", "arm64", scenario, "triage", ["--triage-style", style])),
  ]);
}

function exotic(): GeneratedSet[] {
  return ["17134", "19041"].flatMap((build) =>
    ["0x3B", "0xD1", "0x50", "0x116", "0xCE"].flatMap((scenario) =>
      ["full", "bitmap-full", "bitmap-kernel", "kernel-user"].map((type) =>
        set("x64, exotic tables", "x64", scenario, type, ["--exotic", "--ram-gib", "4", "--build", build]),
      ),
    ),
  );
}

function bigWorlds(quick: boolean): GeneratedSet[] {
  const scenarios = quick ? ["0x3B"] : ["0x3B", "0xD1", "0x9F_3", "0xEF"];
  const types = quick ? ["bitmap-kernel"] : ["full", "bitmap-full", "bitmap-kernel", "live", "kernel"];
  const rest = ["--modules", "300", "--processes", "1000"];
  return scenarios.flatMap((scenario) => types.map((type) => set(BIG, "x64", scenario, type, rest)));
}

function disguised(): GeneratedSet[] {
  const group = "x64, encoded KDBG, swizzled entries";
  return ["full", "bitmap-kernel", "kernel-user"].flatMap((type) => [
    set(group, "x64", "0xD1", type, ["--encode-kdbg"]),
    set(group, "x64", "0x7E", type, ["--pte-swizzle", "0x200000000000"]),
    set(group, "x64", "0x7E", type, ["--pte-swizzle", "0x8000000000"]),
  ]);
}
