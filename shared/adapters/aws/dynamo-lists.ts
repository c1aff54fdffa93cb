import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { INDEXES, type IndexName } from "../../contracts/table-keys.ts";
import { ServiceError } from "../../pipeline/errors.ts";
import type { Page } from "../../pipeline/ports.ts";
import { toServiceError } from "./aws-errors.ts";
import { type Item, sortIn } from "./dynamo-items.ts";

/** Longest page of a listing. */
export const MAX_PAGE = 100;
/** Answers of one shard's query: 101 items of a few KB come in one; a bound all the same. */
const MAX_ANSWERS = 20;

/** A list that is spread over shards. */
export interface ShardedList {
  readonly table: string;
  readonly index: IndexName;
  /** Partition values, one a shard. */
  readonly partitions: readonly string[];
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * One page, newest first: asks every shard for the newest items behind the cursor and merges them.
 * The sort value (time, then id) is unique and orders all shards together, so the last one of a page
 * is all that a cursor holds: it stays valid whatever is written meanwhile.
 * @throws ServiceError `service.rejected` for a bad limit or cursor
 */
export async function queryNewest(client: DynamoDBDocumentClient, list: ShardedList): Promise<Page<Item>> {
  const { limit, index } = list;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new ServiceError("service.rejected", "a page has 1 to 100 items", { expected: MAX_PAGE, actual: limit });
  }
  const before = list.cursor === undefined ? undefined : decodeCursor(list.cursor);
  const shards = await Promise.all(list.partitions.map((value) => newestOfShard(client, list, value, before)));
  const merged = shards.flat().sort((a, b) => (sortIn(a, index) < sortIn(b, index) ? 1 : -1));
  const items = merged.slice(0, limit);
  const last = items.at(-1);
  if (merged.length <= limit || last === undefined) return { items };
  return { items, cursor: Buffer.from(sortIn(last, index)).toString("base64url") };
}

/** At most one more than the page holds, to know whether there is a next one. */
async function newestOfShard(
  client: DynamoDBDocumentClient,
  { table, index, limit }: ShardedList,
  partition: string,
  before: string | undefined,
): Promise<Item[]> {
  const { pk, sk } = INDEXES[index];
  return queryAll(client, limit + 1, {
    TableName: table,
    IndexName: index,
    KeyConditionExpression: before === undefined ? "#pk = :pk" : "#pk = :pk AND #sk < :before",
    ExpressionAttributeNames: before === undefined ? { "#pk": pk } : { "#pk": pk, "#sk": sk },
    ExpressionAttributeValues: before === undefined ? { ":pk": partition } : { ":pk": partition, ":before": before },
    ScanIndexForward: false,
  });
}

/** Items of one query over its answers, at most `most`. */
export async function queryAll(
  client: DynamoDBDocumentClient,
  most: number,
  input: ConstructorParameters<typeof QueryCommand>[0],
): Promise<Item[]> {
  const items: Item[] = [];
  let from: Record<string, unknown> | undefined;
  for (let answers = 0; answers < MAX_ANSWERS; answers++) {
    const command = new QueryCommand({
      ...input,
      Limit: most - items.length,
      ...(from ? { ExclusiveStartKey: from } : {}),
    });
    const answer = await client.send(command).catch((error: unknown) => {
      throw toServiceError("Query", error);
    });
    items.push(...(answer.Items ?? []));
    from = answer.LastEvaluatedKey;
    if (from === undefined || items.length >= most) break;
  }
  return items;
}

/** The sort value in a cursor. It comes from outside: it may only be what a sort value looks like. */
function decodeCursor(cursor: string): string {
  const value = cursor.length <= 256 ? Buffer.from(cursor, "base64url").toString("utf8") : "";
  if (!/^\d{4}-[\d:.TZ-]{6,26}#[\w-]{1,64}$/.test(value)) {
    throw new ServiceError("service.rejected", "the cursor is not one that a listing gave");
  }
  return value;
}
