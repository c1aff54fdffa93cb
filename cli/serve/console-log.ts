import { styleText } from "node:util";
import type { Logger, MetricSink } from "../../shared/pipeline/ports.ts";

/** One line a message on stderr; fields are public facts and codes only. */
export function consoleLog(quiet = false): Logger {
  const write = (level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const colour = level === "error" ? "red" : level === "warn" ? "yellow" : "dim";
    const facts = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const line = [new Date().toISOString(), level, message, ...facts].join(" ");
    console.error(styleText(colour, line, { stream: process.stderr }));
  };
  return {
    info: (message, fields) => {
      if (!quiet) write("info", message, fields);
    },
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

/** A single machine has no metrics backend; the counts are in the store. */
export const noMetrics: MetricSink = { count: () => {} };
