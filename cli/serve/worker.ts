import type { EmbeddedQueue, QueueMessage } from "../../shared/adapters/embedded/queue.ts";
import { StopcodeError } from "../../shared/bytes/errors.ts";
import type { Logger } from "../../shared/pipeline/ports.ts";

/** Does what one message asks for. Throws when it must be tried again. */
export type HandleMessage = (body: string, receiveCount: number) => Promise<void>;

/** How the loop runs. */
export interface WorkerSettings {
  /** Analyses at the same time. */
  readonly concurrency: number;
  /** Milliseconds between renewals of a running message's visibility; well below the queue's timeout. */
  readonly renewMs: number;
  /** Longest wait for a look at the queue, milliseconds: a safety net, sends wake the loop. */
  readonly idleMs: number;
}

export const WORKER_SETTINGS: WorkerSettings = { concurrency: 2, renewMs: 20_000, idleMs: 5_000 };

/** A running loop. */
export interface Worker {
  /** Takes no more messages, waits `graceMs` for the running ones, gives the rest back to the queue. */
  stop(graceMs: number): Promise<void>;
}

/** Takes messages from the queue until it is stopped. */
export function startWorker(
  queue: EmbeddedQueue,
  handle: HandleMessage,
  log: Logger,
  settings: WorkerSettings = WORKER_SETTINGS,
): Worker {
  const running = new Map<QueueMessage, Promise<void>>();
  let stopped = false;
  /** A redelivery runs, and nothing beside it. */
  let alone = false;
  let timer: NodeJS.Timeout | undefined;
  let scheduled = false;

  const pump = () => {
    scheduled = false;
    if (stopped) return;
    clearTimeout(timer);
    try {
      while (running.size < settings.concurrency && !alone) {
        // It may have killed the process before: whatever ran beside it would be blamed with it.
        if (running.size > 0 && queue.nextIsRedelivery()) break;
        const message = queue.receive();
        if (!message) break;
        alone = message.receiveCount > 1;
        running.set(message, work(message));
      }
      timer = setTimeout(pump, Math.min(settings.idleMs, Math.max(10, queue.nextVisibleIn() ?? settings.idleMs)));
    } catch (error) {
      log.error("the queue did not answer", { code: codeOf(error) });
      timer = setTimeout(pump, settings.idleMs);
    }
  };
  /** Never inside of the caller: a send may be part of a transaction that is not finished. */
  const wake = () => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(pump);
  };

  async function work(message: QueueMessage): Promise<void> {
    const renewal = setInterval(() => settle(() => queue.renew(message), log), settings.renewMs);
    try {
      await handle(message.body, message.receiveCount);
      if (running.has(message)) settle(() => queue.delete(message), log);
    } catch (error) {
      const code = codeOf(error);
      if (running.has(message)) {
        // A message that is no S3 event never becomes one: a person must see it.
        const unreadable = code.startsWith("message.");
        settle(() => (unreadable ? queue.bury(message, code) : queue.retry(message, code)), log);
      }
      log.error("a message failed", { message_id: message.id, receive_count: message.receiveCount, code });
    } finally {
      clearInterval(renewal);
      running.delete(message);
      alone = false;
      wake();
    }
  }

  const unsubscribe = queue.onMessage(wake);
  pump();
  return {
    stop: async (graceMs) => {
      stopped = true;
      clearTimeout(timer);
      unsubscribe();
      if (running.size > 0) {
        let grace: NodeJS.Timeout | undefined;
        const timeUp = new Promise<void>((resolve) => {
          grace = setTimeout(resolve, graceMs);
        });
        await Promise.race([Promise.all(running.values()), timeUp]);
        clearTimeout(grace);
      }
      for (const message of [...running.keys()]) {
        running.delete(message);
        settle(() => queue.giveBack(message), log);
      }
    },
  };
}

/** Runs a queue call whose failure only means a redelivery. */
function settle(call: () => unknown, log: Logger): void {
  try {
    call();
  } catch (error) {
    log.error("the queue did not take an answer: the message will come again", { code: codeOf(error) });
  }
}

function codeOf(error: unknown): string {
  if (error instanceof StopcodeError) return error.code;
  return `internal.${error instanceof Error ? error.name : "unknown"}`;
}
