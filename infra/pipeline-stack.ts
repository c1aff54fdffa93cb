import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Construct } from "constructs";
import type { AnalyzeEnvName } from "../shared/contracts/env.ts";
import { DUMPS_PREFIX, REPORTS_PREFIX } from "../shared/contracts/object-keys.ts";
import { PipelineAlarms } from "./constructs/alarms.ts";
import { Notices } from "./constructs/notices.ts";
import { PipelineFunction } from "./constructs/pipeline-function.ts";
import type { Settings } from "./settings.ts";
import type { StorageStack } from "./storage-stack.ts";

/** File that exports the analyze function's handler. */
export const ANALYZE_ENTRY = "functions/analyze/main.ts";

/** Replaceable things: the analyze function, topics, alarms. Deleting this stack loses no dump and no record. */
export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, storage: StorageStack, settings: Settings, props?: StackProps) {
    super(scope, id, props);
    const analyze = this.#analyze(storage, settings);
    const notices = new Notices(this, "Notices", storage.bus, settings);
    new PipelineAlarms(
      this,
      "Alarms",
      {
        intake: storage.intake,
        analyze: analyze.lambda,
        undelivered: notices.undelivered,
        topic: notices.alarms,
      },
      settings,
    );
    for (const [name, value] of Object.entries({
      AnalyzeFunctionName: analyze.lambda.functionName,
      BucketsTopicArn: notices.buckets.topicArn,
      AlarmsTopicArn: notices.alarms.topicArn,
    })) {
      new CfnOutput(this, name, { value });
    }
  }

  #analyze(storage: StorageStack, settings: Settings): PipelineFunction {
    const environment: Record<AnalyzeEnvName, string> = {
      TABLE_NAME: storage.table.tableName,
      REPORTS_BUCKET: storage.reports.bucketName,
      EVENT_BUS_NAME: storage.bus.eventBusName,
      SHARDS: String(settings.shards),
      CRASH_RETENTION_DAYS: String(settings.retentionDays.crashes),
      BUDGET_BYTES: String(settings.budgets.bytes),
      BUDGET_REQUESTS: String(settings.budgets.requests),
      BUDGET_MS: String(settings.budgets.ms),
    };
    const analyze = new PipelineFunction(this, "Analyze", {
      settings,
      entry: ANALYZE_ENTRY,
      description: "A dump arrived: range reads, a report, a record, events",
      environment,
      ...settings.analyze,
    });
    // A pinned version is read, or the current object where the event names none.
    analyze.allow(
      "ReadDumps",
      ["s3:GetObject", "s3:GetObjectVersion"],
      [storage.dumps.arnForObjects(`${DUMPS_PREFIX}*`)],
    );
    // Without it S3 answers 403 for an object that was deleted, which looks like a fault of ours and is retried.
    analyze.allow("TellMissingFromDenied", ["s3:ListBucket"], [storage.dumps.bucketArn]);
    analyze.allow("WriteReports", ["s3:PutObject"], [storage.reports.arnForObjects(`${REPORTS_PREFIX}*`)]);
    // Transactions need the rights of the writes in them; no queries, no scans, no deletes of crashes here.
    analyze.allow(
      "KeepRecords",
      ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
      [storage.table.tableArn],
    );
    analyze.allow("Announce", ["events:PutEvents"], [storage.bus.eventBusArn]);
    analyze.acknowledgePrefix(
      storage.dumps,
      DUMPS_PREFIX,
      "Reads the objects under dumps/, whose names machines choose.",
    );
    analyze.acknowledgePrefix(
      storage.reports,
      REPORTS_PREFIX,
      "Writes under reports/, one object for each crash and run.",
    );

    analyze.lambda.addEventSource(
      new SqsEventSource(storage.intake.queue, {
        // One dump an invocation: a kill (memory, time) touches only the dump that caused it, and the queue's
        // receive count is that dump's own. The price is one invocation a dump, small beside its reads.
        batchSize: 1,
        // Still partial responses: a message of several S3 records, or a larger batch size, fails one by one.
        reportBatchItemFailures: true,
        maxConcurrency: settings.analyze.maximumConcurrency,
      }),
    );
    return analyze;
  }
}
