import { Duration, Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as s3 from "aws-cdk-lib/aws-s3";
import * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { DUMPS_PREFIX } from "../../shared/contracts/object-keys.ts";
import { type Settings, VISIBILITY_FACTOR } from "../settings.ts";

/** Deliveries before a message goes to the DLQ. A crash of the function uses one, so does a failed call to a service. */
export const MAX_RECEIVES = 5;

/** The way from the dumps bucket to the analysis: a queue, its DLQ and the bucket's notification. */
export class DumpQueue extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetters: sqs.Queue;
  readonly #policy: sqs.QueuePolicy;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const common = {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    };
    this.deadLetters = new sqs.Queue(this, "DeadLetters", common);
    this.queue = new sqs.Queue(this, "Queue", {
      ...common,
      // A message must stay hidden while Lambda retries being throttled: AWS asks for six time-outs.
      visibilityTimeout: Duration.seconds(VISIBILITY_FACTOR * settings.analyze.timeoutSeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    this.queue.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: "DumpsBucket",
        principals: [new iam.ServicePrincipal("s3.amazonaws.com")],
        actions: ["sqs:SendMessage"],
        resources: [this.queue.queueArn],
        // Not the bucket's ARN: the bucket is made after this policy, because S3 tries the queue when
        // the notification is set. The account is what keeps strangers' buckets out.
        conditions: { StringEquals: { "aws:SourceAccount": Stack.of(this).account } },
      }),
    );
    this.#policy = this.queue.node.findChild("Policy") as sqs.QueuePolicy;
  }

  /**
   * Sends what is created under `dumps/` to the queue. Set on the bucket itself, not by CDK's helper:
   * that one is a function with rights on every bucket of the account.
   */
  notifyFrom(bucket: s3.Bucket): void {
    const resource = bucket.node.defaultChild as s3.CfnBucket;
    resource.notificationConfiguration = {
      queueConfigurations: [
        {
          event: "s3:ObjectCreated:*",
          queue: this.queue.queueArn,
          filter: { s3Key: { rules: [{ name: "prefix", value: DUMPS_PREFIX }] } },
        },
      ],
    };
    resource.node.addDependency(this.#policy);
  }
}
