/**
 * Keys of the one DynamoDB table: names of attributes and indexes, and how each of DESIGN's questions
 * finds its partition. infra/ declares the indexes from here, the adapter writes and queries with them.
 *
 * Lists that may be hot (bucket, machine, day, stop code, module) have a time slice and a shard in the
 * partition key: a storm in one bucket spreads over `shards` partitions of each index.
 */

/** Default number of shards of hot keys (DESIGN, "The transaction"). */
export const DEFAULT_SHARDS = 8;

/** Primary key attributes. */
export const PK = "pk";
export const SK = "sk";
/** Epoch seconds after which DynamoDB deletes the item. */
export const TTL_ATTRIBUTE = "expires_at";

/** Global secondary indexes: name → its partition and sort key attributes. All project everything. */
export const INDEXES = {
  /** crashes of a bucket, newest first; buckets by last seen (roll-up items) */
  bucket: { pk: "bucket_pk", sk: "bucket_sk" },
  /** crashes of a machine; buckets by count in a window (roll-up items) */
  machine: { pk: "machine_pk", sk: "machine_sk" },
  /** crashes of a day; buckets by state and first seen */
  day: { pk: "day_pk", sk: "day_sk" },
  /** crashes by stop code */
  stop: { pk: "stop_pk", sk: "stop_sk" },
  /** crashes by culprit module, any version */
  module: { pk: "module_pk", sk: "module_sk" },
  /** crashes by culprit module and version */
  version: { pk: "version_pk", sk: "version_sk" },
} as const;

/** Names of the indexes. */
export type IndexName = keyof typeof INDEXES;

/** What a list of crashes is asked by. */
export type CrashListBy =
  | { readonly by: "bucket"; readonly bucketId: string }
  | { readonly by: "machine"; readonly machine: string }
  | { readonly by: "day"; readonly day: string }
  | { readonly by: "stop"; readonly stopCode: string }
  | { readonly by: "module"; readonly module: string }
  | { readonly by: "version"; readonly module: string; readonly version: string };

/** The month slice of an ISO time: lists other than a day's are cut by month. */
export function monthOf(isoTime: string): string {
  return isoTime.slice(0, 7);
}

/** The UTC day of an ISO time. */
export function dayOf(isoTime: string): string {
  return isoTime.slice(0, 10);
}

/** The UTC hour of an ISO time, `2026-11-22T14`. */
export function hourOf(isoTime: string): string {
  return isoTime.slice(0, 13);
}

/** Shard of a crash: from its id, so that a redelivery finds the same one. */
export function shardOf(crashId: string, shards: number): number {
  return Number.parseInt(crashId.slice(0, 8), 16) % shards;
}

/**
 * Longest name of a module or version that keys tell apart, in UTF-16 units. Names come from dumps
 * and may be of any length; two of this length, encoded at up to 9 bytes a unit, stay within the
 * 2,048 bytes of a partition key. What differs only behind it shares a list.
 */
export const MAX_KEY_PART = 110;

/**
 * Partition value of a crash list in one slice and shard. Parts are encoded: none can forge a
 * separator. Halves of surrogate pairs, which a cut or a hostile name may leave, become U+FFFD.
 */
export function listPartition(list: CrashListBy, slice: string, shard: number): string {
  const parts = (() => {
    switch (list.by) {
      case "bucket":
        return ["B", list.bucketId, slice];
      case "machine":
        return ["M", list.machine, slice];
      case "day":
        return ["D", list.day];
      case "stop":
        return ["S", list.stopCode, slice];
      case "module":
        return ["O", keyPart(list.module.toLowerCase()), slice];
      case "version":
        return ["V", keyPart(list.module.toLowerCase()), keyPart(list.version), slice];
    }
  })();
  return [...parts.map((part) => encodeURIComponent(part.toWellFormed())), String(shard)].join("#");
}

function keyPart(name: string): string {
  return name.slice(0, MAX_KEY_PART);
}

/** Sort value of a crash in every list: by received time, then id. */
export function listSort(receivedAt: string, crashId: string): string {
  return `${receivedAt}#${crashId}`;
}

/** Primary key of a crash. */
export const crashKey = (crashId: string) => ({ [PK]: `CRASH#${crashId}`, [SK]: "CRASH" });
/** Primary key of the counter of attempts that did not end: only written from the second delivery on. */
export const attemptKey = (crashId: string) => ({ [PK]: `CRASH#${crashId}`, [SK]: "ATTEMPT" });
/** Primary key of a bucket. */
export const bucketKey = (bucketId: string) => ({ [PK]: `BUCKET#${bucketId}`, [SK]: "BUCKET" });
/** Primary key of one shard of a bucket's hour counter. */
export const hourCounterKey = (bucketId: string, hour: string, shard: number) => ({
  [PK]: `COUNT#${bucketId}#${shard}`,
  [SK]: `H#${hour}`,
});
/** Partition of buckets in one state, in the `day` index; sorted by first seen. */
export const bucketStatePartition = (state: string, month: string, shard: number) => `BS#${state}#${month}#${shard}`;
