/** Namespace of all metrics. */
export const METRICS_NAMESPACE = "Stopcode";

/** Metrics are registered here before use: name → unit and what it counts. */
export const METRICS = {
  CrashAnalyzed: { unit: "Count", what: "crashes recorded as analyzed" },
  CrashPartial: { unit: "Count", what: "crashes recorded as partial" },
  CrashRejected: { unit: "Count", what: "objects recorded as rejected" },
  DuplicateDelivery: { unit: "Count", what: "messages whose crash was already recorded and notified" },
  BucketCreated: { unit: "Count", what: "new buckets" },
  MessageFailed: { unit: "Count", what: "messages given back to the queue" },
  DumpBytesRead: { unit: "Bytes", what: "bytes read of one dump" },
  DumpRequests: { unit: "Count", what: "range requests for one dump" },
  DumpRounds: { unit: "Count", what: "rounds of reads of one dump" },
  AnalysisTime: { unit: "Milliseconds", what: "time of one analysis, reads included" },
} as const;

/** Name of a registered metric. */
export type MetricName = keyof typeof METRICS;
