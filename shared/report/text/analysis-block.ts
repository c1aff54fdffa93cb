import type { CrashReport } from "../crash-report.ts";
import { INLINE_LINE } from "../stack-text.ts";
import { faultingContextLines } from "./exception-block.ts";
import { oneLine, padded } from "./format.ts";
import { reportPointerSize } from "./header.ts";
import { unverifiedModules } from "./module-list.ts";

/** The block between the banner and the module list. */

const STARS = "*".repeat(79);
/** Fields that WinDbg separates from their value with one space; all others have two. */
const ONE_SPACE =
  /^(BUGCHECK_P[1-4]|DUMP_FILE_ATTRIBUTES|ERROR_CODE|EXCEPTION_CODE|MODULE_NAME|DRIVER_OBJECT|DEVICE_OBJECT|BLACKBOX\w+)$/;
/** Trusts of frames that were found by searching the stack. */
const GUESSES: ReadonlySet<string> = new Set(["scan", "cfi_scan"]);
/** Bit of the header's Attributes that debuggers spell out. */
const KERNEL_GENERATED_TRIAGE_DUMP = 8;

/** The starred box with a title. */
export function banner(title: string): string[] {
  const empty = `*${" ".repeat(77)}*`;
  return [STARS, empty, `*${" ".repeat(24)}${title.padEnd(53)}*`, empty, STARS, ""];
}

/** What a debugger prints on loading a kernel dump: code, arguments and the first guess. */
export function summaryLines(report: CrashReport): string[] {
  const { bugcheck, analysis } = report;
  if (!bugcheck) return [];
  const args = bugcheck.args.map(({ value }) => digits(value)).join(", ");
  const { IMAGE_NAME: image, SYMBOL_NAME: symbol } = analysis;
  return [
    `BugCheck ${digits(bugcheck.code).toUpperCase()}, {${args}}`,
    "",
    ...(image === undefined
      ? []
      : [`Probably caused by : ${image}${symbol === undefined ? "" : ` ( ${symbol} )`}`, ""]),
    ...followup(),
  ];
}

/** Name, explanation and arguments of a bug check. */
export function bugcheckLines(report: CrashReport): string[] {
  const { bugcheck } = report;
  if (!bugcheck) return [];
  const size = reportPointerSize(report);
  const known = bugcheck.name !== null;
  // A sub-code that the first argument's meaning repeats is printed there.
  const subCode = bugcheck.sub_code === bugcheck.args[0]?.meaning ? null : bugcheck.sub_code;
  const explanation = [bugcheck.description, subCode].filter((text) => text !== null && text !== "");
  return [
    known ? `${bugcheck.name} (${digits(bugcheck.code)})` : `Unknown bugcheck code (${digits(bugcheck.code)})`,
    ...(known ? [] : ["Unknown bugcheck description"]),
    ...explanation.map((text) => oneLine(text ?? "")),
    "Arguments:",
    ...bugcheck.args.map(({ value, meaning }, index) => {
      const text = meaning === null || meaning === "" ? "" : `, ${oneLine(meaning)}`;
      return `Arg${index + 1}: ${padded(BigInt(value), size)}${text}`;
    }),
    "",
  ];
}

/** `Debugging Details:` and every field of the analysis in its order. */
export function detailLines(report: CrashReport): string[] {
  const fields = Object.entries(report.analysis);
  if (fields.length === 0) return [];
  const lines = ["Debugging Details:", "------------------", "", ""];
  for (const [key, value] of fields) {
    const [first = "", ...rest] = value.split("\n");
    const multi = rest.length > 0;
    if (key === "STACK_TEXT") lines.push(`${key}: `, ...markGuesses(report, [first, ...rest]));
    else if (multi) lines.push(`${key}: `, first, ...rest);
    else lines.push(`${key}:${ONE_SPACE.test(key) ? " " : "  "}${first}`, ...faultingContextLines(report, key, first));
    if (key === "DUMP_FILE_ATTRIBUTES" && (Number(first) & KERNEL_GENERATED_TRIAGE_DUMP) !== 0) {
      lines.push("  Kernel Generated Triage Dump");
    }
    lines.push("");
  }
  return [...lines, ...followup()];
}

/** Debuggers print no trust: a frame that was only guessed, or named by a file of unknown build, says so behind its line. */
function markGuesses(report: CrashReport, lines: readonly string[]): string[] {
  const frames = report.crashing_thread?.frames ?? [];
  const unverified = unverifiedModules(report);
  let index = 0;
  return lines.map((line) => {
    if (line.startsWith(INLINE_LINE)) return line;
    const frame = frames[index++];
    const marks = [
      ...(frame && GUESSES.has(frame.trust) ? [frame.trust] : []),
      ...(frame && unverified.has(frame.module ?? "") ? ["unverified"] : []),
    ];
    return marks.length > 0 ? `${line}  (${marks.join(", ")})` : line;
  });
}

/** Why the culprit is blamed: the rules and what they saw. */
export function reasonLines(report: CrashReport): string[] {
  const { culprit } = report;
  if (!culprit || culprit.reasons.length === 0) return [];
  return [
    `Blame: ${oneLine(culprit.module ?? "nobody")}, confidence ${culprit.confidence}`,
    ...culprit.reasons.map(({ rule, seen }) => `  ${oneLine(rule)}: ${oneLine(seen)}`),
    "",
  ];
}

function followup(): string[] {
  return ["Followup:     MachineOwner", "---------", ""];
}

/** Hex digits without prefix and leading zeros. */
function digits(hex: string): string {
  return BigInt(hex).toString(16);
}
