import { SourceError } from "../bytes/errors.ts";
import { crashIdOf, machineOf, type ObjectRef, reportKey, UPLOADS_PREFIX } from "../contracts/object-keys.ts";
import type { BucketRecord, CrashRecord } from "../contracts/records.ts";
import type { LoadDisassembler } from "../triage/instruction/disassembler.ts";
import { type Analysis, type AnalysisLimits, analyzeSource, rejectedAnalysis } from "./analyze.ts";
import { eventsOf } from "./events-of.ts";
import type { CrashStore, DumpStore, EventPublisher, Logger, MetricSink, Platform, ReportStore } from "./ports.ts";
import { recordOf } from "./record-of.ts";

/** One delivery of one S3 event. */
export interface Delivery {
  readonly ref: ObjectRef;
  /** Size that the event names, bytes; spares a round when it is there. */
  readonly size?: number;
  /** Time of the S3 event, ISO 8601: everything is ordered by it. */
  readonly receivedAt: string;
  /** How often the queue has delivered it, from 1. */
  readonly receiveCount: number;
}

/** The ports and settings that the use case joins. */
export interface AnalyzeDumpDeps {
  readonly dumps: DumpStore;
  readonly reports: ReportStore;
  readonly crashes: CrashStore;
  readonly events: EventPublisher;
  readonly platform: Platform;
  /** Decodes failing instructions; without it reports have none. */
  readonly disassembler?: LoadDisassembler;
  readonly log: Logger;
  readonly metrics: MetricSink;
  readonly limits: AnalysisLimits;
}

/** What became of a delivery. */
export interface AnalyzeDumpOutcome {
  readonly crashId: string;
  /** `recorded`: new; `healed`: recorded earlier, events repeated; `duplicate`: nothing was left to do. */
  readonly result: "recorded" | "healed" | "duplicate";
  readonly status: CrashRecord["status"];
}

/**
 * The use case: one dump becomes a report, a record and events.
 *
 * The order is report → transaction → bucket → events → mark as notified, and every write is
 * conditional or repeats itself, so that a fault between any two is healed by the next delivery:
 * no lost record, no lost event, no counter counted twice, no event before its record.
 *
 * @throws SourceError, ServiceError when a service call failed: the delivery must be tried again
 */
export async function analyzeDump(delivery: Delivery, deps: AnalyzeDumpDeps): Promise<AnalyzeDumpOutcome> {
  const { ref } = delivery;
  const crashId = crashIdOf(ref, deps.platform.hash);
  const known = await deps.crashes.getCrash(crashId);
  if (known) {
    await noteRepeatedUpload(known.record, ref, deps);
    if (known.notified) {
      deps.metrics.count("DuplicateDelivery");
      return { crashId, result: "duplicate", status: known.record.status };
    }
    await announce(known.record, deps);
    return { crashId, result: "healed", status: known.record.status };
  }

  // A kill leaves no trace but the queue's count. From the second delivery on attempts are counted in
  // the store; one that is still counted at the third was killed too, and the header alone is read.
  const attempts = delivery.receiveCount >= 2 ? await deps.crashes.beginAttempt(crashId) : 0;
  try {
    const record = await analyzeAndRecord(crashId, delivery, attempts > 1, deps);
    return { crashId, result: "recorded", status: record.status };
  } finally {
    // In order, even when a service failed: that is no kill. Losing this call costs depth, not the dump.
    if (attempts > 0) await deps.crashes.clearAttempts(crashId).catch(() => {});
  }
}

async function analyzeAndRecord(
  crashId: string,
  delivery: Delivery,
  headerOnly: boolean,
  deps: AnalyzeDumpDeps,
): Promise<CrashRecord> {
  const started = performance.now();
  const { analysis, machine } = await analyzeDelivery(delivery, headerOnly, deps);
  const record = recordOf(analysis, {
    crashId,
    run: 1,
    receivedAt: delivery.receivedAt,
    machine: machineOf(delivery.ref.key, machine),
    ref: delivery.ref,
    reportKey: reportKey(crashId, 1),
    analysisMs: Math.round(performance.now() - started),
  });
  const json = new TextEncoder().encode(JSON.stringify(analysis.report));
  await deps.reports.put(record.reportKey, await deps.platform.gzip(json));
  const written = await deps.crashes.recordCrash(record);
  if (written === "created") countRecord(record, deps);
  // A delivery that ran beside this one may have recorded first: its record is the one that counts.
  const standing = written === "created" ? record : ((await deps.crashes.getCrash(crashId))?.record ?? record);
  await announce(standing, deps);
  return standing;
}

/** Opens and analyses; what cannot be read for good becomes a rejected analysis. */
async function analyzeDelivery(
  delivery: Delivery,
  headerOnly: boolean,
  deps: AnalyzeDumpDeps,
): Promise<{ analysis: Analysis; machine?: string }> {
  const { limits, platform, disassembler } = deps;
  const options = { limits, platform, headerOnly, ...(disassembler ? { disassembler } : {}) };
  try {
    const opened = await deps.dumps.open(delivery.ref, undefined, delivery.size);
    const analysis = await analyzeSource(opened.source, options);
    return opened.machine === undefined ? { analysis } : { analysis, machine: opened.machine };
  } catch (error) {
    // Deleted or replaced before it was read: no delivery will ever find it again.
    if (error instanceof SourceError && (error.code === "source.not-found" || error.code === "source.changed")) {
      return { analysis: rejectedAnalysis(error.code, error.message, delivery.size ?? 0, options) };
    }
    throw error;
  }
}

/** Bucket, events, mark: repeated as a whole until the mark stands. */
async function announce(record: CrashRecord, deps: AnalyzeDumpDeps): Promise<void> {
  let announcesBucket = false;
  if (record.bucketId !== undefined) {
    // Read before write: in a storm thousands of crashes find the bucket there, and a conditional put
    // that fails costs as much of the item's partition as one that succeeds.
    const standing =
      (await deps.crashes.getBucket(record.bucketId)) ?? (await deps.crashes.createBucket(bucketOf(record)));
    announcesBucket = standing.firstCrashId === record.crashId;
    if (announcesBucket) deps.metrics.count("BucketCreated");
  }
  await deps.events.publish(eventsOf(record, announcesBucket, deps.platform.hash));
  await deps.crashes.markNotified(record.crashId);
}

function bucketOf(record: CrashRecord): BucketRecord {
  return {
    bucketId: record.bucketId ?? "",
    title: record.bucketTitle ?? "",
    grouping: record.grouping ?? "",
    firstSeen: record.receivedAt,
    firstCrashId: record.crashId,
    state: "open",
    ...(record.stopCode === undefined ? {} : { stopCode: record.stopCode }),
    ...(record.culpritModule === undefined ? {} : { culpritModule: record.culpritModule }),
  };
}

/** A second PUT under an upload id is ignored, and says so on the crash. */
async function noteRepeatedUpload(record: CrashRecord, ref: ObjectRef, deps: AnalyzeDumpDeps): Promise<void> {
  if (!ref.key.startsWith(UPLOADS_PREFIX) || ref.versionId === record.source.versionId) return;
  deps.log.warn("a later version of an upload was ignored", { crash_id: record.crashId });
  await deps.crashes.addNoteCode(record.crashId, "upload.later-version-ignored");
}

function countRecord(record: CrashRecord, deps: AnalyzeDumpDeps): void {
  const metric = { analyzed: "CrashAnalyzed", partial: "CrashPartial", rejected: "CrashRejected" } as const;
  deps.metrics.count(metric[record.status]);
  deps.metrics.count("DumpBytesRead", record.io.bytesRead);
  deps.metrics.count("DumpRequests", record.io.requests);
  deps.metrics.count("DumpRounds", record.io.rounds);
  deps.metrics.count("AnalysisTime", record.analysisMs);
  deps.log.info("crash recorded", {
    crash_id: record.crashId,
    status: record.status,
    reason: record.reason,
    dump_kind: record.dumpKind,
    bucket_id: record.bucketId,
    bytes_read: record.io.bytesRead,
    requests: record.io.requests,
    rounds: record.io.rounds,
    analysis_ms: record.analysisMs,
  });
}
