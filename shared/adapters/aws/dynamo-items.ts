import type { BucketRecord, CrashRecord } from "../../contracts/records.ts";
import {
  bucketKey,
  bucketStatePartition,
  type CrashListBy,
  crashKey,
  dayOf,
  hourCounterKey,
  hourOf,
  INDEXES,
  type IndexName,
  listPartition,
  listSort,
  monthOf,
  PK,
  SK,
  shardOf,
  TTL_ATTRIBUTE,
} from "../../contracts/table-keys.ts";

/**
 * Records as items of the table and back: pure functions. The record stands whole in one attribute,
 * keys of the indexes beside it; a field that a crash lacks leaves it out of that index.
 */

/** An item as the document client takes it. */
export type Item = Record<string, unknown>;

/** Attributes besides keys. */
export const ATTRIBUTES = {
  record: "record",
  notified: "notified",
  attempts: "attempts",
  count: "crashes",
} as const;

/** Most note codes in an item, and most UTF-16 units of any text in it: an item is written to every index. */
export const MAX_ITEM_NOTE_CODES = 50;
export const MAX_ITEM_TEXT = 1024;

/** How records become items. */
export interface ItemOptions {
  readonly shards: number;
  /** Days after which a crash expires, counted from when it was received; 0 keeps it. */
  readonly retentionDays: number;
}

/** The item of a crash with the keys of every list that it stands in. */
export function itemOf(record: CrashRecord, { shards, retentionDays }: ItemOptions): Item {
  const item: Item = { ...crashKey(record.crashId), [ATTRIBUTES.record]: cut(record) };
  if (retentionDays > 0) item[TTL_ATTRIBUTE] = expiry(record.receivedAt, retentionDays);
  const shard = shardOf(record.crashId, shards);
  for (const list of listsOf(record)) {
    const { pk, sk } = INDEXES[list.by];
    item[pk] = listPartition(list, monthOf(record.receivedAt), shard);
    item[sk] = listSort(record.receivedAt, record.crashId);
  }
  return item;
}

/** The lists that a crash stands in. */
export function listsOf(record: CrashRecord): CrashListBy[] {
  const { bucketId, machine, receivedAt, stopCode, culpritModule: module, culpritVersion: version } = record;
  const lists: CrashListBy[] = [
    { by: "machine", machine },
    { by: "day", day: dayOf(receivedAt) },
  ];
  if (bucketId) lists.push({ by: "bucket", bucketId });
  if (stopCode) lists.push({ by: "stop", stopCode });
  if (module) lists.push({ by: "module", module });
  if (module && version) lists.push({ by: "version", module, version });
  return lists;
}

/** Key of the counter that a crash adds one to; none without a bucket. */
export function counterKeyOf(record: CrashRecord, shards: number): Item | undefined {
  if (!record.bucketId) return undefined;
  return hourCounterKey(record.bucketId, hourOf(record.receivedAt), shardOf(record.crashId, shards));
}

/** The item of a bucket; buckets of a state are listed in the `day` index. */
export function bucketItemOf(bucket: BucketRecord, shards: number): Item {
  const { pk, sk } = INDEXES.day;
  return {
    ...bucketKey(bucket.bucketId),
    [ATTRIBUTES.record]: cut(bucket),
    [pk]: bucketStatePartition(bucket.state, monthOf(bucket.firstSeen), shardOf(bucket.bucketId, shards)),
    [sk]: listSort(bucket.firstSeen, bucket.bucketId),
  };
}

/**
 * Every key value that recording a crash writes to: of the table and of each index, as `<index>/<key>`.
 * A storm of crashes is spread well when no value of it takes more than a small part of all.
 */
export function writesOf(record: CrashRecord, options: ItemOptions): string[] {
  const item = itemOf(record, options);
  const keys = [`table/${String(item[PK])}`];
  for (const [name, { pk }] of Object.entries(INDEXES) as [IndexName, { pk: string }][]) {
    if (item[pk] !== undefined) keys.push(`${name}/${String(item[pk])}`);
  }
  const counter = counterKeyOf(record, options.shards);
  if (counter) keys.push(`table/${String(counter[PK])}`);
  return keys;
}

/** The record of an item that this store wrote. */
export function recordIn<T extends CrashRecord | BucketRecord>(item: Item): T {
  return item[ATTRIBUTES.record] as T;
}

/** Sort value of an item in an index: its place in every list. */
export function sortIn(item: Item, index: IndexName): string {
  return String(item[INDEXES[index].sk]);
}

/** Primary key of an item. */
export function keyIn(item: Item): Item {
  return { [PK]: item[PK], [SK]: item[SK] };
}

/** Epoch seconds `days` after an ISO time; undefined time gives no date, so it is the caller's to check. */
export function expiry(isoTime: string, days: number): number {
  return Math.floor(Date.parse(isoTime) / 1000) + days * 86_400;
}

/** Cuts texts and note codes: far below the 400 KB of an item, whatever a dump says. */
function cut<T extends CrashRecord | BucketRecord>(record: T): T {
  const entries = Object.entries(record).map(([name, value]) => {
    if (typeof value === "string") return [name, value.slice(0, MAX_ITEM_TEXT).toWellFormed()];
    if (name === "noteCodes" && Array.isArray(value)) {
      return [name, value.slice(0, MAX_ITEM_NOTE_CODES).map((code) => String(code).slice(0, MAX_ITEM_TEXT / 8))];
    }
    return [name, value];
  });
  return Object.fromEntries(entries) as T;
}
