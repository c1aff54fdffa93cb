import { Database } from "../../../../shared/adapters/embedded/database.ts";
import { EmbeddedEventBus, type KeptEvent } from "../../../../shared/adapters/embedded/event-bus.ts";
import { EVENT_SOURCE } from "../../../../shared/contracts/events.ts";
import {
  defineEventPublisherContract,
  type ReceivedEvent,
} from "../../../support/contracts/event-publisher-contract.ts";
import { sampleEvent } from "../../../support/contracts/sample-records.ts";

defineEventPublisherContract("EmbeddedEventBus", async () => {
  const db = new Database(":memory:");
  const publisher = new EmbeddedEventBus(db);
  const heard: ReceivedEvent[] = [];
  publisher.subscribe(({ type, detail }) => heard.push({ source: EVENT_SOURCE, type, detail }));
  return { publisher, received: async () => heard, cleanup: async () => db.close() };
});

describe("EmbeddedEventBus", () => {
  it("keeps and tells an event once, however often it is repeated", async () => {
    const db = new Database(":memory:");
    const bus = new EmbeddedEventBus(db);
    const heard: KeptEvent[] = [];
    const leave = bus.subscribe((event) => heard.push(event));
    await bus.publish([sampleEvent("one")]);
    await bus.publish([sampleEvent("one"), sampleEvent("two")]);
    leave();
    await bus.publish([sampleEvent("three")]);
    expect(heard.map(({ detail }) => detail.id)).toEqual(["one", "two"].map((name) => sampleEvent(name).detail.id));
    expect(bus.since(0, 10)).toHaveLength(3);
    expect(bus.since(heard.at(-1)?.seq ?? 0, 10).map(({ detail }) => detail)).toEqual([sampleEvent("three").detail]);
    db.close();
  });
});
