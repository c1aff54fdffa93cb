import { randomUUID } from "node:crypto";
import { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  TransactWriteCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from "@aws-sdk/lib-dynamodb";
import type { BucketRecord, CrashRecord } from "../../contracts/records.ts";
import {
  attemptKey,
  bucketKey,
  bucketStatePartition,
  type CrashListBy,
  crashKey,
  hourCounterKey,
  listPartition,
  PK,
  SK,
  TTL_ATTRIBUTE,
} from "../../contracts/table-keys.ts";
import { ServiceError } from "../../pipeline/errors.ts";
import type { CrashStore, Page, StoredCrash } from "../../pipeline/ports.ts";
import { toServiceError } from "./aws-errors.ts";
import {
  ATTRIBUTES,
  bucketItemOf,
  counterKeyOf,
  expiry,
  type Item,
  itemOf,
  MAX_ITEM_NOTE_CODES,
  recordIn,
} from "./dynamo-items.ts";
import { queryAll, queryNewest } from "./dynamo-lists.ts";
import { DEFAULT_RETRY, type RetryPolicy, withRetries } from "./retry.ts";

/** Days that a count of attempts is kept: a queue forgets a message after at most 14. */
const ATTEMPT_DAYS = 15;
/** Most hours that counters are read for in one call: ten years. */
const MAX_HOURS = 87_840;
const NOT_THERE = "attribute_not_exists(#pk)";

/** What the store is told from outside. */
export interface DynamoCrashStoreOptions {
  readonly table: string;
  /** Shards of hot keys, 1 to 64. Fewer than before hide what was written to the others. */
  readonly shards: number;
  /** Days after which crashes expire; 0 keeps them. Buckets and counters do not expire. */
  readonly retentionDays: number;
  /** For transactions that met others on the same counter; throttling is the SDK's to repeat. */
  readonly retry?: RetryPolicy;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Crashes, buckets and counters in one DynamoDB table (keys: contracts/table-keys.ts). Reads by id
 * are consistent; lists come from indexes and may lag behind by a moment.
 */
export class DynamoCrashStore implements CrashStore {
  readonly #client: DynamoDBDocumentClient;
  readonly #options: DynamoCrashStoreOptions;
  readonly #retry: RetryPolicy;

  constructor(client: DynamoDBDocumentClient, options: DynamoCrashStoreOptions) {
    this.#client = client;
    this.#options = options;
    this.#retry = options.retry ?? { ...DEFAULT_RETRY, tries: 6 };
  }

  async getCrash(crashId: string): Promise<StoredCrash | undefined> {
    const item = await this.#get(crashKey(crashId));
    return item && storedCrash(item);
  }

  async recordCrash(record: CrashRecord): Promise<"created" | "exists"> {
    const { table: TableName, shards } = this.#options;
    const put = {
      TableName,
      Item: itemOf(record, this.#options),
      ConditionExpression: NOT_THERE,
      ExpressionAttributeNames: { "#pk": PK },
    };
    const counter = counterKeyOf(record, shards);
    return withRetries(this.#retry, undefined, isConflict, async (abortSignal) => {
      try {
        if (counter) {
          const add = {
            TableName,
            Key: counter,
            UpdateExpression: "ADD #count :one",
            ExpressionAttributeNames: { "#count": ATTRIBUTES.count },
            ExpressionAttributeValues: { ":one": 1 },
          };
          // The token makes the SDK's own repetitions one transaction; a cancelled one starts anew.
          const input = { TransactItems: [{ Put: put }, { Update: add }], ClientRequestToken: randomUUID() };
          await this.#client.send(new TransactWriteCommand(input), { abortSignal });
        } else {
          await this.#client.send(new PutCommand(put), { abortSignal });
        }
        return "created";
      } catch (error) {
        if (isExists(error)) return "exists";
        throw conflictOf(error) ?? toServiceError("recordCrash", error);
      }
    });
  }

  async createBucket(bucket: BucketRecord): Promise<BucketRecord> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#options.table,
          Item: bucketItemOf(bucket, this.#options.shards),
          ConditionExpression: NOT_THERE,
          ExpressionAttributeNames: { "#pk": PK },
        }),
      );
      return bucket;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw toServiceError("createBucket", error);
    }
    const standing = await this.getBucket(bucket.bucketId);
    if (standing) return standing;
    throw new ServiceError("service.unavailable", "a bucket was there and is gone");
  }

  async getBucket(bucketId: string): Promise<BucketRecord | undefined> {
    const item = await this.#get(bucketKey(bucketId));
    return item && recordIn<BucketRecord>(item);
  }

  async addNoteCode(crashId: string, code: string): Promise<void> {
    await this.#updateCrash("addNoteCode", crashId, {
      UpdateExpression: "SET #record.#codes = list_append(#record.#codes, :list)",
      ConditionExpression:
        "attribute_exists(#pk) AND size(#record.#codes) < :most AND NOT contains(#record.#codes, :code)",
      ExpressionAttributeNames: { "#pk": PK, "#record": ATTRIBUTES.record, "#codes": "noteCodes" },
      ExpressionAttributeValues: { ":list": [code], ":code": code, ":most": MAX_ITEM_NOTE_CODES },
    });
  }

  async markNotified(crashId: string): Promise<void> {
    await this.#updateCrash("markNotified", crashId, {
      UpdateExpression: "SET #notified = :true",
      // An expired crash must not come back as an empty item.
      ConditionExpression: "attribute_exists(#pk)",
      ExpressionAttributeNames: { "#pk": PK, "#notified": ATTRIBUTES.notified },
      ExpressionAttributeValues: { ":true": true },
    });
  }

  /** A repetition of the SDK after a lost answer counts twice: the dump is then given up one attempt early. */
  async beginAttempt(crashId: string): Promise<number> {
    const now = new Date((this.#options.now ?? Date.now)()).toISOString();
    const command = new UpdateCommand({
      TableName: this.#options.table,
      Key: attemptKey(crashId),
      UpdateExpression: "SET #ttl = :ttl ADD #attempts :one",
      ExpressionAttributeNames: { "#ttl": TTL_ATTRIBUTE, "#attempts": ATTRIBUTES.attempts },
      ExpressionAttributeValues: { ":ttl": expiry(now, ATTEMPT_DAYS), ":one": 1 },
      ReturnValues: "UPDATED_NEW",
    });
    const { Attributes } = await this.#call("beginAttempt", () => this.#client.send(command));
    return Number(Attributes?.[ATTRIBUTES.attempts]);
  }

  async clearAttempts(crashId: string): Promise<void> {
    const command = new DeleteCommand({ TableName: this.#options.table, Key: attemptKey(crashId) });
    await this.#call("clearAttempts", () => this.#client.send(command));
  }

  async listCrashes(list: CrashListBy, month: string, limit: number, cursor?: string): Promise<Page<StoredCrash>> {
    const { table, shards } = this.#options;
    const partitions = Array.from({ length: shards }, (_, shard) => listPartition(list, month, shard));
    const page = await queryNewest(this.#client, { table, index: list.by, partitions, limit, cursor });
    return { ...page, items: page.items.map(storedCrash) };
  }

  async listBuckets(
    state: BucketRecord["state"],
    month: string,
    limit: number,
    cursor?: string,
  ): Promise<Page<BucketRecord>> {
    const { table, shards } = this.#options;
    const partitions = Array.from({ length: shards }, (_, shard) => bucketStatePartition(state, month, shard));
    const page = await queryNewest(this.#client, { table, index: "day", partitions, limit, cursor });
    return { ...page, items: page.items.map((item) => recordIn<BucketRecord>(item)) };
  }

  async bucketCounts(bucketId: string, fromHour: string, toHour: string): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    if (fromHour > toHour) return counts;
    const ofShard = (shard: number) => {
      const from = hourCounterKey(bucketId, fromHour, shard);
      return queryAll(this.#client, MAX_HOURS, {
        TableName: this.#options.table,
        KeyConditionExpression: "#pk = :pk AND #sk BETWEEN :from AND :to",
        ExpressionAttributeNames: { "#pk": PK, "#sk": SK },
        ExpressionAttributeValues: {
          ":pk": from[PK],
          ":from": from[SK],
          ":to": hourCounterKey(bucketId, toHour, shard)[SK],
        },
        ConsistentRead: true,
      });
    };
    const shards = await Promise.all(Array.from({ length: this.#options.shards }, (_, shard) => ofShard(shard)));
    for (const item of shards.flat()) {
      const hour = String(item[SK]).slice("H#".length);
      counts.set(hour, (counts.get(hour) ?? 0) + Number(item[ATTRIBUTES.count]));
    }
    return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Changes a crash where its condition holds, and nothing where not. */
  async #updateCrash(
    operation: string,
    crashId: string,
    change: Omit<UpdateCommandInput, "TableName" | "Key">,
  ): Promise<void> {
    try {
      await this.#client.send(new UpdateCommand({ TableName: this.#options.table, Key: crashKey(crashId), ...change }));
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw toServiceError(operation, error);
    }
  }

  async #get(Key: Item): Promise<Item | undefined> {
    const command = new GetCommand({ TableName: this.#options.table, Key, ConsistentRead: true });
    return (await this.#call("GetItem", () => this.#client.send(command))).Item;
  }

  async #call<T>(operation: string, work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw toServiceError(operation, error);
    });
  }
}

function storedCrash(item: Item): StoredCrash {
  return { record: recordIn<CrashRecord>(item), notified: item[ATTRIBUTES.notified] === true };
}

/** The crash was there: the condition of the put failed, alone or in its transaction. */
function isExists(error: unknown): boolean {
  if (error instanceof ConditionalCheckFailedException) return true;
  return (
    error instanceof TransactionCanceledException && error.CancellationReasons?.[0]?.Code === "ConditionalCheckFailed"
  );
}

const CONFLICTS = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

/** A transaction that met another one or a limit: nothing was written, and it may be tried again. */
function conflictOf(error: unknown): ServiceError | undefined {
  if (!(error instanceof TransactionCanceledException)) return undefined;
  const reason = error.CancellationReasons?.find(({ Code }) => CONFLICTS.has(Code ?? ""))?.Code;
  if (reason === undefined) return undefined;
  return new ServiceError("service.throttled", `the transaction was cancelled: ${reason}`, { cause: error });
}

function isConflict(error: unknown): boolean {
  return (
    error instanceof ServiceError &&
    error.cause instanceof TransactionCanceledException &&
    error.code === "service.throttled"
  );
}
