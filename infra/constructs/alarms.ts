import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as actions from "aws-cdk-lib/aws-cloudwatch-actions";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as sns from "aws-cdk-lib/aws-sns";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { Settings } from "../settings.ts";
import type { DumpQueue } from "./dump-queue.ts";

/** Where the runbook stands; every alarm's description ends with its entry there. */
export const RUNBOOK = "docs/runbook.md";

/** What an alarm is about: name (also its anchor in the runbook), sentence, metric and threshold. */
interface Watch {
  readonly name: string;
  readonly says: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  /** Periods in a row; 1 unless told. */
  readonly periods?: number;
}

/** The alarms of the analyze pipeline. Missing data is no alarm: an idle pipeline is a healthy one. */
export class PipelineAlarms extends Construct {
  constructor(
    scope: Construct,
    id: string,
    what: {
      readonly intake: DumpQueue;
      readonly analyze: lambda.Function;
      readonly undelivered: sqs.Queue;
      readonly topic: sns.Topic;
    },
    settings: Settings,
  ) {
    super(scope, id);
    const { intake, analyze, undelivered, topic } = what;
    const period = Duration.minutes(5);
    const timeoutMs = settings.analyze.timeoutSeconds * 1000;
    const watches: readonly Watch[] = [
      {
        name: "analyze-dlq-not-empty",
        says: "Messages that failed every delivery wait for a person",
        metric: intake.deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" }),
        threshold: 1,
      },
      {
        name: "notices-dlq-not-empty",
        says: "New buckets could not be announced",
        metric: undelivered.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" }),
        threshold: 1,
      },
      {
        name: "analyze-queue-age",
        says: `The oldest dump has waited ${settings.alarms.queueAgeMinutes} minutes`,
        metric: intake.queue.metricApproximateAgeOfOldestMessage({ period, statistic: "Maximum" }),
        threshold: settings.alarms.queueAgeMinutes * 60,
      },
      {
        name: "analyze-errors",
        says: "The function was killed or could not start",
        metric: analyze.metricErrors({ period, statistic: "Sum" }),
        threshold: 1,
      },
      {
        name: "analyze-throttles",
        says: "The function was refused concurrency for 15 minutes",
        metric: analyze.metricThrottles({ period, statistic: "Sum" }),
        threshold: 1,
        periods: 3,
      },
      {
        name: "analyze-duration",
        says: "An analysis came within a tenth of the time-out",
        metric: analyze.metricDuration({ period, statistic: "Maximum" }),
        threshold: timeoutMs * 0.9,
      },
    ];
    for (const watch of watches) {
      const alarm = new cloudwatch.Alarm(this, watch.name, {
        alarmName: `stopcode-${settings.stage}-${watch.name}`,
        alarmDescription: `${watch.says}. Runbook: ${RUNBOOK}#${watch.name}`,
        metric: watch.metric,
        threshold: watch.threshold,
        evaluationPeriods: watch.periods ?? 1,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new actions.SnsAction(topic));
    }
  }
}
