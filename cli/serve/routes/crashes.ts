import type { Context, Hono } from "hono";
import type { DataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import type { ApiCrash, ApiPage } from "../../../shared/contracts/api.ts";
import { type CrashListBy, monthOf } from "../../../shared/contracts/table-keys.ts";
import type { StoredCrash } from "../../../shared/pipeline/ports.ts";
import type { CrashReport } from "../../../shared/report/crash-report.ts";
import { Problem } from "../problem.ts";
import { limitOf, matching } from "../query.ts";

/** Most bytes of a report after decompression: ours are far smaller. */
const MAX_REPORT_BYTES = 64 * 2 ** 20;

/** Renders a report as `!analyze -v` does. */
export type RenderText = (report: CrashReport) => string;

/** `GET /api/crashes`, `/api/crashes/:id`, `/api/crashes/:id/report`. */
export function crashRoutes(app: Hono, data: DataDir, renderText: RenderText): void {
  app.get("/api/crashes", async (c) => {
    const list = listOf(c);
    const cursor = matching(c, "cursor", /^[\w-]{1,1024}$/, "a cursor that this API gave");
    const month =
      matching(c, "month", /^\d{4}-(0[1-9]|1[0-2])$/, "a month, YYYY-MM") ?? monthOf(new Date().toISOString());
    const page = list
      ? await data.crashes.listCrashes(list, month, limitOf(c), cursor)
      : await data.crashes.recentCrashes(limitOf(c), cursor);
    const body: ApiPage<ApiCrash> = { ...page, items: page.items.map((crash) => done(data, crash)) };
    return c.json(body);
  });

  app.get("/api/crashes/:id", async (c) => {
    const crashId = crashIdParam(c);
    const stored = await data.crashes.getCrash(crashId);
    if (stored) return c.json(done(data, stored));
    const message = data.queue.stateOf(crashId);
    if (!message) throw unknownCrash();
    const waiting: ApiCrash = {
      state: message.state === "dead" ? "failed" : "queued",
      crashId,
      ...(message.error === undefined ? {} : { error: message.error }),
    };
    return c.json(waiting);
  });

  app.get("/api/crashes/:id/report", async (c) => {
    const format = matching(c, "format", /^(json|text)$/, "json or text") ?? "json";
    const stored = await data.crashes.getCrash(crashIdParam(c));
    if (!stored) throw unknownCrash();
    const packed = await data.reports.get(stored.record.reportKey);
    if (!packed) throw new Problem(404, "report.gone", "the crash is known, its report is not kept any more");
    const json = new TextDecoder().decode(await nodePlatform.gunzip(packed, MAX_REPORT_BYTES));
    const download = c.req.query("download") !== undefined;
    if (download) {
      c.header(
        "content-disposition",
        `attachment; filename="${stored.record.crashId}.${format === "json" ? "json" : "txt"}"`,
      );
    }
    if (format === "text") return c.text(renderText(JSON.parse(json) as CrashReport));
    return c.body(json, 200, { "content-type": "application/json; charset=utf-8" });
  });
}

function done(data: DataDir, { record }: StoredCrash): ApiCrash {
  const name = data.dumps.find(record.source.bucket, record.source.key, record.source.versionId)?.name;
  return { state: "done", crashId: record.crashId, record, ...(name === undefined ? {} : { fileName: name }) };
}

function crashIdParam(c: Context): string {
  const id = c.req.param("id") ?? "";
  if (!/^[0-9a-f]{32}$/.test(id)) throw new Problem(400, "crash.bad-id", "a crash id has 32 hex digits");
  return id;
}

const unknownCrash = () => new Problem(404, "crash.unknown", "there is no crash with this id");

/** What the list is asked by; undefined for all. @throws Problem when two are asked at once */
function listOf(c: Context): CrashListBy | undefined {
  const bucketId = matching(c, "bucket", /^[\w.:-]{1,128}$/, "a bucket id");
  const machine = matching(c, "machine", /^.{1,128}$/su, "a machine name of up to 128 characters");
  const day = matching(c, "day", /^\d{4}-\d{2}-\d{2}$/, "a UTC day, YYYY-MM-DD");
  const stopCode = matching(c, "stop", /^0x[0-9a-f]{1,16}$/, "a stop code in lower-case hex, such as 0xd1");
  const module = matching(c, "module", /^.{1,256}$/su, "a module name");
  const version = matching(c, "version", /^.{1,256}$/su, "a module version");
  if (version !== undefined && module === undefined) {
    throw new Problem(400, "query.version-without-module", "version needs module beside it");
  }
  const asked: CrashListBy[] = [];
  if (bucketId !== undefined) asked.push({ by: "bucket", bucketId });
  if (machine !== undefined) asked.push({ by: "machine", machine });
  if (day !== undefined) asked.push({ by: "day", day });
  if (stopCode !== undefined) asked.push({ by: "stop", stopCode });
  if (module !== undefined)
    asked.push(version === undefined ? { by: "module", module } : { by: "version", module, version });
  if (asked.length > 1) {
    throw new Problem(400, "query.two-lists", "ask by one of bucket, machine, day, stop, module (with version)");
  }
  return asked[0];
}
