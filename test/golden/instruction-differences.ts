import type { CrashReport } from "../../shared/report/crash-report.ts";

/** What `crash_info` of either report says of the failing instruction, in a form that compares. */
export interface InstructionView {
  readonly decoded: boolean;
  /** `read 0x… 4`, sorted. */
  readonly accesses: readonly string[];
  readonly adjusted: string | null;
  /** Address and register of each candidate. */
  readonly flips: readonly string[];
  readonly inconsistencies: readonly string[];
  readonly target: string | null;
}

type CrashInfo = Partial<CrashReport["crash_info"]>;

/** The view of one report. An access without a kind (rust-minidump knows it of common opcodes only) is written `?`. */
export function viewOf(info: CrashInfo): InstructionView {
  const { adjusted_address: adjusted } = info;
  return {
    decoded: typeof info.instruction === "string",
    accesses: (info.memory_accesses ?? [])
      .map(({ access_type, address, size, is_likely_guard_page }) =>
        [access_type ?? "?", address, size, ...(is_likely_guard_page ? ["guard"] : [])].join(" "),
      )
      .sort(),
    adjusted: adjusted ? `${adjusted.kind} ${adjusted.address ?? adjusted.offset}` : null,
    flips: (info.possible_bit_flips ?? []).map(({ address, source_register }) => `${source_register} ${address}`),
    inconsistencies: info.crash_inconsistencies ?? [],
    target: info.instruction_pointer_update?.address ?? null,
  };
}

/** One reason for which the oracle says something else, with the dumps where it does. */
export interface Difference {
  readonly field: keyof InstructionView;
  readonly why: string;
  /** The difference is exactly this one: anything else fails the test. */
  readonly accepts: (oracle: InstructionView, ours: InstructionView, report: CrashReport) => boolean;
  /** How many dumps of the corpus have it. */
  readonly dumps: number;
}

const isNull = (text: string | null): boolean =>
  text?.startsWith("null-pointer 0x") === true && Number(text.slice(13)) < 0x1_0000;

/**
 * Differences from rust-minidump 0.27, each looked up in the bytes. Where both decode, the accesses, targets and
 * adjusted addresses are otherwise equal.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    field: "decoded",
    why: "it disassembles x64 only; these are x86",
    accepts: (oracle, ours, report) => !oracle.decoded && ours.decoded && report.system_info.cpu_arch === "x86",
    dumps: 15,
  },
  {
    field: "accesses",
    why: "as above: x86",
    accepts: (oracle, ours, report) =>
      oracle.accesses.length === 0 && ours.accesses.length === 1 && report.system_info.cpu_arch === "x86",
    dumps: 15,
  },
  {
    field: "accesses",
    why: "it does not know what divisions and SSE loads do with their operand",
    accepts: (oracle, ours) => ours.accesses.join() === oracle.accesses.join().replace(/^\?/, "read"),
    dumps: 6,
  },
  {
    field: "accesses",
    why: "it counts an address relative to RIP from the start of the instruction; processors count from its end",
    accepts: (oracle, ours) => {
      const address = (view: InstructionView): bigint => BigInt(view.accesses[0]?.split(" ")[1] ?? 0);
      return address(ours) - address(oracle) === 7n && ours.accesses.length === 1;
    },
    dumps: 2,
  },
  {
    field: "inconsistencies",
    why: "as above: the access that failed is the one of the instruction",
    accepts: (oracle, ours) =>
      oracle.inconsistencies.join() === "crashing_access_not_found_in_memory_accesses" &&
      ours.inconsistencies.length === 0,
    dumps: 2,
  },
  {
    field: "inconsistencies",
    why: "a quotient that did not fit, which Wine reports as a division by zero: the divisor is -1; ours says so",
    accepts: (oracle, ours) =>
      oracle.inconsistencies.length === 0 && ours.inconsistencies.join() === "int_div_by_zero_divisor_not_zero",
    dumps: 2,
  },
  {
    field: "adjusted",
    why: "it asks for a base register of 0; a small one, an absolute operand, and x86 are null pointers with an offset too",
    accepts: (oracle, ours) => oracle.adjusted === null && isNull(ours.adjusted),
    dumps: 12,
  },
  {
    field: "adjusted",
    why: "it takes address 0 for a protection fault on Linux only with SI_KERNEL, which Breakpad does not write; the operand is not canonical",
    accepts: (oracle, ours) => oracle.adjusted === null && ours.adjusted === "non-canonical 0x6172747320746f6e",
    dumps: 1,
  },
  {
    field: "flips",
    why: "it flips bits of addresses in the first 64 KiB (null pointers) and of exceptions that are no access: 0x400000 is where programs start",
    accepts: (oracle, ours) => ours.flips.length === 0 && /^null 0x00000000004000[04][05]$/.test(oracle.flips.join()),
    dumps: 6,
  },
  {
    field: "flips",
    why: "it takes a size of 16 MB in an index register (one bit is set) for a null pointer with a flipped bit",
    accepts: (oracle, ours) => ours.flips.length === 0 && oracle.flips.join() === "r8 0x0000000000000000",
    dumps: 4,
  },
];
