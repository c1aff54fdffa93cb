import type { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { DataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import type { KeptEvent } from "../../../shared/adapters/embedded/event-bus.ts";

/** Most events that a returning client is told at once; it reloads its lists anyway. */
const REPLAY_LIMIT = 200;
/** Silence after which a comment keeps the connection alive, milliseconds. */
const HEARTBEAT_MS = 15_000;
/** Events that a slow client may be behind before its connection is ended. */
const MAX_BEHIND = 1_000;

/** `GET /api/events`: the bus as server-sent events; `Last-Event-ID` continues. `GET /healthz`: the queue's depth. */
export function liveRoutes(app: Hono, data: DataDir, closing: AbortSignal): void {
  app.get("/healthz", (c) => c.json({ status: "ok", queue: data.queue.depth() }));

  app.get("/api/events", (c) =>
    streamSSE(c, async (stream) => {
      const last = Number(c.req.header("last-event-id"));
      const waiting: KeptEvent[] = Number.isSafeInteger(last) && last > 0 ? data.events.since(last, REPLAY_LIMIT) : [];
      let wake = () => {};
      let ended = false;
      const end = () => {
        ended = true;
        wake();
      };
      const unsubscribe = data.events.subscribe((event) => {
        waiting.push(event);
        if (waiting.length > MAX_BEHIND) end();
        wake();
      });
      stream.onAbort(end);
      closing.addEventListener("abort", end);
      try {
        // A first line makes the browser report the connection as open.
        await stream.write(": connected\n\n");
        while (!ended) {
          for (let event = waiting.shift(); event && !ended; event = waiting.shift()) {
            await stream.writeSSE({ id: String(event.seq), event: event.type, data: JSON.stringify(event.detail) });
          }
          if (ended) break;
          const timedOut = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(true), HEARTBEAT_MS);
            wake = () => {
              clearTimeout(timer);
              resolve(false);
            };
          });
          if (timedOut) await stream.write(": still here\n\n");
        }
      } finally {
        unsubscribe();
        closing.removeEventListener("abort", end);
      }
    }),
  );
}
