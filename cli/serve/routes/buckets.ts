import type { Hono } from "hono";
import type { BucketFigures } from "../../../shared/adapters/embedded/crash-store.ts";
import type { DataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import type { ApiBucket, ApiBucketDetail, ApiPage } from "../../../shared/contracts/api.ts";
import { hourOf } from "../../../shared/contracts/table-keys.ts";
import { Problem } from "../problem.ts";
import { limitOf, matching } from "../query.ts";

/** How far back a bucket's hours go, milliseconds: 30 days. */
const HOURS_BACK_MS = 30 * 24 * 3_600_000;

/** `GET /api/buckets` by last crash, `/api/buckets/:id` with its hours. */
export function bucketRoutes(app: Hono, data: DataDir): void {
  app.get("/api/buckets", async (c) => {
    const cursor = matching(c, "cursor", /^[\w-]{1,1024}$/, "a cursor that this API gave");
    const page = await data.crashes.bucketFigures(limitOf(c), cursor);
    const body: ApiPage<ApiBucket> = { ...page, items: page.items.map(apiBucket) };
    return c.json(body);
  });

  app.get("/api/buckets/:id", async (c) => {
    const figures = await data.crashes.figuresOf(c.req.param("id"));
    if (!figures) throw new Problem(404, "bucket.unknown", "there is no bucket with this id");
    const now = Date.now();
    const hour = (time: number) => hourOf(new Date(time).toISOString());
    const hours = await data.crashes.bucketCounts(figures.record.bucketId, hour(now - HOURS_BACK_MS), hour(now));
    const body: ApiBucketDetail = { ...apiBucket(figures), hours: Object.fromEntries(hours) };
    return c.json(body);
  });
}

function apiBucket({ record, count, lastSeen }: BucketFigures): ApiBucket {
  return { ...record, count, lastSeen };
}
