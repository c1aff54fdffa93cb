import type { ObjectRef } from "../contracts/object-keys.ts";
import type { CrashRecord } from "../contracts/records.ts";
import { plainStopCode } from "../triage/kernel-bucket.ts";
import type { Analysis } from "./analyze.ts";

/** Facts of a delivery that stand in a record beside what the analysis found. */
export interface RecordFacts {
  readonly crashId: string;
  readonly run: number;
  readonly receivedAt: string;
  readonly machine: string;
  readonly ref: ObjectRef;
  readonly reportKey: string;
  readonly analysisMs: number;
}

/** Most note codes that a record keeps: the report has them all, a table item must stay small. */
const MAX_NOTE_CODES = 20;
/** Longest text field of a record; names come from dumps and may be of any length. */
const MAX_TEXT = 256;

/** The record of an analysis: public fields only. */
export function recordOf(analysis: Analysis, facts: RecordFacts): CrashRecord {
  const { report } = analysis;
  const cut = (text: string | null | undefined): string | undefined => text?.slice(0, MAX_TEXT);
  const optional = {
    reason: analysis.reason,
    dumpKind: analysis.status === "rejected" ? undefined : report.dump.kind,
    stopCode: stopCodeOf(report),
    stopName: cut(report.bugcheck?.name ?? report.exception?.name ?? report.crash_info.type),
    bucketId: report.bucket?.id,
    bucketTitle: cut(report.bucket?.title),
    grouping: report.bucket?.grouping,
    culpritModule: cut(report.culprit?.module),
    culpritVersion: cut(report.culprit?.version),
    os: cut(report.system_info.os),
    osVersion: cut(report.system_info.os_ver),
    dumpCreated: report.dump.created ?? undefined,
  };
  const { versionId, etag } = facts.ref;
  return {
    crashId: facts.crashId,
    run: facts.run,
    status: analysis.status,
    receivedAt: facts.receivedAt,
    machine: facts.machine,
    source: {
      bucket: facts.ref.bucket,
      key: facts.ref.key,
      size: report.dump.size,
      ...(versionId === undefined ? {} : { versionId }),
      ...(etag === undefined ? {} : { etag }),
    },
    reportKey: facts.reportKey,
    noteCodes: [...new Set(report.notes.map((note) => note.code))].slice(0, MAX_NOTE_CODES),
    io: { bytesRead: report.io.bytes_read, requests: report.io.requests, rounds: report.io.rounds },
    analysisMs: facts.analysisMs,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<CrashRecord>),
  };
}

/**
 * `0x` and lower-case hex without padding: `0xd1`, `0xc0000005`; for signals their number. Rewritten
 * codes are listed with the ones that they were: whoever asks for 0x7E means 0x1000007E too.
 */
function stopCodeOf({ bugcheck, exception }: Analysis["report"]): string | undefined {
  if (bugcheck) return `0x${plainStopCode(Number(bugcheck.code)).toString(16)}`;
  return exception ? `0x${BigInt(exception.code).toString(16)}` : undefined;
}
