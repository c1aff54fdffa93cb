import { join } from "node:path";
import type { Hono } from "hono";
import { createApp } from "../../../cli/serve/app.ts";
import { type DataDir, openDataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import { temporaryDir } from "../../shared/adapters/embedded/temporary-dir.ts";

/** The app over a data directory of its own, without worker and page. */
export interface AppHarness {
  readonly app: Hono;
  readonly data: DataDir;
  readonly closing: AbortController;
  /** Codes of what was logged. */
  readonly logged: string[];
  cleanup(): Promise<void>;
}

export function appHarness(maxUploadBytes = 1000): AppHarness {
  const dir = temporaryDir();
  const data = openDataDir(join(dir.path, "data"));
  const closing = new AbortController();
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const app = createApp({
    data,
    page: { html: "<p>page</p>", css: "css", script: "script", icon: "<svg/>" },
    renderText: (report) => `text of ${report.schema}`,
    log: { info: log, warn: log, error: log },
    maxUploadBytes,
    closing: closing.signal,
  });
  return {
    app,
    data,
    closing,
    logged,
    cleanup: async () => {
      closing.abort();
      data.close();
      await dir.cleanup();
    },
  };
}

/** A request as a program without a browser makes it. */
export function ask(app: Hono, path: string, init: RequestInit = {}): Promise<Response> {
  return Promise.resolve(app.request(`http://127.0.0.1:8420${path}`, init));
}

/** Status and error code of an answer. */
export async function problemIn(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(error.message).not.toBe("");
  return [response.status, error.code];
}
