import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from "@aws-sdk/client-eventbridge";
import { EVENT_SOURCE, type StopcodeEvent } from "../../contracts/events.ts";
import { ServiceError } from "../../pipeline/errors.ts";
import type { EventPublisher } from "../../pipeline/ports.ts";
import { toServiceError } from "./aws-errors.ts";
import { DEFAULT_RETRY, type RetryPolicy, withRetries } from "./retry.ts";

/** Limits of one PutEvents call. */
export const MAX_ENTRIES = 10;
export const MAX_CALL_BYTES = 256 * 1024;

/** Events to a bus. What the bus takes only in part is sent again in part. */
export class EventBridgePublisher implements EventPublisher {
  readonly #client: EventBridgeClient;
  readonly #bus: string;
  readonly #retry: RetryPolicy;

  constructor(client: EventBridgeClient, bus: string, retry: RetryPolicy = DEFAULT_RETRY) {
    this.#client = client;
    this.#bus = bus;
    this.#retry = retry;
  }

  async publish(events: readonly StopcodeEvent[]): Promise<void> {
    for (const call of callsOf(events.map((event) => this.#entry(event)))) await this.#put(call);
  }

  #entry({ type, detail }: StopcodeEvent): PutEventsRequestEntry {
    return { EventBusName: this.#bus, Source: EVENT_SOURCE, DetailType: type, Detail: JSON.stringify(detail) };
  }

  async #put(entries: readonly PutEventsRequestEntry[]): Promise<void> {
    let left = entries;
    await withRetries(this.#retry, undefined, isPartial, async (abortSignal) => {
      const answer = await this.#client
        .send(new PutEventsCommand({ Entries: [...left] }), { abortSignal })
        .catch((error: unknown) => {
          throw toServiceError("PutEvents", error);
        });
      const results = answer.Entries ?? [];
      const failed = results.filter((result) => result.ErrorCode !== undefined);
      left = left.filter((_, index) => results[index]?.ErrorCode !== undefined);
      if (failed.length > 0) throw new PartialFailure(failed);
      if ((answer.FailedEntryCount ?? 0) > 0 || results.length === 0) {
        throw new ServiceError("service.unavailable", "the bus did not say which events it took");
      }
    });
  }
}

/** Some events of a call were not taken. The codes of the bus: throttles and its own failures pass, the rest does not. */
class PartialFailure extends ServiceError {
  constructor(failed: readonly PutEventsResultEntry[]) {
    const final = failed.find(({ ErrorCode }) => !PASSING.has(ErrorCode ?? ""))?.ErrorCode;
    const code = final ?? failed[0]?.ErrorCode ?? "unknown";
    super(
      final === undefined
        ? code.startsWith("Thrott")
          ? "service.throttled"
          : "service.unavailable"
        : "service.rejected",
      `the bus refused ${failed.length} events: ${/^\w{1,64}$/.test(code) ? code : "unknown"}`,
    );
  }
}

const PASSING = new Set(["ThrottlingException", "InternalFailure", "InternalException", "InternalError"]);

function isPartial(error: unknown): boolean {
  return error instanceof PartialFailure && error.code !== "service.rejected";
}

/**
 * Cuts entries into calls within both limits, in order.
 * @throws ServiceError `service.rejected` for an event that no call can hold
 */
export function callsOf(entries: readonly PutEventsRequestEntry[]): PutEventsRequestEntry[][] {
  const calls: PutEventsRequestEntry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entrySize(entry);
    if (size > MAX_CALL_BYTES) {
      throw new ServiceError("service.rejected", "an event is larger than the bus takes", {
        expected: MAX_CALL_BYTES,
        actual: size,
      });
    }
    const call = calls.at(-1);
    if (call && call.length < MAX_ENTRIES && bytes + size <= MAX_CALL_BYTES) {
      call.push(entry);
      bytes += size;
    } else {
      calls.push([entry]);
      bytes = size;
    }
  }
  return calls;
}

/** Size of an entry as the service counts it: UTF-8 bytes of source, type and detail. */
function entrySize({ Source = "", DetailType = "", Detail = "" }: PutEventsRequestEntry): number {
  return Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);
}
