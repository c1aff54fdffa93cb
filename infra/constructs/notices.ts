import { Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import * as events from "aws-cdk-lib/aws-events";
import * as targets from "aws-cdk-lib/aws-events-targets";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kms from "aws-cdk-lib/aws-kms";
import * as sns from "aws-cdk-lib/aws-sns";
import * as subscriptions from "aws-cdk-lib/aws-sns-subscriptions";
import * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { EVENT_SOURCE, type EventType } from "../../shared/contracts/events.ts";
import type { Settings } from "../settings.ts";

const ANNOUNCED: EventType = "Bucket Created";

/** The two topics that people listen to: new buckets, and alarms about the pipeline itself. */
export class Notices extends Construct {
  readonly buckets: sns.Topic;
  readonly alarms: sns.Topic;
  /** Announcements that the topic did not take within a day. */
  readonly undelivered: sqs.Queue;

  constructor(scope: Construct, id: string, bus: events.EventBus, settings: Settings) {
    super(scope, id);
    // A key of our own: services may not publish to a topic under AWS's key for SNS.
    const key = new kms.Key(this, "Key", {
      description: `stopcode ${settings.stage}: topics of new buckets and alarms`,
      enableKeyRotation: true,
      // It locks messages on their way, nothing that is kept.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The rule below brings EventBridge's grant along, alarms do not bring CloudWatch's.
    key.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey"],
        resources: ["*"], // in a key's own policy: this key
        conditions: { StringEquals: { "aws:SourceAccount": Stack.of(this).account } },
      }),
    );
    this.buckets = new sns.Topic(this, "Buckets", { masterKey: key, enforceSSL: true });
    this.alarms = new sns.Topic(this, "Alarms", { masterKey: key, enforceSSL: true });
    this.alarms.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: "CloudWatchAlarms",
        principals: [new iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [this.alarms.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Stack.of(this).account } },
      }),
    );
    if (settings.alarms.email !== undefined) {
      this.alarms.addSubscription(new subscriptions.EmailSubscription(settings.alarms.email));
    }
    this.undelivered = new sqs.Queue(this, "Undelivered", {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.undelivered).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "It is a dead-letter queue itself: of the rule that announces buckets.",
    });
    new events.Rule(this, "BucketCreated", {
      description: "A crash that was not seen before",
      eventBus: bus,
      eventPattern: { source: [EVENT_SOURCE], detailType: [ANNOUNCED] },
      // A bucket is announced once in its life: what cannot be handed over must not be dropped.
      targets: [new targets.SnsTopic(this.buckets, { deadLetterQueue: this.undelivered })],
    });
  }
}
