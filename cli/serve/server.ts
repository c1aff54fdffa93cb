import type { Server } from "node:http";
import { isIP } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { openDataDir } from "../../shared/adapters/embedded/data-dir.ts";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import type { Logger } from "../../shared/pipeline/ports.ts";
import { renderText } from "../../shared/report/text.ts";
import { createApp } from "./app.ts";
import { messageHandler } from "./handle-message.ts";
import { loadPage } from "./page.ts";
import { seedExamples } from "./seed.ts";
import { startWorker } from "./worker.ts";

/** Settings of `stopcode serve`. */
export interface ServeSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly seed: boolean;
  readonly maxUploadBytes: number;
}

/** A server that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:8420` */
  readonly url: string;
  /** Examples that were added by this start. */
  readonly seeded: number;
  /** Ends in order: no new requests, running analyses are finished or given back, files are closed. */
  stop(): Promise<void>;
}

/** The server cannot listen: the caller names it to the user. */
export class ListenError extends StopcodeError<"serve.port-taken" | "serve.cannot-listen"> {}

/** Milliseconds that running analyses and uploads get at the end. */
const GRACE_MS = 5_000;

/** Opens the data, listens, then starts to work. @throws ServiceError, ListenError */
export async function startServer(settings: ServeSettings, log: Logger): Promise<RunningServer> {
  const data = openDataDir(settings.dataDir);
  const closing = new AbortController();
  try {
    const page = await loadPage();
    const app = createApp({
      data,
      page,
      renderText,
      log,
      maxUploadBytes: settings.maxUploadBytes,
      closing: closing.signal,
    });
    const server = createAdaptorServer({ fetch: app.fetch }) as Server;
    // Node ends a request after five minutes by default; a large dump over a slow line takes longer.
    server.requestTimeout = 0;
    const port = await listen(server, settings);
    const seeded = settings.seed ? await seedExamples(data) : 0;
    const worker = startWorker(data.queue, messageHandler(data, log), log);
    return {
      url: `http://${isIP(settings.host) === 6 ? `[${settings.host}]` : settings.host}:${port}`,
      seeded,
      stop: async () => {
        closing.abort();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        const force = setTimeout(() => server.closeAllConnections(), GRACE_MS);
        await Promise.all([closed, worker.stop(GRACE_MS)]);
        clearTimeout(force);
        data.close();
      },
    };
  } catch (error) {
    data.close();
    throw error;
  }
}

function listen(server: Server, { host, port }: ServeSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new ListenError(
              "serve.port-taken",
              `port ${port} on ${host} is taken by another program: choose one with --port, or any free one with --port 0`,
              { cause: error },
            )
          : new ListenError(
              "serve.cannot-listen",
              `cannot listen on ${host}, port ${port} (${error.code ?? error.name})`,
              {
                cause: error,
              },
            ),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}
