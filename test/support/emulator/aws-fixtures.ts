import { CreateTableCommand, type DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import {
  CreateEventBusCommand,
  type EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { MACHINE_METADATA, type ObjectRef } from "../../../shared/contracts/object-keys.ts";
import { INDEXES, PK, SK } from "../../../shared/contracts/table-keys.ts";
import type { ReceivedEvent } from "../contracts/event-publisher-contract.ts";

/** Buckets, a table and a bus for tests of one adapter, without a deployed stack. */

let made = 0;
/** A name that no other test has. */
export function freshName(kind: string): string {
  made += 1;
  return `${kind}-${process.pid}-${Date.now().toString(36)}-${made}`;
}

export async function makeBucket(s3: S3Client, versioned: boolean): Promise<string> {
  const Bucket = freshName("bucket");
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (versioned) {
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  return Bucket;
}

/** Puts an object and names it as an S3 event would: ETag without quotes. */
export async function putObject(
  s3: S3Client,
  bucket: string,
  key: string,
  bytes: Uint8Array,
  machine?: string,
): Promise<ObjectRef> {
  const metadata = machine === undefined ? {} : { Metadata: { [MACHINE_METADATA]: machine } };
  const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ...metadata });
  const { ETag, VersionId } = await s3.send(put);
  return {
    bucket,
    key,
    ...(VersionId === undefined ? {} : { versionId: VersionId }),
    ...(ETag === undefined ? {} : { etag: ETag.replaceAll('"', "") }),
  };
}

/** A table with the keys and indexes that infra/ declares. */
export async function makeTable(client: DynamoDBClient): Promise<string> {
  const TableName = freshName("table");
  const names = [PK, SK, ...Object.values(INDEXES).flatMap(({ pk, sk }) => [pk, sk])];
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: keySchema(PK, SK),
      GlobalSecondaryIndexes: Object.entries(INDEXES).map(([IndexName, { pk, sk }]) => ({
        IndexName,
        KeySchema: keySchema(pk, sk),
        Projection: { ProjectionType: "ALL" },
      })),
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
  return TableName;
}

function keySchema(pk: string, sk: string) {
  return [
    { AttributeName: pk, KeyType: "HASH" as const },
    { AttributeName: sk, KeyType: "RANGE" as const },
  ];
}

/** A bus whose events all go to a queue. */
export async function makeBus(events: EventBridgeClient, sqs: SQSClient): Promise<{ bus: string; queueUrl: string }> {
  const bus = freshName("bus");
  await events.send(new CreateEventBusCommand({ Name: bus }));
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: freshName("queue") }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
  const Rule = freshName("rule");
  await events.send(
    new PutRuleCommand({ Name: Rule, EventBusName: bus, EventPattern: JSON.stringify({ source: ["stopcode"] }) }),
  );
  const Arn = Attributes?.["QueueArn"] ?? "";
  await events.send(new PutTargetsCommand({ Rule, EventBusName: bus, Targets: [{ Id: "queue", Arn }] }));
  return { bus, queueUrl: QueueUrl };
}

/** Takes events off a queue until `count` have come or `waitMs` have passed. */
export async function receiveEvents(
  sqs: SQSClient,
  QueueUrl: string,
  count: number,
  waitMs = 10_000,
): Promise<ReceivedEvent[]> {
  const received: ReceivedEvent[] = [];
  const until = Date.now() + waitMs;
  while (received.length < count && Date.now() < until) {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
    const { Messages = [] } = await sqs.send(command);
    for (const { Body = "{}" } of Messages) {
      const event = JSON.parse(Body) as { source: string; "detail-type": string; detail: unknown };
      received.push({ source: event.source, type: event["detail-type"], detail: event.detail });
    }
    if (Messages.length > 0) {
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    }
  }
  return received;
}
