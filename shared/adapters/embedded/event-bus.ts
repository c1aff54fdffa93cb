import type { EventType, StopcodeEvent } from "../../contracts/events.ts";
import type { EventPublisher } from "../../pipeline/ports.ts";
import type { Database, Row } from "./database.ts";

/** How many events are kept for subscribers that come back. */
const KEPT_EVENTS = 10_000;

/** An event as the bus keeps it; `seq` grows and is never used twice. */
export interface KeptEvent {
  readonly seq: number;
  readonly type: EventType;
  readonly detail: StopcodeEvent["detail"];
}

/** Hears every event once it is kept. Must not throw. */
export type EventListener = (event: KeptEvent) => void;

/** The event bus of one machine: a table, and listeners in this process. */
export class EmbeddedEventBus implements EventPublisher {
  readonly #db: Database;
  readonly #listeners = new Set<EventListener>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keeps the events and tells the listeners. An event whose id was kept before is dropped: redelivery stays silent. */
  async publish(events: readonly StopcodeEvent[]): Promise<void> {
    const kept = this.#db.transaction(() => {
      const rows: KeptEvent[] = [];
      for (const { type, detail } of events) {
        const row = this.#db.get(
          "INSERT INTO events (id, type, detail) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq",
          detail.id,
          type,
          JSON.stringify(detail),
        );
        if (row) rows.push({ seq: Number(row["seq"]), type, detail });
      }
      const newest = rows.at(-1);
      if (newest) this.#db.run("DELETE FROM events WHERE seq <= ?", newest.seq - KEPT_EVENTS);
      return rows;
    });
    for (const event of kept) {
      for (const listener of this.#listeners) listener(event);
    }
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Kept events after `seq`, oldest first. */
  since(seq: number, limit: number): KeptEvent[] {
    return this.#db
      .all("SELECT seq, type, detail FROM events WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
      .map(keptEvent);
  }
}

function keptEvent(row: Row): KeptEvent {
  return {
    seq: Number(row["seq"]),
    type: String(row["type"]) as EventType,
    detail: JSON.parse(String(row["detail"])) as StopcodeEvent["detail"],
  };
}
