import { startWorker, type Worker } from "../../../cli/serve/worker.ts";
import { Database } from "../../../shared/adapters/embedded/database.ts";
import { EmbeddedQueue } from "../../../shared/adapters/embedded/queue.ts";
import { MessageError, ServiceError } from "../../../shared/pipeline/errors.ts";

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const FAST = { maxReceives: 3, visibilityMs: 10_000, backoffMs: 1, maxBackoffMs: 2 };
const SETTINGS = { concurrency: 2, renewMs: 10_000, idleMs: 20 };

/** Waits until `done`; jest's own limit ends a test that never gets there. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("the worker loop", () => {
  let db: Database;
  let queue: EmbeddedQueue;
  let worker: Worker | undefined;
  const empty = () => Object.values(queue.depth()).every((count) => count === 0);
  beforeEach(() => {
    db = new Database(":memory:");
    queue = new EmbeddedQueue(db, FAST);
  });
  afterEach(async () => {
    await worker?.stop(0);
    db.close();
  });

  it("does what waits and what comes, and forgets it", async () => {
    const done: string[] = [];
    queue.send("before");
    worker = startWorker(queue, async (body) => void done.push(body), SILENT, SETTINGS);
    queue.send("after");
    await until(empty);
    expect(done).toEqual(["before", "after"]);
  });

  it("runs no more than its share at once", async () => {
    let now = 0;
    let most = 0;
    for (let i = 0; i < 6; i++) queue.send(String(i));
    const handle = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now -= 1;
    };
    worker = startWorker(queue, handle, SILENT, SETTINGS);
    await until(empty);
    expect(most).toBe(2);
  });

  it("tries a failed call again and counts the tries", async () => {
    const counts: number[] = [];
    queue.send("flaky");
    worker = startWorker(
      queue,
      async (_, receiveCount) => {
        counts.push(receiveCount);
        if (counts.length < 3) throw new ServiceError("service.timeout", "late");
      },
      SILENT,
      SETTINGS,
    );
    await until(empty);
    expect(counts).toEqual([1, 2, 3]);
  });

  it("buries what fails each time, and at once what is no message of ours", async () => {
    const tries: Record<string, number> = {};
    queue.send("always");
    queue.send("poison");
    worker = startWorker(
      queue,
      async (body) => {
        tries[body] = (tries[body] ?? 0) + 1;
        if (body === "poison") throw new MessageError("message.not-json", "no JSON");
        throw new TypeError("a bug");
      },
      SILENT,
      SETTINGS,
    );
    await until(() => queue.depth().dead === 2);
    expect(tries).toEqual({ always: 3, poison: 1 });
    expect(queue.dead().map(({ error }) => error)).toEqual(["internal.TypeError", "message.not-json"]);
  });

  it("runs a redelivery alone: it may be what killed the process", async () => {
    queue.send("killer");
    queue.receive();
    queue.recover();
    for (let i = 0; i < 4; i++) queue.send("other");
    let now: string[] = [];
    const beside: string[][] = [];
    const handle = async (body: string) => {
      now.push(body);
      beside.push([...now]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now = now.filter((name) => name !== body);
    };
    worker = startWorker(queue, handle, SILENT, SETTINGS);
    await until(empty);
    expect(beside.filter((names) => names.includes("killer"))).toEqual([["killer"]]);
  });

  it("ends in order: waits for what is quick, gives back what is not", async () => {
    let finish = () => {};
    queue.send("quick");
    queue.send("slow");
    queue.send("not begun");
    const done: string[] = [];
    worker = startWorker(
      queue,
      async (body) => {
        await new Promise<void>((resolve) => {
          if (body === "quick") setTimeout(resolve, 5);
          else finish = resolve;
        });
        done.push(body);
      },
      SILENT,
      SETTINGS,
    );
    await until(() => queue.depth().running === 2);
    await worker.stop(30);
    expect(done).toEqual(["quick"]);
    expect(queue.depth()).toEqual({ waiting: 2, running: 0, dead: 0 });
    // What ends after it was given back no longer answers for the message.
    finish();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(queue.depth().waiting).toBe(2);
    const counts = [queue.receive()?.receiveCount, queue.receive()?.receiveCount];
    expect(counts).toEqual([1, 1]);
  });
});
