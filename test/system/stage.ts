import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SNSClient } from "@aws-sdk/client-sns";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, GetCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

/** A deployed stage as a stranger sees it: names from the stacks' outputs, the SDK, and nothing of ours. */

const { STOPCODE_OUTPUTS } = process.env;

/** What the stacks say of themselves. */
export type Outputs = Readonly<
  Record<
    | "DumpsBucket"
    | "ReportsBucket"
    | "TableName"
    | "EventBusName"
    | "DumpQueueUrl"
    | "DeadLettersUrl"
    | "AnalyzeFunctionName"
    | "BucketsTopicArn",
    string
  >
>;

/** A row of the table. */
export type Item = Record<string, unknown>;

/** Reads the file that `cdk deploy --outputs-file` wrote. */
export function readOutputs(): Outputs {
  if (STOPCODE_OUTPUTS === undefined) throw new Error("STOPCODE_OUTPUTS is not set: start with npm run test:system");
  const stacks: Record<string, Record<string, string>> = JSON.parse(readFileSync(STOPCODE_OUTPUTS, "utf8"));
  return Object.assign({}, ...Object.values(stacks));
}

export const s3 = new S3Client({ forcePathStyle: true });
// Queue URLs of an emulator may name a host that it is not reached by.
export const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
export const sns = new SNSClient({});
export const bridge = new EventBridgeClient({});
export const lambda = new LambdaClient({});
export const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Waits until something is there; polls, because that is all that a stranger can do. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  ms = 30_000,
): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await sleep(50);
  }
}

/** Puts an object and gives back what S3 calls it. */
export async function put(out: Outputs, key: string, body: Uint8Array | string, metadata: Record<string, string> = {}) {
  const Body = typeof body === "string" ? Buffer.from(body) : body;
  const answer = await s3.send(new PutObjectCommand({ Bucket: out.DumpsBucket, Key: key, Body, Metadata: metadata }));
  return { key, versionId: answer.VersionId ?? "", etag: answer.ETag ?? "", size: Body.length };
}

/** A report as it lies in its bucket, unpacked. */
export async function report(out: Outputs, key: string): Promise<Record<string, unknown>> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: out.ReportsBucket, Key: key }));
  const bytes = await answer.Body?.transformToByteArray();
  return JSON.parse(gunzipSync(bytes ?? new Uint8Array()).toString("utf8"));
}

/** What a row says of its crash; empty for rows of other things. */
export function recordOf(row: Item | undefined): Item {
  return (row?.["record"] ?? {}) as Item;
}

/** A crash's row, by its documented key. */
export async function crash(out: Outputs, id: string): Promise<Item | undefined> {
  const Key = { pk: `CRASH#${id}`, sk: "CRASH" };
  return (await table.send(new GetCommand({ TableName: out.TableName, Key, ConsistentRead: true }))).Item;
}

/** Every row of the table, sorted: two equal answers mean that nothing was written in between. */
export async function everyItem(out: Outputs): Promise<Item[]> {
  const items: Item[] = [];
  let from: Item | undefined;
  do {
    const page = await table.send(
      new ScanCommand({ TableName: out.TableName, ConsistentRead: true, ExclusiveStartKey: from }),
    );
    items.push(...(page.Items ?? []));
    from = page.LastEvaluatedKey;
  } while (from);
  const name = (item: Item) => `${item["pk"]} ${item["sk"]}`;
  return items.sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

/** Messages in a queue: waiting, and taken but not yet done. */
export async function depth(url: string): Promise<number> {
  const answer = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    }),
  );
  return Object.values(answer.Attributes ?? {}).reduce((sum, value) => sum + Number(value), 0);
}

/** Sends a message to the dump queue, as S3 would. */
export async function send(out: Outputs, body: string): Promise<void> {
  await sqs.send(new SendMessageCommand({ QueueUrl: out.DumpQueueUrl, MessageBody: body }));
}

/** The message that S3 sends for an object. */
export function s3Message(
  out: Outputs,
  object: { key: string; versionId: string; etag: string; size: number },
): string {
  return JSON.stringify({
    Records: [
      {
        eventVersion: "2.1",
        eventSource: "aws:s3",
        awsRegion: "us-east-1",
        eventTime: new Date().toISOString(),
        eventName: "ObjectCreated:Put",
        s3: {
          s3SchemaVersion: "1.0",
          bucket: { name: out.DumpsBucket, arn: `arn:aws:s3:::${out.DumpsBucket}` },
          object: {
            key: encodeURIComponent(object.key).replaceAll("%20", "+").replaceAll("%2F", "/"),
            size: object.size,
            eTag: object.etag.replaceAll('"', ""),
            versionId: object.versionId,
          },
        },
      },
    ],
  });
}
