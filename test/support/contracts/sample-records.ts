import { createHash } from "node:crypto";
import type { StopcodeEvent } from "../../../shared/contracts/events.ts";
import { reportKey } from "../../../shared/contracts/object-keys.ts";
import type { BucketRecord, CrashRecord } from "../../../shared/contracts/records.ts";

/** Records and events for tests of stores and buses: whole, plausible, and different by number. */

/** 32 hex digits from any text, like the ids of crashes and buckets. */
export function sampleId(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** A record that has every field. */
export function sampleCrash(seed: string, over: Partial<CrashRecord> = {}): CrashRecord {
  const crashId = over.crashId ?? sampleId(`crash ${seed}`);
  return {
    crashId,
    run: 1,
    status: "analyzed",
    receivedAt: "2026-11-22T14:05:06.007Z",
    machine: "lab-7",
    source: { bucket: "dumps", key: `dumps/m/lab-7/${seed}.dmp`, versionId: "v1", etag: "e1", size: 2 ** 42 },
    reportKey: reportKey(crashId, 1),
    dumpKind: "kernel-triage",
    stopCode: "0xd1",
    stopName: "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
    bucketId: sampleId("bucket"),
    bucketTitle: "0xD1 in mydriver.sys",
    culpritModule: "mydriver.sys",
    culpritVersion: "1.2.3.4",
    os: "Windows NT",
    osVersion: "10.0.19045",
    dumpCreated: "2026-11-21T01:02:03.000Z",
    noteCodes: ["format.truncated"],
    io: { bytesRead: 262_144, requests: 1, rounds: 1 },
    analysisMs: 12,
    ...over,
  };
}

/** A record of an object that was no dump: no bucket, no verdict. */
export function sampleRejected(seed: string, over: Partial<CrashRecord> = {}): CrashRecord {
  const crashId = sampleId(`rejected ${seed}`);
  return {
    crashId,
    run: 1,
    status: "rejected",
    reason: "dump.not-a-dump",
    receivedAt: "2026-11-22T14:05:06.007Z",
    machine: "unknown",
    source: { bucket: "dumps", key: `dumps/u/${seed}`, size: 3 },
    reportKey: reportKey(crashId, 1),
    noteCodes: [],
    io: { bytesRead: 3, requests: 1, rounds: 1 },
    analysisMs: 0,
    ...over,
  };
}

export function sampleBucket(seed: string, over: Partial<BucketRecord> = {}): BucketRecord {
  return {
    bucketId: sampleId(`bucket ${seed}`),
    title: "0xD1 in mydriver.sys",
    grouping: "first:2026-11-22",
    firstSeen: "2026-11-22T14:05:06.007Z",
    firstCrashId: sampleId("crash 1"),
    state: "open",
    stopCode: "0xd1",
    culpritModule: "mydriver.sys",
    ...over,
  };
}

/** A "Crash Analyzed" event. */
export function sampleEvent(seed: string): StopcodeEvent {
  const crashId = sampleId(`crash ${seed}`);
  return {
    type: "Crash Analyzed",
    detail: {
      version: 1,
      id: `${crashId}/1/analyzed`,
      crash_id: crashId,
      run: 1,
      machine: "Büro ☃ 7",
      received_at: "2026-11-22T14:05:06.007Z",
      status: "analyzed",
      dump_kind: "kernel-triage",
      stop_code: "0xd1",
      stop_name: "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
      bucket_id: sampleId("bucket"),
      bucket_title: "0xD1 in mydriver.sys",
      culprit_module: "mydriver.sys",
      culprit_version: null,
      report_key: reportKey(crashId, 1),
    },
  };
}

/** A "Crash Rejected" event. */
export function sampleRejectedEvent(seed: string): StopcodeEvent {
  const { version, id, crash_id, run, machine, received_at, report_key } = sampleEvent(seed).detail;
  return {
    type: "Crash Rejected",
    detail: { version, id: `${id}/r`, crash_id, run, machine, received_at, report_key, reason: "dump.not-a-dump" },
  };
}
