import { eventBridgeClient } from "../../../../shared/adapters/aws/clients.ts";
import {
  callsOf,
  EventBridgePublisher,
  MAX_CALL_BYTES,
} from "../../../../shared/adapters/aws/eventbridge-publisher.ts";
import type { ServiceError } from "../../../../shared/pipeline/errors.ts";
import { sampleEvent } from "../../../support/contracts/sample-records.ts";
import { type FakeJsonService, startFakeJsonService } from "./fake-json-service.ts";
import { instantRetry } from "./fake-s3.ts";

let fake: FakeJsonService;
let client: ReturnType<typeof eventBridgeClient>;
let publisher: EventBridgePublisher;
beforeEach(async () => {
  fake = await startFakeJsonService();
  client = eventBridgeClient({ endpoint: fake.endpoint, region: "us-east-1" });
  publisher = new EventBridgePublisher(client, "bus", instantRetry());
});
afterEach(async () => {
  client.destroy();
  await fake.close();
});

const events = (count: number) => Array.from({ length: count }, (_, n) => sampleEvent(`event ${n}`));
const taken = { EventId: "1" };
const refused = (ErrorCode: string) => ({ ErrorCode, ErrorMessage: "secret words" });
const answer = (...Entries: Record<string, string>[]) => ({
  Entries,
  FailedEntryCount: Entries.filter((entry) => "ErrorCode" in entry).length,
});
const sentIds = () =>
  fake.requests.map(({ body }) =>
    (body["Entries"] as { Detail: string }[]).map(({ Detail }) => (JSON.parse(Detail) as { id: string }).id),
  );

describe("publish", () => {
  it("sends again only what the bus did not take", async () => {
    const [a, b, c] = events(3).map((event) => event.detail.id);
    fake.script.push(
      answer(taken, refused("ThrottlingException"), refused("InternalFailure")),
      answer(refused("ThrottlingException"), taken),
      answer(taken),
    );
    await publisher.publish(events(3));
    expect(sentIds()).toEqual([[a, b, c], [b, c], [b]]);
  });

  it.each([
    ["ThrottlingException", "service.throttled", 3],
    ["InternalFailure", "service.unavailable", 3],
    ["MalformedDetail", "service.rejected", 1],
    ["NotAuthorizedForSourceException", "service.rejected", 1],
  ])("gives up on %s with %s", async (code, expected, tries) => {
    fake.script.push(...Array.from({ length: 3 }, () => answer(refused(code))));
    const error = await publisher.publish(events(1)).catch((caught: ServiceError) => caught);
    expect(error).toMatchObject({ code: expected, message: `the bus refused 1 events: ${code}` });
    expect(fake.requests.length).toBe(tries);
  });

  it("does not take an answer without results for a success", async () => {
    expect(await publisher.publish(events(1)).catch((caught: ServiceError) => caught.code)).toBe("service.unavailable");
  });

  it("names the failure of a whole call", async () => {
    fake.script.push({ status: 400, code: "AccessDeniedException" });
    expect(await publisher.publish(events(1)).catch((caught: ServiceError) => caught.code)).toBe("service.denied");
  });
});

describe("callsOf", () => {
  it("cuts by number and by bytes, in order", () => {
    const entry = (length: number) => ({ Source: "s", DetailType: "t", Detail: "☃".repeat(length) });
    expect(callsOf(Array.from({ length: 21 }, () => entry(1))).map((call) => call.length)).toEqual([10, 10, 1]);
    const third = Math.floor(MAX_CALL_BYTES / 9);
    expect(callsOf([third, third, third, third].map(entry)).map((call) => call.length)).toEqual([2, 2]);
    expect(() => callsOf([entry(MAX_CALL_BYTES)])).toThrow("larger than the bus takes");
    expect(callsOf([])).toEqual([]);
  });
});
