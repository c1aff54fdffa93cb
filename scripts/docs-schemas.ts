/**
 * Writes the JSON Schemas that docs/ shows: the report with its public fields marked, and one per event.
 *
 *   npm run docs:schemas            writes them
 *   npm run docs:schemas -- --check fails when a file is not what the code says
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { eventSchemas } from "../shared/contracts/events.ts";
import { crashReportSchema } from "../shared/report/crash-report.ts";

const docs = new URL("../docs/", import.meta.url);

/** Every generated file with its text, by path below docs/. */
export function generatedSchemas(): Map<string, string> {
  const files = new Map<string, string>();
  const text = (schema: z.ZodType, title: string): string =>
    `${JSON.stringify({ title, ...z.toJSONSchema(schema, { target: "draft-2020-12" }) }, null, 2)}\n`;
  files.set("report-schema.json", text(crashReportSchema, "stopcode.report/1"));
  for (const [type, schema] of Object.entries(eventSchemas)) {
    files.set(`events/${type.toLowerCase().replaceAll(" ", "-")}.json`, text(schema, type));
  }
  return files;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  let stale = 0;
  mkdirSync(new URL("events/", docs), { recursive: true });
  for (const [path, text] of generatedSchemas()) {
    const url = new URL(path, docs);
    if (!check) writeFileSync(url, text);
    else if (readFileSync(url, "utf8") !== text) {
      console.error(`docs/${path} is stale: run npm run docs:schemas`);
      stale += 1;
    }
  }
  process.exitCode = stale === 0 ? 0 : 1;
}
