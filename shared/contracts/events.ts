import { z } from "zod";

/**
 * Events on the bus, source `stopcode`. Each has a stable `id` over redelivery, ids and public
 * fields only. `docs/events/*.json` is generated from these schemas.
 */

/** `source` of every event. */
export const EVENT_SOURCE = "stopcode";
/** Version of all event shapes. */
export const EVENT_VERSION = 1 as const;

const base = {
  version: z.literal(EVENT_VERSION),
  /** Stable over redelivery: consumers that act once lease `id#target`. */
  id: z.string(),
  crash_id: z.string(),
  run: z.int().positive(),
  machine: z.string(),
  received_at: z.iso.datetime(),
};

const verdict = {
  status: z.enum(["analyzed", "partial"]),
  dump_kind: z.string(),
  /** Stop code or exception code, hex. */
  stop_code: z.string().nullable(),
  stop_name: z.string().nullable(),
  bucket_id: z.string(),
  bucket_title: z.string(),
  culprit_module: z.string().nullable(),
  culprit_version: z.string().nullable(),
  report_key: z.string(),
};

/** One schema per detail-type. */
export const eventSchemas = {
  "Crash Analyzed": z.object({ ...base, ...verdict }),
  "Crash Rejected": z.object({ ...base, reason: z.string(), report_key: z.string() }),
  "Bucket Created": z.object({ ...base, ...verdict }),
} as const;

/** Detail types that this version publishes. */
export type EventType = keyof typeof eventSchemas;

/** An event before it is handed to a bus. */
export type StopcodeEvent = {
  [T in EventType]: { readonly type: T; readonly detail: z.infer<(typeof eventSchemas)[T]> };
}[EventType];
