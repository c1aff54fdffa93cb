import type { Comparison } from "./compare.ts";
import type { GeneratedSet } from "./sets.ts";

/** Why a value may differ from the truth, or be left out: one rule each, told in `docs/kernel-dumps.md`. */
interface Explanation {
  readonly reason: string;
  covers(miss: Comparison, set: GeneratedSet): boolean;
}

const leftOut = ({ outcome }: Comparison): boolean => outcome === "not-told";

const build = ({ options, arch }: GeneratedSet): number =>
  Number(options[options.indexOf("--build") + 1] ?? Number.NaN) || (arch === "arm64" ? 22_000 : 19_041);

/** First release whose loader entries keep a time stamp. */
const WINDOWS_10 = 10_240;

const EXPLANATIONS: readonly Explanation[] = [
  {
    reason: "a triage dump holds no list of processes and the record of one processor at most",
    covers: (miss, { type }) => type === "triage" && leftOut(miss) && /^process(es|ors): count$/.test(miss.field),
  },
  {
    reason:
      "of a long list of processes its ends and the part around the crashed one are read, with a note: each record leads only to its neighbours",
    covers: (miss, { options }) => miss.field === "processes: count" && options.includes("1000"),
  },
  {
    reason: "a live dump has no culprit: nothing crashed, nobody is named",
    covers: (miss, { scenario }) => miss.field === "culprit" && scenario === "0x161",
  },
  {
    reason: "a triage dump of the kernel's own writer does not hold NtBuildLab",
    covers: (miss, { type }) => type === "triage" && leftOut(miss) && miss.field === "kernel: build lab",
  },
  {
    reason: "a triage dump keeps 12 characters of an unloaded driver's name",
    covers: (miss, { type }) =>
      type === "triage" && miss.field === "unloaded drivers: name" && miss.ours === miss.truth.slice(0, 12),
  },
  {
    reason: "the entry in the triage dump's list of drivers does not hold it, and no page of the image is in the file",
    covers: (miss, { type }) =>
      type === "triage" && leftOut(miss) && /^modules: (checksum|time stamp)$/.test(miss.field),
  },
  {
    reason:
      "before Windows 10 only the image's header tells its time stamp, and headers of modules that nobody suspects are not read",
    covers: (miss, set) =>
      miss.field === "modules: time stamp" && leftOut(miss) && (set.arch === "x86" || build(set) < WINDOWS_10),
  },
  {
    reason: "trap frames do not hold non-volatile registers: they are to be found by unwinding",
    covers: (miss, { arch }) => miss.field === "fault: non-volatile registers" && leftOut(miss) && arch !== "x86",
  },
  {
    reason:
      "the generator's residue overwrites the first bytes of the record (NumberParameters is above 15), so it is not believed",
    covers: (miss, { arch, scenario }) =>
      miss.field === "fault: exception record" && leftOut(miss) && arch === "x64" && scenario === "0x139_3",
  },
  {
    reason:
      "in the generator's ARM64 world argument 2 of 0x139 is a machine frame and no KTRAP_FRAME, which a report does not show",
    covers: (miss, { arch, scenario }) =>
      miss.field.startsWith("fault: ") && leftOut(miss) && arch === "arm64" && scenario === "0x139_3",
  },
  {
    reason: "the DRIVER_OBJECT that the device of 0x9F's IRP leads to is not in the triage dump",
    covers: (miss, { type, scenario }) => type === "triage" && miss.field === "culprit" && scenario === "0x9F_3",
  },
];

/** The reason of the first rule that covers a miss; undefined when none does. */
export function explain(miss: Comparison, set: GeneratedSet): string | undefined {
  return EXPLANATIONS.find((explanation) => explanation.covers(miss, set))?.reason;
}
