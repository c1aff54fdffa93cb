import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import type * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as events from "aws-cdk-lib/aws-events";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { EVENT_SOURCE } from "../shared/contracts/events.ts";
import { DUMPS_PREFIX, REPORTS_PREFIX } from "../shared/contracts/object-keys.ts";
import { crashTable } from "./constructs/crash-table.ts";
import { DumpQueue } from "./constructs/dump-queue.ts";
import { accessLogsBucket, keptBucket } from "./constructs/kept-bucket.ts";
import type { Settings } from "./settings.ts";

/**
 * Kept things: buckets, table, event bus, and the queue of dumps that nobody has looked at yet. The queue
 * stands here and not with the function: the pipeline's stack can be deleted and made anew while dumps arrive.
 */
export class StorageStack extends Stack {
  readonly dumps: s3.Bucket;
  readonly reports: s3.Bucket;
  readonly symbols: s3.Bucket;
  readonly table: dynamodb.Table;
  readonly bus: events.EventBus;
  readonly intake: DumpQueue;

  constructor(scope: Construct, id: string, settings: Settings, props?: StackProps) {
    super(scope, id, props);
    const { retentionDays } = settings;
    const accessLogs = accessLogsBucket(this, "AccessLogs", settings);
    this.dumps = keptBucket(this, "Dumps", {
      settings,
      accessLogs,
      expire: { prefix: DUMPS_PREFIX, days: retentionDays.dumps },
    });
    this.reports = keptBucket(this, "Reports", {
      settings,
      accessLogs,
      expire: { prefix: REPORTS_PREFIX, days: retentionDays.reports },
    });
    // Symbols stay: a dump of a build from years ago still needs them.
    this.symbols = keptBucket(this, "Symbols", { settings, accessLogs });

    this.intake = new DumpQueue(this, "Intake", settings);
    this.intake.notifyFrom(this.dumps);

    this.table = crashTable(this, "Crashes", settings);
    this.bus = new events.EventBus(this, "Bus", { eventBusName: `stopcode-${settings.stage}` });
    if (settings.features.archive) {
      this.bus.archive("Archive", {
        description: "All events of ours, to replay to a new or repaired consumer",
        eventPattern: { source: [EVENT_SOURCE] },
        retention: Duration.days(retentionDays.archive),
      });
    }

    for (const [name, value] of Object.entries({
      DumpsBucket: this.dumps.bucketName,
      ReportsBucket: this.reports.bucketName,
      SymbolsBucket: this.symbols.bucketName,
      TableName: this.table.tableName,
      EventBusName: this.bus.eventBusName,
      DumpQueueUrl: this.intake.queue.queueUrl,
      DeadLettersUrl: this.intake.deadLetters.queueUrl,
    })) {
      new CfnOutput(this, name, { value });
    }
  }
}
