import { z } from "zod";
import { DUMPS_PREFIX, decodeEventKey, type ObjectRef } from "../contracts/object-keys.ts";
import { MessageError } from "./errors.ts";

/** An object that arrived under `dumps/`, as one S3 event names it. */
export interface DumpRef {
  readonly ref: ObjectRef;
  /** Bytes; absent when the event does not say. */
  readonly size?: number;
  /** Time of the event, ISO 8601 with milliseconds. */
  readonly receivedAt: string;
}

/** Why a record of a message needs no work. */
export type IgnoredReason = "test-event" | "not-created" | "outside-dumps";

/** What one queue message says. */
export interface DecodedMessage {
  /** Dumps to analyse, in the order of the message. */
  readonly refs: readonly DumpRef[];
  /** Records that need no work; the event's name or the key's prefix is left out when there is none. */
  readonly ignored: readonly { readonly reason: IgnoredReason; readonly event?: string }[];
  /** Records that cannot be read: the message must go back to the queue once the others are done. */
  readonly problems: readonly MessageError[];
}

/** Longest key of S3, bytes; in percent-encoding three times that. */
const MAX_ENCODED_KEY = 3 * 1024;

const testEventSchema = z.object({ Event: z.literal("s3:TestEvent") });

const envelopeSchema = z.object({ Records: z.array(z.unknown()).min(1) });

const recordSchema = z.object({
  eventName: z.string().min(1).max(128),
  eventTime: z.iso.datetime({ offset: true }),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1).max(255) }),
    object: z.object({
      key: z.string().min(1).max(MAX_ENCODED_KEY),
      size: z.int().nonnegative().optional(),
      eTag: z.string().max(256).optional(),
      versionId: z.string().max(1024).optional(),
    }),
  }),
});

/**
 * Decodes the body of a queue message: an S3 event notification of one or more records, or the
 * test event that S3 sends when a notification is set.
 * @throws MessageError when the body as a whole is no such thing; single bad records are `problems`
 */
export function decodeS3Message(body: string): DecodedMessage {
  const message = parseJson(body);
  if (testEventSchema.safeParse(message).success) {
    return { refs: [], ignored: [{ reason: "test-event", event: "s3:TestEvent" }], problems: [] };
  }
  const envelope = envelopeSchema.safeParse(message);
  if (!envelope.success) {
    throw new MessageError(
      "message.not-s3-event",
      `the message is no S3 event notification: ${firstIssue(envelope.error)}`,
    );
  }
  const refs: DumpRef[] = [];
  const ignored: { reason: IgnoredReason; event?: string }[] = [];
  const problems: MessageError[] = [];
  for (const [index, value] of envelope.data.Records.entries()) {
    const record = recordSchema.safeParse(value);
    if (!record.success) {
      const text = `record ${index} is no S3 event: ${firstIssue(record.error)}`;
      problems.push(new MessageError("message.not-s3-event", text));
      continue;
    }
    const decoded = decodeRecord(record.data, index);
    if (decoded instanceof MessageError) problems.push(decoded);
    else if ("reason" in decoded) ignored.push(decoded);
    else refs.push(decoded);
  }
  return { refs, ignored, problems };
}

function decodeRecord(
  record: z.infer<typeof recordSchema>,
  index: number,
): DumpRef | { reason: IgnoredReason; event: string } | MessageError {
  const event = record.eventName;
  // Some senders keep the `s3:` that the notification's configuration has.
  if (!/^(s3:)?ObjectCreated:/.test(event)) return { reason: "not-created", event };
  const { bucket, object } = record.s3;
  const key = decodeEventKey(object.key);
  if (key === undefined)
    return new MessageError("message.bad-key", `record ${index}: the key is not percent-encoded text`);
  if (!key.startsWith(DUMPS_PREFIX)) return { reason: "outside-dumps", event };
  return {
    ref: {
      bucket: bucket.name,
      key,
      ...(object.versionId ? { versionId: object.versionId } : {}),
      ...(object.eTag ? { etag: object.eTag } : {}),
    },
    ...(object.size === undefined ? {} : { size: object.size }),
    receivedAt: new Date(record.eventTime).toISOString(),
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new MessageError("message.not-json", "the message is not JSON", {
      actual: `${body.length} characters`,
      cause,
    });
  }
}

/** Where and what, without the value: a message may hold anything. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "it does not match" : `${issue.path.join(".") || "it"}: ${issue.message}`;
}
