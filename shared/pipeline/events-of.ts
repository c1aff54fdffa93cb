import { EVENT_VERSION, type EventType, type StopcodeEvent } from "../contracts/events.ts";
import type { HashHex } from "../contracts/object-keys.ts";
import type { CrashRecord } from "../contracts/records.ts";

/**
 * The events of a recorded crash. Their ids come from crash, run and type alone, so that a repeated
 * delivery repeats the same ids.
 */
export function eventsOf(record: CrashRecord, announcesBucket: boolean, hash: HashHex): StopcodeEvent[] {
  const base = (type: EventType) => ({
    version: EVENT_VERSION as typeof EVENT_VERSION,
    id: hash([record.crashId, String(record.run), type]),
    crash_id: record.crashId,
    run: record.run,
    machine: record.machine,
    received_at: record.receivedAt,
  });
  if (record.status === "rejected") {
    const detail = { ...base("Crash Rejected"), reason: record.reason ?? "unknown", report_key: record.reportKey };
    return [{ type: "Crash Rejected", detail }];
  }
  const verdict = {
    status: record.status,
    dump_kind: record.dumpKind ?? "unknown",
    stop_code: record.stopCode ?? null,
    stop_name: record.stopName ?? null,
    bucket_id: record.bucketId ?? "",
    bucket_title: record.bucketTitle ?? "",
    culprit_module: record.culpritModule ?? null,
    culprit_version: record.culpritVersion ?? null,
    report_key: record.reportKey,
  };
  const events: StopcodeEvent[] = [{ type: "Crash Analyzed", detail: { ...base("Crash Analyzed"), ...verdict } }];
  if (announcesBucket) events.push({ type: "Bucket Created", detail: { ...base("Bucket Created"), ...verdict } });
  return events;
}
