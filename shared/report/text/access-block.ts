import type { CrashReport } from "../crash-report.ts";
import { oneLine, padded } from "./format.ts";
import { reportPointerSize } from "./header.ts";

/** What the instruction says of the failed access, in words: our own lines, debuggers leave it to the reader. */

const CAUSES: Readonly<Record<string, string>> = {
  "stack-exhausted": "the stack is used up",
  "null-pointer": "a null pointer",
  "non-canonical": "an address that nothing can map",
  misaligned: "not aligned as the instruction needs it",
  "guard-page": "a guard page",
  "unloaded-image": "an image that was unloaded",
  "not-executable": "memory that must not be executed",
  "read-only": "memory that must not be written",
  unmapped: "nothing is mapped there",
  "kernel-address": "an address of the kernel",
};

/** Most bit flips that are printed; the report has all. */
const MAX_FLIPS = 4;

/** One line for the access, the bit flips and the contradictions each, where there are any. */
export function accessLines(report: CrashReport): string[] {
  const lines = [...accessLine(report), ...pointerLine(report), ...flipLines(report), ...doubtLines(report)];
  return lines.length === 0 ? [] : [...lines, ""];
}

function accessLine(report: CrashReport): string[] {
  const fault = report.instruction?.fault;
  if (!fault) return report.instruction?.stack_exhausted ? ["Access: the stack is used up"] : [];
  const size = reportPointerSize(report);
  const bytes = fault.size === null ? "" : ` of ${fault.size} ${fault.size === 1 ? "byte" : "bytes"}`;
  const address =
    fault.address === null ? "an address that the processor did not report" : padded(BigInt(fault.address), size);
  const place = fault.place === null ? "" : ` (${oneLine(fault.place)})`;
  const causes = [
    ...(fault.cause === null ? [] : [CAUSES[fault.cause] ?? fault.cause]),
    ...(fault.null_offset === null || fault.null_offset === 0 ? [] : [offsetText(fault.null_offset)]),
  ];
  const cause = causes.length === 0 ? "" : `, ${causes.join(" ")}`;
  return [
    `Access: ${fault.access ?? "unknown"}${bytes} at ${address}${place}${cause}${followsText(fault.follows_from_registers)}`,
  ];
}

function pointerLine(report: CrashReport): string[] {
  if (report.instruction?.misaligned_ip !== true) return [];
  return ["The instruction pointer stands in the middle of an instruction: no program jumps there."];
}

function offsetText(offset: number): string {
  return `${offset < 0 ? "minus" : "plus"} 0x${Math.abs(offset).toString(16)}`;
}

function followsText(follows: boolean | null): string {
  if (follows === null) return "";
  return follows ? "; the registers lead there" : "; the registers do not lead there";
}

function flipLines(report: CrashReport): string[] {
  const flips = report.crash_info.possible_bit_flips ?? [];
  if (flips.length === 0) return [];
  const size = reportPointerSize(report);
  const texts = flips
    .slice(0, MAX_FLIPS)
    .map(
      (flip) =>
        `${flip.source_register ?? "address"} to ${padded(BigInt(flip.address), size)} (${flip.confidence.toFixed(2)})`,
    );
  return [`One flipped bit would explain it: ${texts.join(", ")}${flips.length > MAX_FLIPS ? ", …" : ""}`];
}

function doubtLines(report: CrashReport): string[] {
  const doubts = report.crash_info.crash_inconsistencies ?? [];
  return doubts.length === 0 ? [] : [`The exception and its instruction disagree: ${doubts.map(oneLine).join(", ")}`];
}
