import { Database } from "../../../../shared/adapters/embedded/database.ts";
import { EmbeddedQueue, type QueueMessage } from "../../../../shared/adapters/embedded/queue.ts";
import { temporaryDir } from "./temporary-dir.ts";

const SETTINGS = { maxReceives: 3, visibilityMs: 1000, backoffMs: 100, maxBackoffMs: 150 };

describe("EmbeddedQueue", () => {
  let now: number;
  let db: Database;
  let queue: EmbeddedQueue;
  const receive = (): QueueMessage => {
    const message = queue.receive();
    if (!message) throw new Error("the queue has no visible message");
    return message;
  };
  beforeEach(() => {
    now = 1_000_000;
    db = new Database(":memory:");
    queue = new EmbeddedQueue(db, SETTINGS, () => now);
  });
  afterEach(() => db.close());

  it("delivers in the order of sending, each message to one receiver", () => {
    queue.send("a");
    queue.send("b");
    expect([receive().body, receive().body, queue.receive()]).toEqual(["a", "b", undefined]);
    expect(queue.depth()).toEqual({ waiting: 0, running: 2, dead: 0 });
  });

  it("forgets a deleted message", () => {
    queue.send("a", "crash-1");
    expect(queue.delete(receive())).toBe(true);
    now += 10_000;
    expect(queue.receive()).toBeUndefined();
    expect(queue.stateOf("crash-1")).toBeUndefined();
  });

  it("delivers again after the visibility timeout; the late receiver cannot delete", () => {
    queue.send("a");
    const first = receive();
    now += SETTINGS.visibilityMs;
    const second = receive();
    expect(second.receiveCount).toBe(2);
    expect(queue.delete(first)).toBe(false);
    expect(queue.renew(first)).toBe(false);
    expect(queue.delete(second)).toBe(true);
  });

  it("keeps a message hidden while it is renewed", () => {
    queue.send("a");
    const message = receive();
    for (let i = 0; i < 5; i++) {
      now += SETTINGS.visibilityMs - 1;
      expect(queue.receive()).toBeUndefined();
      expect(queue.renew(message)).toBe(true);
    }
  });

  it("waits longer before each retry, up to the limit, then buries", () => {
    queue.send("a", "crash-1");
    const waits: number[] = [];
    for (const expected of ["waiting", "waiting", "dead"]) {
      expect(queue.retry(receive(), "service.timeout")).toBe(expected);
      waits.push(queue.nextVisibleIn() ?? -1);
      now += SETTINGS.maxBackoffMs;
    }
    expect(waits).toEqual([100, 150, -1]);
    expect(queue.receive()).toBeUndefined();
    expect(queue.dead()).toMatchObject([{ label: "crash-1", receiveCount: 3, error: "service.timeout" }]);
    expect(queue.stateOf("crash-1")).toEqual({ state: "dead", error: "service.timeout" });
  });

  it("buries a message that never ended", () => {
    queue.send("a");
    for (let i = 0; i < SETTINGS.maxReceives; i++) {
      receive();
      now += SETTINGS.visibilityMs;
    }
    expect(queue.receive()).toBeUndefined();
    expect(queue.dead()[0]?.error).toBe("queue.not-finished");
  });

  it("does not blame a message that was given back in order", () => {
    queue.send("a");
    queue.giveBack(receive());
    expect(receive().receiveCount).toBe(1);
  });

  it("loses nothing by redrive", () => {
    queue.send("a");
    queue.bury(receive(), "message.not-json");
    expect(queue.depth().dead).toBe(1);
    expect(queue.redrive()).toBe(1);
    expect(receive()).toMatchObject({ body: "a", receiveCount: 1 });
  });

  it("is part of a transaction around it", () => {
    expect(() =>
      db.transaction(() => {
        queue.send("a");
        throw new Error("the other half failed");
      }),
    ).toThrow("the other half failed");
    expect(queue.receive()).toBeUndefined();
  });

  it("tells its listeners of new messages until they leave", () => {
    let calls = 0;
    const leave = queue.onMessage(() => {
      calls += 1;
    });
    queue.send("a");
    leave();
    queue.send("b");
    expect(calls).toBe(1);
  });

  it("keeps counts and dead messages over a restart, and frees what a killed process held", async () => {
    const dir = temporaryDir();
    const before = new Database(`${dir.path}/q.db`);
    const killed = new EmbeddedQueue(before, SETTINGS, () => now);
    killed.send("held");
    killed.send("dead");
    killed.receive();
    const dead = killed.receive();
    if (dead) killed.bury(dead, "message.not-json");
    before.close();

    const after = new Database(`${dir.path}/q.db`);
    const started = new EmbeddedQueue(after, SETTINGS, () => now);
    expect(started.recover()).toBe(1);
    expect(started.receive()).toMatchObject({ body: "held", receiveCount: 2 });
    expect(started.dead()).toHaveLength(1);
    after.close();
    await dir.cleanup();
  });
});
