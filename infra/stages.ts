import { type App, Tags, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { PipelineStack } from "./pipeline-stack.ts";
import type { Settings } from "./settings.ts";
import { StorageStack } from "./storage-stack.ts";

/** Both stacks of one stage, tagged, with cdk-nag watching every synthesis. */
export function addStage(app: App, settings: Settings): { storage: StorageStack; pipeline: PipelineStack } {
  const name = (part: string) => `stopcode-${settings.stage}-${part}`;
  const storage = new StorageStack(app, name("storage"), settings, {
    description: "Stopcode: dumps, reports, symbols, records, events",
    terminationProtection: settings.stage === "prod",
  });
  const pipeline = new PipelineStack(app, name("pipeline"), storage, settings, {
    description: "Stopcode: analysis of dumps, notices, alarms",
  });
  Tags.of(app).add("project", "stopcode");
  Tags.of(app).add("stage", settings.stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { storage, pipeline };
}
