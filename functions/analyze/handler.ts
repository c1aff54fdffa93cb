import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import type { AnalyzeDumpOutcome, Delivery } from "../../shared/pipeline/analyze-dump.ts";
import { decodeS3Message } from "../../shared/pipeline/decode-message.ts";
import type { Logger, MetricSink } from "../../shared/pipeline/ports.ts";

/** What the handler calls. */
export interface HandlerDeps {
  /** The use case with its ports. */
  readonly analyze: (delivery: Delivery) => Promise<AnalyzeDumpOutcome>;
  readonly log: Logger;
  readonly metrics: MetricSink;
}

/**
 * Queue messages in, failed messages out.
 *
 * Given back to the queue, tried again and after the queue's last delivery in the DLQ:
 * - a call to a service that failed (throttled, timed out, denied), and any error that nobody foresaw;
 * - a message that is no S3 event: trying again is in vain, but the DLQ is where a person sees it.
 *
 * Not tried again, because it is an answer: a dump that is none, is broken, is gone or is over its
 * budget. The use case records it, and the message is done.
 *
 * A kill (memory, time) gives the whole invocation back; with a batch size of 1 that is one message.
 */
export function createHandler(deps: HandlerDeps): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return async (event) => {
    const batchItemFailures: SQSBatchResponse["batchItemFailures"] = [];
    for (const message of event.Records) {
      try {
        await handleMessage(message, deps);
      } catch (error) {
        deps.metrics.count("MessageFailed");
        deps.log.error("message given back to the queue", { message_id: message.messageId, ...factsOf(error) });
        batchItemFailures.push({ itemIdentifier: message.messageId });
      }
    }
    return { batchItemFailures };
  };
}

/** Every record of the message is tried, then the first failure stands for all: what is done is done once only. */
async function handleMessage(message: SQSRecord, deps: HandlerDeps): Promise<void> {
  const { refs, ignored, problems } = decodeS3Message(message.body);
  for (const { reason, event } of ignored) {
    const say = reason === "test-event" ? deps.log.info : deps.log.warn;
    say.call(deps.log, "S3 event ignored", { message_id: message.messageId, reason, event });
  }
  const failures: unknown[] = [...problems];
  const receiveCount = Math.max(1, Number(message.attributes.ApproximateReceiveCount) || 1);
  for (const dump of refs) {
    try {
      await deps.analyze({ ...dump, receiveCount });
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** What of an error may stand in a log: class and code; the message only of errors that are ours. */
function factsOf(error: unknown): Record<string, unknown> {
  if (error instanceof StopcodeError) return { error: error.name, code: error.code, detail: error.message };
  return { error: error instanceof Error ? error.name : typeof error, code: "internal" };
}
