import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { eventSchemas } from "../../../shared/contracts/events.ts";
import { crashIdOf } from "../../../shared/contracts/object-keys.ts";
import { DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import { type AnalyzeDumpDeps, analyzeDump, type Delivery } from "../../../shared/pipeline/analyze-dump.ts";
import { ServiceError } from "../../../shared/pipeline/errors.ts";
import { crashReportSchema } from "../../../shared/report/crash-report.ts";
import {
  MemoryCrashStore,
  MemoryDumpStore,
  MemoryEventBus,
  MemoryReportStore,
  silentLog,
  silentMetrics,
} from "../../support/memory-ports.ts";

const examples = new URL("../../../examples/", `file://${__filename}`);
const dumps = readdirSync(examples).filter((name) => name.endsWith(".dmp"));
const [firstDump = ""] = dumps;
const dump = readFileSync(new URL(firstDump, examples));

function world() {
  const crashes = new MemoryCrashStore();
  const store = new MemoryDumpStore();
  const reports = new MemoryReportStore();
  const bus = new MemoryEventBus();
  const deps: AnalyzeDumpDeps = {
    dumps: store,
    reports,
    crashes,
    events: bus,
    platform: nodePlatform,
    log: silentLog,
    metrics: silentMetrics,
    limits: DEFAULT_LIMITS,
  };
  return { crashes, store, reports, bus, deps };
}

function delivery(key: string, extra: Partial<Delivery> & { versionId?: string } = {}): Delivery {
  const { versionId = "v1", ...rest } = extra;
  return { ref: { bucket: "b", key, versionId }, receivedAt: "2026-11-22T10:00:00.000Z", receiveCount: 1, ...rest };
}

/** The ports with a fault at one call, counted over all of them; `after` lets the call happen first. */
function faulty(deps: AnalyzeDumpDeps, failAt: number, after: boolean): { deps: AnalyzeDumpDeps; calls: () => number } {
  let calls = 0;
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          const mine = ++calls;
          const fail = (): never => {
            throw new ServiceError("service.unavailable", "planted");
          };
          if (mine === failAt && !after) fail();
          const value = await method.apply(target, args);
          if (mine === failAt) fail();
          return value;
        };
      },
    });
  return {
    calls: () => calls,
    deps: {
      ...deps,
      dumps: wrap(deps.dumps),
      reports: wrap(deps.reports),
      crashes: wrap(deps.crashes),
      events: wrap(deps.events),
    },
  };
}

const key = "dumps/m/pc-1/a.dmp";

describe("analyzeDump", () => {
  it.each(dumps)("records %s with report, bucket and events", async (name) => {
    const { store, deps, crashes, reports, bus } = world();
    store.objects.set(key, { bytes: readFileSync(new URL(name, examples)), machine: "from-metadata" });
    const outcome = await analyzeDump(delivery(key), deps);
    expect(outcome.result).toBe("recorded");
    const stored = crashes.crashes.get(outcome.crashId);
    expect(stored?.notified).toBe(true);
    expect(stored?.record.machine).toBe("from-metadata");
    expect(bus.events.map((event) => event.type)).toEqual(["Crash Analyzed", "Bucket Created"]);
    for (const event of bus.events) eventSchemas[event.type].parse(event.detail);
    const report = JSON.parse(gunzipSync(reports.reports.get(stored?.record.reportKey ?? "") ?? "").toString());
    expect(() => crashReportSchema.parse(report)).not.toThrow();
    expect(report.bucket.id).toBe(stored?.record.bucketId);
  });

  it("changes nothing at a second delivery", async () => {
    const { store, deps, crashes, bus } = world();
    store.objects.set(key, { bytes: dump });
    await analyzeDump(delivery(key), deps);
    const events = bus.events.length;
    const again = await analyzeDump(delivery(key, { receiveCount: 2 }), deps);
    expect(again.result).toBe("duplicate");
    expect(bus.events).toHaveLength(events);
    expect([...crashes.counts.values()]).toEqual([1]);
  });

  it("ignores a later version under an upload id, with a note, and takes it elsewhere", async () => {
    const { store, deps, crashes } = world();
    store.objects.set("dumps/u/1", { bytes: dump });
    store.objects.set(key, { bytes: dump });
    const first = await analyzeDump(delivery("dumps/u/1"), deps);
    const later = await analyzeDump(delivery("dumps/u/1", { versionId: "v2" }), deps);
    expect(later).toMatchObject({ result: "duplicate", crashId: first.crashId });
    expect(crashes.crashes.get(first.crashId)?.record.noteCodes).toContain("upload.later-version-ignored");
    await analyzeDump(delivery(key), deps);
    const other = await analyzeDump(delivery(key, { versionId: "v2" }), deps);
    expect(other.result).toBe("recorded");
    expect(crashes.crashes.size).toBe(3);
  });

  it("rejects what is no dump, what is empty and what is gone, with record, report and event", async () => {
    const { store, deps, crashes, reports, bus } = world();
    store.objects.set("dumps/u/text", { bytes: new TextEncoder().encode("this is no dump at all, sorry") });
    store.objects.set("dumps/u/empty", { bytes: new Uint8Array(0) });
    for (const [name, reason] of [
      ["dumps/u/text", "dump.not-a-dump"],
      ["dumps/u/empty", "dump.empty"],
      ["dumps/u/gone", "source.not-found"],
    ] as const) {
      const { crashId } = await analyzeDump(delivery(name), deps);
      const record = crashes.crashes.get(crashId)?.record;
      expect(record).toMatchObject({ status: "rejected", reason });
      const report = JSON.parse(gunzipSync(reports.reports.get(record?.reportKey ?? "") ?? "").toString());
      crashReportSchema.parse(report);
    }
    expect(bus.events.map((event) => event.type)).toEqual(["Crash Rejected", "Crash Rejected", "Crash Rejected"]);
    for (const event of bus.events) eventSchemas[event.type].parse(event.detail);
    expect(crashes.buckets.size).toBe(0);
  });

  it.each([false, true])("heals a fault at every single call (after the call took effect: %s)", async (after) => {
    let total = Number.POSITIVE_INFINITY;
    for (let failAt = 1; failAt <= total; failAt++) {
      const { store, deps, crashes, reports, bus } = world();
      store.objects.set(key, { bytes: dump });
      const broken = faulty(deps, failAt, after);
      await analyzeDump(delivery(key), broken.deps).then(
        () => {
          total = broken.calls();
        },
        (error: unknown) => expect(error).toBeInstanceOf(ServiceError),
      );
      await analyzeDump(delivery(key, { receiveCount: 2 }), deps);
      const crashId = crashIdOf(delivery(key).ref, nodePlatform.hash);
      const stored = crashes.crashes.get(crashId);
      expect(stored?.notified).toBe(true);
      expect([...crashes.counts.values()]).toEqual([1]);
      expect(reports.reports.has(stored?.record.reportKey ?? "")).toBe(true);
      // Each event at least once, and under one id only.
      for (const type of ["Crash Analyzed", "Bucket Created"] as const) {
        const ids = bus.events.filter((event) => event.type === type).map((event) => event.detail.id);
        expect(new Set(ids).size).toBe(1);
      }
      expect(crashes.attempts.size).toBe(0);
      if (failAt > 50) throw new Error("the use case makes more calls than anybody expects");
    }
    expect(total).toBeGreaterThan(6);
  });

  it("counts once and announces under one id however two deliveries interleave", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { store, deps, crashes, bus } = world();
        store.objects.set(key, { bytes: dump });
        const wrap = <T extends object>(port: T): T =>
          new Proxy(port, {
            get: (target, name) => {
              const method = Reflect.get(target, name);
              return typeof method === "function"
                ? scheduler.scheduleFunction(async (...args: unknown[]) => method.apply(target, args))
                : method;
            },
          });
        const scheduled = {
          ...deps,
          crashes: wrap(deps.crashes),
          events: wrap(deps.events),
          reports: wrap(deps.reports),
        };
        await scheduler.waitFor(
          Promise.all([analyzeDump(delivery(key), scheduled), analyzeDump(delivery(key), scheduled)]),
        );
        expect([...crashes.counts.values()]).toEqual([1]);
        for (const type of ["Crash Analyzed", "Bucket Created"] as const) {
          const ids = bus.events.filter((event) => event.type === type).map((event) => event.detail.id);
          expect(new Set(ids).size).toBe(1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("reads only the header of a dump that was killed twice", async () => {
    const { store, deps, crashes } = world();
    store.objects.set(key, { bytes: dump });
    const crashId = crashIdOf(delivery(key).ref, nodePlatform.hash);
    await crashes.beginAttempt(crashId); // the second delivery began and never ended
    await analyzeDump(delivery(key, { receiveCount: 3 }), deps);
    const record = crashes.crashes.get(crashId)?.record;
    expect(record?.status).toBe("partial");
    expect(record?.noteCodes).toContain("budget.killed");
    expect(record?.stopCode).toBeDefined();
  });

  it("says so when a budget ends the analysis", async () => {
    const { store, deps, crashes } = world();
    store.objects.set(key, { bytes: dump });
    const { crashId } = await analyzeDump(delivery(key), { ...deps, limits: { ...DEFAULT_LIMITS, bytes: 10 } });
    expect(crashes.crashes.get(crashId)?.record).toMatchObject({ status: "partial" });
    expect(crashes.crashes.get(crashId)?.record.noteCodes).toContain("budget.bytes");
  });
});
