import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { ensurePython } from "./python-env.ts";

/**
 * Starts an AWS emulator for the system tests: MiniStack from PyPI, one process group on the
 * loopback address, Lambdas as child processes of the project's own Node. No Docker.
 */

/** A running emulator. */
export interface Emulator {
  /** Base address, `http://127.0.0.1:<port>`; the value for AWS_ENDPOINT_URL. */
  readonly endpoint: string;
  /** Its output, for when a test fails. */
  readonly logFile: string;
  /** Ends the whole process group, Lambdas included; safe to call twice. */
  stop(): Promise<void>;
}

/** What clients of the emulator need besides AWS_ENDPOINT_URL; any credentials do. */
export const EMULATOR_ENV = {
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: "us-east-1",
  AWS_DEFAULT_REGION: "us-east-1",
  AWS_EC2_METADATA_DISABLED: "true",
} as const;

/** Account that the emulator's resources belong to. */
export const EMULATOR_ACCOUNT = "000000000000";

const HEALTH_WAIT_MS = 60_000;
const STOP_WAIT_MS = 5_000;

/**
 * Installs the emulator if need be, starts it on a free port and waits until it answers.
 * @param root the repository's root
 * @throws Error with the end of the emulator's log when it does not come up
 */
export async function startEmulator(root: string = process.cwd()): Promise<Emulator> {
  const home = resolve(root, ".emulator");
  const here = resolve(root, "test/support/emulator");
  const python = await ensurePython(home, join(here, "requirements.txt"));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const work = join(home, `run-${port}`);
  await mkdir(work, { recursive: true });
  // The emulator runs Lambdas by a CommonJS script below this folder: without a package.json here Node
  // would take the repository's, which says that everything is an ES module.
  await writeFile(join(work, "package.json"), '{"type":"commonjs"}\n');
  const logFile = join(home, `emulator-${port}.log`);
  const log = openSync(logFile, "w");
  const child = spawn(python, [join(here, "ministack_launch.py")], {
    cwd: work,
    env: environment(root, port, endpoint, work),
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  const forget = endWithUs(child);
  const stop = async () => {
    await stopGroup(child);
    forget();
    await rm(work, { recursive: true, force: true });
  };
  try {
    await waitForHealth(child, endpoint);
  } catch (cause) {
    await stop();
    const tail = (await readFile(logFile, "utf8").catch(() => "")).split("\n").slice(-20).join("\n");
    throw new Error(`the emulator did not start; the end of ${logFile}:\n${tail}`, { cause });
  }
  return { endpoint, logFile, stop };
}

/** The project's Node comes first: the emulator runs Lambdas with the `node` that it finds. */
function environment(root: string, port: number, endpoint: string, work: string): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return {
    ...inherited,
    ...EMULATOR_ENV,
    PATH: [resolve(root, "node_modules/node/bin"), process.env["PATH"] ?? ""].join(delimiter),
    TMPDIR: work,
    STATE_DIR: join(work, "state"),
    S3_DATA_DIR: join(work, "s3"),
    BIND_HOST: "127.0.0.1",
    GATEWAY_PORT: String(port),
    AWS_ENDPOINT_URL: endpoint,
    IOT_MTLS_ENABLED: "0",
    SFTP_ENABLED: "0",
    LAMBDA_EXECUTOR: "local",
    PYTHONUNBUFFERED: "1",
  };
}

/** A port that was free a moment ago; the emulator refuses to start on one that was taken since. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no free port on 127.0.0.1");
  return address.port;
}

async function waitForHealth(child: ChildProcess, endpoint: string): Promise<void> {
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  const until = Date.now() + HEALTH_WAIT_MS;
  while (Date.now() < until) {
    if (failure) throw failure;
    if (child.exitCode !== null) throw new Error(`it ended with exit code ${child.exitCode}`);
    const answer = await fetch(`${endpoint}/_ministack/health`, { signal: AbortSignal.timeout(2000) }).catch(
      () => undefined,
    );
    if (answer?.ok) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`no answer within ${HEALTH_WAIT_MS} ms`);
}

/** A group of its own does not get our Ctrl-C: it is killed whenever this process ends. */
function endWithUs(child: ChildProcess): () => void {
  const onExit = () => signalGroup(child, "SIGKILL");
  const onSignal = (signal: NodeJS.Signals) => {
    onExit();
    forget();
    process.kill(process.pid, signal);
  };
  const forget = () => {
    process.off("exit", onExit);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
  };
  process.on("exit", onExit);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return forget;
}

/** Asks the group to end, then kills what is left of it: Lambda workers outlive their parent otherwise. */
async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>((done) => child.once("exit", () => done()));
    signalGroup(child, "SIGTERM");
    await Promise.race([ended, new Promise((done) => setTimeout(done, STOP_WAIT_MS).unref())]);
  }
  signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}
