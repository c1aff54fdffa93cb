import type { Hono } from "hono";
import type { DataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import type { ApiFailed } from "../../../shared/contracts/api.ts";

/** `GET /api/failed`: the dead messages, at most 100. `POST /api/failed/retry` makes all of them live again. */
export function failedRoutes(app: Hono, data: DataDir): void {
  app.get("/api/failed", (c) => {
    const items = data.queue.dead().map(({ label, error, receiveCount }) => ({
      ...(label === undefined ? {} : { crashId: label }),
      error,
      receiveCount,
    }));
    const body: ApiFailed = { items };
    return c.json(body);
  });

  app.post("/api/failed/retry", (c) => c.json({ retried: data.queue.redrive() }));
}
