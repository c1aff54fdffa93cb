/** Environment variables of the functions: declared here, set by infra/, read only by functions/runtime.ts. */

/** Variables of the analyze function and what they mean. */
export const ANALYZE_ENV = {
  TABLE_NAME: "DynamoDB table of crashes and buckets",
  REPORTS_BUCKET: "S3 bucket of full reports",
  EVENT_BUS_NAME: "EventBridge bus that events go to",
  SHARDS: "number of shards of hot keys, 1 to 64",
  CRASH_RETENTION_DAYS: "days after which crash records expire; 0 keeps them",
  BUDGET_BYTES: "most bytes that one analysis reads",
  BUDGET_REQUESTS: "most range requests of one analysis",
  BUDGET_MS: "milliseconds after which an analysis ends with what it has",
} as const;

/** Name of one variable. */
export type AnalyzeEnvName = keyof typeof ANALYZE_ENV;
