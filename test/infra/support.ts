import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { readSettings, type Settings } from "../../infra/settings.ts";
import { addStage } from "../../infra/stages.ts";

/** Root of the repository; jest runs there. */
export const ROOT = process.cwd();

/** The context of cdk.json, as the CDK hands it over. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, "cdk.json"), "utf8")).context;
}

/** The settings of cdk.json with changes, as `-c stopcode.<path>=<value>` makes them. */
export function settingsWith(changes: Readonly<Record<string, string>> = {}): Settings {
  return readSettings({ ...cdkContext(), ...changes });
}

/** Both stacks without bundling. */
export function synth(changes: Readonly<Record<string, string>> = {}) {
  const app = new App({ context: { ...cdkContext(), "aws:cdk:bundling-stacks": [] } });
  const { storage, pipeline } = addStage(app, settingsWith(changes));
  return {
    app,
    stacks: { storage, pipeline },
    storage: Template.fromStack(storage),
    pipeline: Template.fromStack(pipeline),
  };
}

/** How many resources of each type a template has. */
export function countTypes(template: Template): Record<string, number> {
  const counts: Record<string, number> = {};
  const resources: Record<string, { Type: string }> = template.toJSON()["Resources"];
  for (const { Type } of Object.values(resources)) counts[Type] = (counts[Type] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}
