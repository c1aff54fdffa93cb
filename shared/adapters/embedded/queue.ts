import { randomUUID } from "node:crypto";
import type { Database, Row } from "./database.ts";

/** How a queue treats its messages. */
export interface QueueSettings {
  /** A message that was received this often without being deleted is dead. */
  readonly maxReceives: number;
  /** Milliseconds that a received message stays hidden from others. */
  readonly visibilityMs: number;
  /** Milliseconds before the first retry; doubled for each further one. */
  readonly backoffMs: number;
  /** Longest wait before a retry, milliseconds. */
  readonly maxBackoffMs: number;
}

/** Five tries over about half a minute; the visibility is renewed while an analysis runs. */
export const QUEUE_SETTINGS: QueueSettings = {
  maxReceives: 5,
  visibilityMs: 60_000,
  backoffMs: 1_000,
  maxBackoffMs: 60_000,
};

/** One delivery of a message. */
export interface QueueMessage {
  readonly id: number;
  readonly body: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
  /** Names this delivery: an older one of the same message can no longer delete or retry it. */
  readonly receipt: string;
}

/** A message that ended in the dead-letter state; it stays until it is redriven. */
export interface DeadMessage {
  readonly id: number;
  readonly label: string | undefined;
  readonly body: string;
  readonly receiveCount: number;
  /** Code of the last failure. */
  readonly error: string;
}

/** How many messages are in which state. */
export interface QueueDepth {
  readonly waiting: number;
  readonly running: number;
  readonly dead: number;
}

/**
 * A durable queue with SQS's habits: at least once, a visibility timeout, a receive count, a
 * dead-letter state. Everything is in SQL before a call returns, so a kill loses nothing.
 */
export class EmbeddedQueue {
  readonly #db: Database;
  readonly #settings: QueueSettings;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(db: Database, settings: QueueSettings = QUEUE_SETTINGS, now: () => number = Date.now) {
    this.#db = db;
    this.#settings = settings;
    this.#now = now;
  }

  /**
   * Queues a message. Inside of a transaction of the database it is part of it.
   * @param label what {@link stateOf} finds it by, such as a crash id
   */
  send(body: string, label?: string): void {
    const now = this.#now();
    this.#db.run(
      "INSERT INTO messages (body, label, state, sent_at, visible_at) VALUES (?, ?, 'live', ?, ?)",
      body,
      label ?? null,
      now,
      now,
    );
    this.#wake();
  }

  /** Calls `listener` when a message may be waiting. @returns a function that ends it */
  onMessage(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes the message that waits longest, or undefined. One that was received too often becomes dead instead. */
  receive(): QueueMessage | undefined {
    const now = this.#now();
    return this.#db.transaction(() => {
      this.#db.run(
        `UPDATE messages SET state = 'dead', receipt = NULL, last_error = COALESCE(last_error, 'queue.not-finished')
         WHERE state = 'live' AND visible_at <= ? AND receive_count >= ?`,
        now,
        this.#settings.maxReceives,
      );
      const row = this.#db.get(
        "SELECT id, body, receive_count FROM messages WHERE state = 'live' AND visible_at <= ? ORDER BY visible_at, id LIMIT 1",
        now,
      );
      if (!row) return undefined;
      const receipt = randomUUID();
      const receiveCount = Number(row["receive_count"]) + 1;
      this.#db.run(
        "UPDATE messages SET receive_count = ?, receipt = ?, visible_at = ? WHERE id = ?",
        receiveCount,
        receipt,
        now + this.#settings.visibilityMs,
        Number(row["id"]),
      );
      return { id: Number(row["id"]), body: String(row["body"]), receiveCount, receipt };
    });
  }

  /** True when the message that {@link receive} would give was delivered before. */
  nextIsRedelivery(): boolean {
    const row = this.#db.get(
      "SELECT receive_count FROM messages WHERE state = 'live' AND visible_at <= ? ORDER BY visible_at, id LIMIT 1",
      this.#now(),
    );
    return Number(row?.["receive_count"] ?? 0) > 0;
  }

  /** The message is done. @returns false when this delivery is no longer the newest */
  delete(message: QueueMessage): boolean {
    return this.#db.run("DELETE FROM messages WHERE id = ? AND receipt = ?", message.id, message.receipt) === 1;
  }

  /** The work on it goes on: hides it for another visibility timeout. */
  renew(message: QueueMessage): boolean {
    const until = this.#now() + this.#settings.visibilityMs;
    return (
      this.#db.run(
        "UPDATE messages SET visible_at = ? WHERE id = ? AND receipt = ?",
        until,
        message.id,
        message.receipt,
      ) === 1
    );
  }

  /** The delivery failed: tries again after a growing wait, or ends dead. `error` is a code, not a message. */
  retry(message: QueueMessage, error: string): "waiting" | "dead" {
    if (message.receiveCount >= this.#settings.maxReceives) {
      this.bury(message, error);
      return "dead";
    }
    const wait = Math.min(this.#settings.backoffMs * 2 ** (message.receiveCount - 1), this.#settings.maxBackoffMs);
    this.#db.run(
      "UPDATE messages SET visible_at = ?, receipt = NULL, last_error = ? WHERE id = ? AND receipt = ?",
      this.#now() + wait,
      error,
      message.id,
      message.receipt,
    );
    return "waiting";
  }

  /** No retry can help: straight to the dead-letter state. */
  bury(message: QueueMessage, error: string): void {
    this.#db.run(
      "UPDATE messages SET state = 'dead', receipt = NULL, last_error = ? WHERE id = ? AND receipt = ?",
      error,
      message.id,
      message.receipt,
    );
  }

  /** Gives a delivery back as if it had not been received: the program ends in order, the message is not to blame. */
  giveBack(message: QueueMessage): void {
    this.#db.run(
      `UPDATE messages SET visible_at = ?, receipt = NULL, receive_count = receive_count - 1
       WHERE id = ? AND receipt = ?`,
      this.#now(),
      message.id,
      message.receipt,
    );
  }

  /**
   * Makes messages visible that a killed process held; only for the one owner of the data at its start.
   * Their receive counts stay: a message that kills the process each time ends dead.
   */
  recover(): number {
    return this.#db.run(
      "UPDATE messages SET visible_at = ?, receipt = NULL WHERE state = 'live' AND receipt IS NOT NULL",
      this.#now(),
    );
  }

  /** Makes dead messages live again with a fresh count. @returns how many */
  redrive(): number {
    const count = this.#db.run(
      "UPDATE messages SET state = 'live', receive_count = 0, visible_at = ?, last_error = NULL WHERE state = 'dead'",
      this.#now(),
    );
    if (count > 0) this.#wake();
    return count;
  }

  /** Dead messages, oldest first. */
  dead(limit = 100): DeadMessage[] {
    return this.#db.all("SELECT * FROM messages WHERE state = 'dead' ORDER BY id LIMIT ?", limit).map(deadMessage);
  }

  /** What became of the message with this label; undefined when it is done or never was. */
  stateOf(label: string): { readonly state: "live" | "dead"; readonly error: string | undefined } | undefined {
    const row = this.#db.get("SELECT state, last_error FROM messages WHERE label = ? ORDER BY id DESC LIMIT 1", label);
    if (!row) return undefined;
    return { state: row["state"] === "dead" ? "dead" : "live", error: optional(row["last_error"]) };
  }

  depth(): QueueDepth {
    const row = this.#db.get(
      `SELECT COALESCE(SUM(state = 'live' AND receipt IS NULL), 0) AS waiting,
              COALESCE(SUM(state = 'live' AND receipt IS NOT NULL), 0) AS running,
              COALESCE(SUM(state = 'dead'), 0) AS dead FROM messages`,
    );
    return { waiting: Number(row?.["waiting"]), running: Number(row?.["running"]), dead: Number(row?.["dead"]) };
  }

  /** Milliseconds until a hidden message becomes visible; undefined when nothing waits. */
  nextVisibleIn(): number | undefined {
    const row = this.#db.get("SELECT MIN(visible_at) AS at FROM messages WHERE state = 'live'");
    const at = row?.["at"];
    return at === null || at === undefined ? undefined : Math.max(0, Number(at) - this.#now());
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }
}

function optional(value: string | number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

function deadMessage(row: Row): DeadMessage {
  return {
    id: Number(row["id"]),
    label: optional(row["label"]),
    body: String(row["body"]),
    receiveCount: Number(row["receive_count"]),
    error: optional(row["last_error"]) ?? "unknown",
  };
}
