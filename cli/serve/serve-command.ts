import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import { consoleLog } from "./console-log.ts";
import { MAX_UPLOAD_BYTES } from "./receive-upload.ts";
import { type RunningServer, startServer } from "./server.ts";

/** Where the dashboard listens unless told otherwise. */
const DEFAULT_PORT = 8420;

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly seed: boolean;
  readonly maxUploadBytes: number;
}

/** `stopcode serve`: the embedded stack and the dashboard on one machine. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("run the whole pipeline and the dashboard on this machine")
    .option("--port <number>", "port to listen on; 0 takes any free one", wholeNumber(0, 65_535), DEFAULT_PORT)
    .option("--host <address>", "address to listen on; there is no login, so keep it local", "127.0.0.1")
    .option("--data <dir>", "directory that keeps dumps, reports and records", ".stopcode")
    .option("--seed", "add the project's example dumps, once", false)
    .option(
      "--max-upload-bytes <number>",
      "largest dump that is taken",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
      MAX_UPLOAD_BYTES,
    )
    .addHelpText(
      "after",
      `
Examples:
  stopcode serve                                     dashboard on http://127.0.0.1:${DEFAULT_PORT}
  stopcode serve --port 0 --data /var/lib/stopcode   any free port, data elsewhere
  curl -T crash.dmp http://127.0.0.1:${DEFAULT_PORT}/api/dumps/   upload without a browser`,
    )
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const log = consoleLog();
  const dataDir = resolve(options.data);
  let server: RunningServer;
  try {
    server = await startServer(
      {
        host: options.host,
        port: options.port,
        dataDir,
        seed: options.seed,
        maxUploadBytes: options.maxUploadBytes,
      },
      log,
    );
  } catch (error) {
    if (!(error instanceof StopcodeError)) throw error;
    console.error(`stopcode serve: ${error.message}`);
    process.exitCode = EXIT_CODES[error.code] ?? 4;
    return;
  }
  if (!isLoopback(options.host)) {
    log.warn("the dashboard has no login: everyone who reaches this address can read and upload dumps", {
      host: options.host,
    });
  }
  console.log(greeting(server, dataDir));
  stopOnSignals(server);
}

/** A taken port is a wrong choice of the caller; a data directory that cannot be used is an unreadable source. */
const EXIT_CODES: Readonly<Record<string, number>> = { "serve.port-taken": 2, "serve.cannot-listen": 2 };

function greeting({ url, seeded }: RunningServer, dataDir: string): string {
  return [
    "",
    `  Stopcode is running.`,
    "",
    `  Dashboard      ${url}/`,
    `  Your dumps     drop them onto that page, or: curl -T crash.dmp ${url}/api/dumps/`,
    `  Data           ${dataDir}${seeded === 0 ? "" : ` (${seeded} example dumps added)`}`,
    `  End            Ctrl+C`,
    "",
  ].join("\n");
}

function stopOnSignals(server: RunningServer): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) {
      // Asked twice: at once. What runs is delivered again at the next start.
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
    stopping = true;
    console.error("\nstopping: running analyses are finished or given back to the queue");
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(`stopcode serve: stopping failed (${error instanceof Error ? error.name : "unknown"})`);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
