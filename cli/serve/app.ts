import { Hono } from "hono";
import type { DataDir } from "../../shared/adapters/embedded/data-dir.ts";
import type { Logger } from "../../shared/pipeline/ports.ts";
import { guard, securityHeaders } from "./guard.ts";
import type { PageFiles } from "./page.ts";
import { Problem, problemOf } from "./problem.ts";
import { bucketRoutes } from "./routes/buckets.ts";
import { crashRoutes, type RenderText } from "./routes/crashes.ts";
import { failedRoutes } from "./routes/failed.ts";
import { liveRoutes } from "./routes/live.ts";
import { uploadRoutes } from "./routes/uploads.ts";

/** What the HTTP app joins. */
export interface AppDeps {
  readonly data: DataDir;
  readonly page: PageFiles;
  readonly renderText: RenderText;
  readonly log: Logger;
  readonly maxUploadBytes: number;
  /** Fires when the server stops: ends the open event streams. */
  readonly closing: AbortSignal;
}

/** The dashboard and its API. Every error is JSON with a code and a sentence. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  app.use(securityHeaders());
  app.use(guard());

  const { html, css, script, icon } = deps.page;
  app.get("/", (c) => c.html(html));
  app.get("/app.js", (c) => c.body(script, 200, { "content-type": "text/javascript; charset=utf-8" }));
  app.get("/style.css", (c) => c.body(css, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/icon.svg", (c) => c.body(icon, 200, { "content-type": "image/svg+xml" }));

  uploadRoutes(app, deps.data, deps.maxUploadBytes);
  crashRoutes(app, deps.data, deps.renderText);
  bucketRoutes(app, deps.data);
  failedRoutes(app, deps.data);
  liveRoutes(app, deps.data, deps.closing);

  app.notFound((c) => {
    const { status, code, message } = unknownPath(c.req.method, c.req.path);
    return c.json({ error: { code, message } }, status);
  });
  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status >= 500) {
      deps.log.error("a request failed", { path: c.req.path, code: problem.code, error: error.name });
    }
    // The rest of an unread upload is not waited for.
    if (c.req.raw.body) c.header("connection", "close");
    return c.json({ error: { code: problem.code, message: problem.message } }, problem.status);
  });
  return app;
}

/** Paths that exist, but only for reading. */
const READ_ONLY =
  /^\/(api\/(crashes|buckets)(\/[^/]+)?(\/report)?|api\/events|api\/failed|healthz|app\.js|style\.css|icon\.svg)?$/;

function unknownPath(method: string, path: string): Problem {
  if (READ_ONLY.test(path)) return new Problem(405, "request.bad-method", `${path} is for GET, not for ${method}`);
  if (/^\/api\/dumps(\/[^/]+)?$/.test(path)) {
    return new Problem(405, "request.bad-method", `${path} is for POST and PUT, not for ${method}`);
  }
  return new Problem(404, "request.unknown-path", `there is nothing at ${path.slice(0, 200)}`);
}
