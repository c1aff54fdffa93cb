import type { CrashReport } from "./crash-report.ts";
import { accessLines } from "./text/access-block.ts";
import { banner, bugcheckLines, detailLines, reasonLines, summaryLines } from "./text/analysis-block.ts";
import { contextLines, crashLines, recordLines } from "./text/exception-block.ts";
import { oneLine } from "./text/format.ts";
import { headerLines } from "./text/header.ts";
import { moduleLines, unloadedLines } from "./text/module-list.ts";
import { threadLines } from "./text/thread-list.ts";

/**
 * The report as an engineer expects it of `!analyze -v`: system, first guess, analysis, then modules and notes.
 * Times are UTC. Made from the report alone, so a stored report can be printed at any later time.
 */
export function renderText(report: CrashReport): string {
  const lines = [
    ...headerLines(report),
    "",
    ...(report.bugcheck ? kernelBlock(report) : userBlock(report)),
    ...accessLines(report),
    ...reasonLines(report),
    ...(report.bugcheck ? [] : threadLines(report)),
    ...moduleLines(report),
    ...unloadedLines(report),
    ...noteLines(report),
  ];
  return `${lines
    .join("\n")
    .replace(/\n{3,}$/, "\n")
    .trimEnd()}\n`;
}

function kernelBlock(report: CrashReport): string[] {
  const box = banner("Bugcheck Analysis");
  return [...box, ...summaryLines(report), ...box, ...bugcheckLines(report), ...detailLines(report)];
}

function userBlock(report: CrashReport): string[] {
  if (report.status !== "OK" && report.threads.length === 0) return [`Not analysed: ${oneLine(report.status)}`, ""];
  return [
    ...banner("Exception Analysis"),
    ...crashLines(report),
    ...contextLines(report),
    ...recordLines(report),
    ...detailLines(report),
  ];
}

function noteLines(report: CrashReport): string[] {
  if (report.notes.length === 0) return [];
  return [
    "Notes:",
    ...report.notes
      .map(({ code, where, detail }) => `  ${code} (${where})${detail === "" ? "" : `: ${detail}`}`)
      .map(oneLine),
  ];
}
