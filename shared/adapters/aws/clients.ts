import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { S3Client } from "@aws-sdk/client-s3";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

/** SDK clients as the adapters need them. Region and credentials come from where the SDK looks for them. */

/** What may be set from outside. */
export interface ClientOptions {
  /** Another address than AWS's own, as AWS_ENDPOINT_URL names it; buckets then stand in the path, not in the host. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** Tries of the SDK, the first included, for table and bus. */
  readonly tries?: number;
}

/** Milliseconds to connect; a region's own endpoint answers in single ones. */
const CONNECT_MS = 3_000;
/** Tries of the SDK for calls that we do not repeat ourselves: its waits after throttling are seconds. */
const SDK_TRIES = 4;

function common({ endpoint, region }: ClientOptions) {
  return { ...(endpoint ? { endpoint } : {}), ...(region ? { region } : {}) };
}

/**
 * S3 client. It tries once: the adapters try again themselves, because the SDK's own retries end
 * with the headers and a body may break after them. Checksums of ranges are not asked for: those
 * that S3 keeps are of the whole object.
 */
export function s3Client(options: ClientOptions = {}): S3Client {
  return new S3Client({
    ...common(options),
    ...(options.endpoint ? { forcePathStyle: true } : {}),
    maxAttempts: 1,
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: CONNECT_MS, httpsAgent: { maxSockets: 64, keepAlive: true } },
  });
}

/** DynamoDB client for plain values; absent fields are left out. */
export function dynamoClient(options: ClientOptions = {}): DynamoDBDocumentClient {
  const client = new DynamoDBClient({
    ...common(options),
    maxAttempts: options.tries ?? SDK_TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

/** EventBridge client. */
export function eventBridgeClient(options: ClientOptions = {}): EventBridgeClient {
  return new EventBridgeClient({
    ...common(options),
    maxAttempts: options.tries ?? SDK_TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
}
