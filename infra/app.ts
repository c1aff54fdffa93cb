import { App } from "aws-cdk-lib";
import { readSettings, type Settings, SettingsError } from "./settings.ts";
import { addStage } from "./stages.ts";

/** Entry of the CDK app (cdk.json): plain Node, no build step. */

const app = new App();
const settings = checkedSettings();
if (settings === undefined) process.exitCode = 1;
else {
  addStage(app, settings);
  app.synth();
}

/** A wrong setting is the deployer's to mend: its name and what was expected, no stack trace. */
function checkedSettings(): Settings | undefined {
  try {
    return readSettings(app.node.getAllContext());
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return undefined;
  }
}
