import { eventSchemas, type StopcodeEvent } from "../../../shared/contracts/events.ts";
import type { EventPublisher } from "../../../shared/pipeline/ports.ts";
import { sampleEvent, sampleRejectedEvent } from "./sample-records.ts";

/** What every EventPublisher promises. */

/** An event as a subscriber got it. */
export interface ReceivedEvent {
  readonly source: string;
  readonly type: string;
  readonly detail: unknown;
}

export interface EventPublisherHarness {
  readonly publisher: EventPublisher;
  /** Waits until `count` events have come in all, or a few seconds have passed; gives all since the start. */
  received(count: number): Promise<readonly ReceivedEvent[]>;
  cleanup?(): Promise<void>;
}

export function defineEventPublisherContract(name: string, setup: () => Promise<EventPublisherHarness>): void {
  describe(`${name} as an EventPublisher`, () => {
    let harness: EventPublisherHarness;
    beforeEach(async () => {
      harness = await setup();
    });
    afterEach(async () => harness.cleanup?.());

    it("hands over events whole, under our source and their type", async () => {
      const events = [sampleEvent("whole"), sampleRejectedEvent("whole")];
      await harness.publisher.publish(events);
      const got = [...(await harness.received(2))].sort((a, b) => (a.type < b.type ? -1 : 1));
      expect(got).toEqual(events.map(({ type, detail }) => ({ source: "stopcode", type, detail })));
      for (const { type, detail } of got) eventSchemas[type as StopcodeEvent["type"]].parse(detail);
    });

    it("hands over more than one call of a bus takes", async () => {
      const events = Array.from({ length: 23 }, (_, n) => sampleEvent(`many ${n}`));
      await harness.publisher.publish(events);
      const ids = (await harness.received(23)).map((event) => (event.detail as { id: string }).id);
      expect(new Set(ids)).toEqual(new Set(events.map((event) => event.detail.id)));
    });

    it("takes no events for an answer", async () => {
      await harness.publisher.publish([]);
    });
  });
}
