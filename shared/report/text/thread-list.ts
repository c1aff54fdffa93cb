import type { CrashReport, ReportThread } from "../crash-report.ts";
import { oneLine } from "./format.ts";

/** Threads of a user dump in the manner of `~`, each with the place where it stood. */

/** More than this are not listed; the report itself has them all. */
const MAX_THREADS = 100;

/** `#  0  Id: 1d0  ntdll+0xebe4  name` lines; `#` marks the thread that crashed. */
export function threadLines(report: CrashReport): string[] {
  if (report.threads.length === 0) return [];
  const crashed = report.crashing_thread?.threads_index ?? report.crash_info.crashing_thread;
  const rest = report.threads.length - MAX_THREADS;
  return [
    "Threads:",
    ...report.threads.slice(0, MAX_THREADS).map((thread, index) => threadLine(thread, index, index === crashed)),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    "",
  ];
}

function threadLine(thread: ReportThread, index: number, crashed: boolean): string {
  const start = `${crashed ? "#" : " "} ${String(index).padStart(2)}  Id: ${thread.thread_id.toString(16)}`;
  const name = thread.thread_name === null ? "" : `"${oneLine(thread.thread_name)}"`;
  return [start, placeOf(thread), name].filter((part) => part !== "").join("  ");
}

function placeOf(thread: ReportThread): string {
  const [frame] = thread.frames;
  if (!frame) return "";
  if (frame.module === null) return frame.offset;
  const offset = frame.module_offset === null ? "" : `+0x${BigInt(frame.module_offset).toString(16)}`;
  return oneLine(`${frame.module}${frame.function === null ? offset : `!${frame.function}`}`);
}
