import type { Dump } from "../dump/dump.ts";
import { listRows } from "./list-rows.ts";
import { DEFAULT_BUCKETS } from "./lists/generated/default-buckets.ts";
import type { StopFacts } from "./stop-codes/stop-facts.ts";

/** BUGCHECK_STR, DEFAULT_BUCKET_ID and FAILURE_BUCKET_ID of kernel dumps (formats/analyze.md §3 and §4). */

const STATUS_ACCESS_VIOLATION = 0xc0000005n;
/** Stop codes whose first argument selects the failure: `0x1a_41792`, `0x139_3`. */
const SUBTYPED_BY_FIRST: ReadonlySet<number> = new Set([0x1a, 0x19, 0xc2, 0xc4, 0x139, 0x9f, 0x124, 0x10d, 0x13a]);
/** Stop codes that report an unhandled exception; the number is the argument with its code. */
const EXCEPTION_ARGUMENT: ReadonlyMap<number, number> = new Map([
  [0x1e, 0],
  [0x3b, 0],
  [0x7e, 0],
  [0x8e, 0],
  [0x135, 1],
]);
/** Stop codes that are access violations by themselves: current engines print `AV`. */
const ACCESS_VIOLATIONS: ReadonlySet<number> = new Set([0x0a, 0xd1]);

/**
 * A stop code without the bit that says "rewritten for a minidump": 0x1000007E is the same failure as
 * 0x7E. An NTSTATUS used as a stop code (0xC0000218) keeps its severity bits.
 */
export function plainStopCode(code: number): number {
  return code >>> 28 === 1 ? code & 0x0fffffff : code;
}

/** BUGCHECK_STR as current engines form it. */
export function bugcheckStr(dump: Dump): string {
  const bugcheck = dump.bugcheck;
  if (!bugcheck) return "";
  const code = plainStopCode(bugcheck.code);
  const hex = code > 0xffff ? code.toString(16) : code.toString(16).toUpperCase();
  const [first] = bugcheck.parameters;
  const exceptionArgument = EXCEPTION_ARGUMENT.get(code);
  if (exceptionArgument !== undefined) {
    const exception = BigInt.asUintN(32, bugcheck.parameters[exceptionArgument] as bigint);
    return exception === STATUS_ACCESS_VIOLATION ? "AV" : `0x${hex}_${exception.toString(16)}`;
  }
  if (ACCESS_VIOLATIONS.has(code)) return "AV";
  if (code === 0x133) return first === 1n ? "0x133_ISR" : "0x133_DPC";
  if (code === 0x7f) return `0x7f_${first.toString(16)}`;
  if (SUBTYPED_BY_FIRST.has(code)) return `0x${hex}_${BigInt.asUintN(32, first).toString(16)}`;
  return `0x${hex}`;
}

/** Coarse classes of single stop codes (lists/default-buckets.txt). */
const OWN_CLASSES: ReadonlyMap<string, string> = new Map(
  listRows(DEFAULT_BUCKETS).map(({ key, value }) => [key, value]),
);

/**
 * DEFAULT_BUCKET_ID: damaged memory, a check that failed, a stop code's own class, else the generation of Windows.
 * @param stop what the stop code's arguments led to
 */
export function defaultBucketId({ bugcheck, system }: Dump, stop: StopFacts | undefined): string {
  if (stop?.bucketParts.whole?.startsWith("MEMORY_CORRUPTION")) return "CODE_CORRUPTION";
  const check = stop?.analysis["FAST_FAIL"];
  if (check !== undefined) return `FAIL_FAST_${check}`;
  const own = bugcheck && OWN_CLASSES.get(`0x${plainStopCode(bugcheck.code).toString(16)}`);
  return own ?? generationOf(system.osBuild);
}

function generationOf(build: number | undefined): string {
  if (build === undefined || build < 6000) return "DRIVER_FAULT";
  if (build < 7600) return "VISTA_DRIVER_FAULT";
  if (build < 9200) return "WIN7_DRIVER_FAULT";
  if (build < 9600) return "WIN8_DRIVER_FAULT";
  if (build < 10240) return "WINBLUE_DRIVER_FAULT";
  return "WIN10_DRIVER_FAULT";
}
