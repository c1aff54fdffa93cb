import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EMULATOR_ACCOUNT, EMULATOR_ENV, startEmulator } from "../support/emulator/emulator.ts";

/**
 * The system test: starts an emulator of AWS, deploys our CDK app to it with the CDK's own command,
 * runs test/system/*.systest.ts against what was deployed, and ends everything, whatever happened.
 * Arguments go to jest: `npm run test:system -- -t redelivery`.
 */

const root = resolve(import.meta.dirname, "../..");
const work = join(root, ".emulator", "system");
const outputs = join(work, "outputs.json");
const results = join(work, "results.json");

/** Short enough that a message's five deliveries, six time-outs apart, fit into the test. */
const SETTINGS = {
  stage: "system",
  "features.archive": "false",
  "analyze.timeoutSeconds": "5",
  "analyze.maximumConcurrency": "2",
  "budgets.ms": "3000",
};

process.exitCode = await main(process.argv.slice(2));

async function main(jestArguments: readonly string[]): Promise<number> {
  const started = performance.now();
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  say("starting the emulator");
  const emulator = await startEmulator(root);
  const env = {
    ...process.env,
    ...EMULATOR_ENV,
    AWS_ENDPOINT_URL: emulator.endpoint,
    STOPCODE_OUTPUTS: outputs,
    CDK_DISABLE_CLI_TELEMETRY: "1",
    // cdk-nag and the CDK's own checks ran in `npm run check`; here they would only cost time.
    CDK_VALIDATION: "false",
  };
  try {
    say(`bootstrapping ${emulator.endpoint}`);
    await cdk(["bootstrap", `aws://${EMULATOR_ACCOUNT}/${EMULATOR_ENV.AWS_REGION}`], env);
    say("deploying both stacks");
    const deploying = performance.now();
    await cdk(["deploy", "--all", "--require-approval", "never", "--outputs-file", outputs], env);
    say(`deployed in ${seconds(deploying)}`);
    const jest = [join(root, "node_modules/jest/bin/jest.js"), "--config", join(root, "jest.system.config.js")];
    await run([...jest, "--json", "--outputFile", results, ...jestArguments], env);
    const summary = JSON.parse(await readFile(results, "utf8"));
    const broken = summary.numRuntimeErrorTestSuites as number;
    say(`took ${seconds(started)}; the emulator's log: ${emulator.logFile}`);
    say(`${summary.numPassedTests} passed, ${summary.numFailedTests + broken} failed`);
    return summary.success ? 0 : 1;
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}; the emulator's log: ${emulator.logFile}`);
    say("0 passed, 1 failed");
    return 1;
  } finally {
    await emulator.stop();
  }
}

async function cdk(command: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const context = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `stopcode.${name}=${value}`]);
  const program = join(root, "node_modules/aws-cdk/bin/cdk");
  const code = await run(
    [program, ...command, ...context, "--output", join(work, "cdk.out"), "--progress", "events"],
    env,
  );
  if (code !== 0) throw new Error(`cdk ${command[0]} ended with exit code ${code}`);
}

/** Runs a Node program to its end; its output is ours. */
function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? 1));
  });
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  process.stdout.write(`system test: ${text}\n`);
}
