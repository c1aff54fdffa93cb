import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { dynamoClient, eventBridgeClient, s3Client } from "../../shared/adapters/aws/clients.ts";
import { DynamoCrashStore } from "../../shared/adapters/aws/dynamo-crash-store.ts";
import { EventBridgePublisher } from "../../shared/adapters/aws/eventbridge-publisher.ts";
import { S3DumpStore } from "../../shared/adapters/aws/s3-dump-store.ts";
import { S3ReportStore } from "../../shared/adapters/aws/s3-report-store.ts";
import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { type AnalyzeDumpDeps, analyzeDump } from "../../shared/pipeline/analyze-dump.ts";
import { clientOptions, createRuntime, readAnalyzeEnv } from "../runtime.ts";
import { createHandler } from "./handler.ts";

/** What Lambda loads: the real ports, made once for each execution environment. */

const env = readAnalyzeEnv();
const runtime = createRuntime();
const options = clientOptions();
const s3 = runtime.traceClient(s3Client(options));

const deps: AnalyzeDumpDeps = {
  dumps: new S3DumpStore(s3),
  reports: new S3ReportStore(s3, env.REPORTS_BUCKET),
  crashes: new DynamoCrashStore(dynamoClient(options), {
    table: env.TABLE_NAME,
    shards: env.SHARDS,
    retentionDays: env.CRASH_RETENTION_DAYS,
  }),
  events: new EventBridgePublisher(runtime.traceClient(eventBridgeClient(options)), env.EVENT_BUS_NAME),
  platform: nodePlatform,
  disassembler: loadDisassembler,
  log: runtime.log,
  metrics: runtime.metrics,
  limits: {
    bytes: env.BUDGET_BYTES,
    requests: env.BUDGET_REQUESTS,
    rounds: DEFAULT_LIMITS.rounds,
    milliseconds: env.BUDGET_MS,
  },
};

const handle = createHandler({ ...deps, analyze: (delivery) => analyzeDump(delivery, deps) });

export const handler = (event: SQSEvent, context: Context): Promise<SQSBatchResponse> =>
  runtime.invoke(event, context, handle);
