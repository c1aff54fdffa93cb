import type { SQSEvent, SQSRecord } from "aws-lambda";
import { createHandler } from "../../../functions/analyze/handler.ts";
import type { Delivery } from "../../../shared/pipeline/analyze-dump.ts";
import { ServiceError } from "../../../shared/pipeline/errors.ts";

function s3Body(...keys: string[]): string {
  return JSON.stringify({
    Records: keys.map((key) => ({
      eventName: "ObjectCreated:Put",
      eventTime: "2026-11-22T14:00:00.000Z",
      s3: { bucket: { name: "b" }, object: { key, size: 1, eTag: "e", versionId: "v" } },
    })),
  });
}

function sqsEvent(...bodies: string[]): SQSEvent {
  const records = bodies.map((body, index) => ({
    messageId: `message-${index}`,
    body,
    attributes: { ApproximateReceiveCount: "3" },
  }));
  return { Records: records as SQSRecord[] };
}

/** A handler over a use case that fails for the keys given; what it was called with and what it logged. */
function harness(failing: Readonly<Record<string, Error>> = {}) {
  const deliveries: Delivery[] = [];
  const lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const counted: string[] = [];
  const logger =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields });
    };
  const handle = createHandler({
    analyze: async (delivery) => {
      deliveries.push(delivery);
      const error = failing[delivery.ref.key];
      if (error) throw error;
      return { crashId: "c", result: "recorded", status: "analyzed" };
    },
    log: { info: logger("info"), warn: logger("warn"), error: logger("error") },
    metrics: { count: (name) => counted.push(name) },
  });
  return { handle, deliveries, lines, counted };
}

describe("analyze handler", () => {
  it("hands each dump to the use case with the queue's receive count", async () => {
    const { handle, deliveries } = harness();
    expect(await handle(sqsEvent(s3Body("dumps/a"), s3Body("dumps/b", "dumps/c")))).toEqual({ batchItemFailures: [] });
    expect(deliveries.map(({ ref }) => ref.key)).toEqual(["dumps/a", "dumps/b", "dumps/c"]);
    expect(deliveries[0]).toEqual({
      ref: { bucket: "b", key: "dumps/a", versionId: "v", etag: "e" },
      size: 1,
      receivedAt: "2026-11-22T14:00:00.000Z",
      receiveCount: 3,
    });
  });

  it("gives back only the messages that failed", async () => {
    const { handle, deliveries, counted, lines } = harness({
      "dumps/b": new ServiceError("service.throttled", "the table is throttled"),
    });
    const answer = await handle(sqsEvent(s3Body("dumps/a"), s3Body("dumps/b"), s3Body("dumps/c")));
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: "message-1" }] });
    expect(deliveries).toHaveLength(3);
    expect(counted).toEqual(["MessageFailed"]);
    expect(lines).toEqual([
      {
        level: "error",
        message: "message given back to the queue",
        fields: {
          message_id: "message-1",
          error: "ServiceError",
          code: "service.throttled",
          detail: "the table is throttled",
        },
      },
    ]);
  });

  it("does the other dumps of a message before it gives it back", async () => {
    const { handle, deliveries } = harness({ "dumps/a": new ServiceError("service.timeout", "slow") });
    const answer = await handle(sqsEvent(s3Body("dumps/a", "dumps/b")));
    expect(answer.batchItemFailures).toHaveLength(1);
    expect(deliveries.map(({ ref }) => ref.key)).toEqual(["dumps/a", "dumps/b"]);
  });

  it("gives back what is no S3 event, so that it ends where a person sees it", async () => {
    const { handle, deliveries, lines } = harness();
    const answer = await handle(sqsEvent("not json", "{}", s3Body("dumps/%E0%A4%A", "dumps/a")));
    expect(answer.batchItemFailures).toHaveLength(3);
    expect(deliveries.map(({ ref }) => ref.key)).toEqual(["dumps/a"]);
    expect(lines.map(({ fields }) => fields["code"])).toEqual([
      "message.not-json",
      "message.not-s3-event",
      "message.bad-key",
    ]);
  });

  it("is done with the test event, and with events of no interest", async () => {
    const { handle, deliveries, lines } = harness();
    const event = sqsEvent('{"Event":"s3:TestEvent"}', s3Body("elsewhere/a"));
    expect(await handle(event)).toEqual({ batchItemFailures: [] });
    expect(deliveries).toEqual([]);
    expect(lines.map(({ level, fields }) => [level, fields["reason"]])).toEqual([
      ["info", "test-event"],
      ["warn", "outside-dumps"],
    ]);
  });

  it("logs the class of an error that nobody foresaw, not its text", async () => {
    const { handle, lines } = harness({ "dumps/a": new TypeError("secret bytes") });
    expect((await handle(sqsEvent(s3Body("dumps/a")))).batchItemFailures).toHaveLength(1);
    expect(lines[0]?.fields).toEqual({ message_id: "message-0", error: "TypeError", code: "internal" });
  });
});
