import type { Dump } from "./dump.ts";

/** A dump whose stacks can be walked while the rest of it is still being read. */
export interface OpenedDump {
  /** All but long lists: of processes, and of the crashed process' further threads. */
  readonly dump: Dump;
  /** The same with what has been read of its modules since; waits for nothing. */
  known(): Dump;
  /**
   * Waits for the lists as long as their rounds allow, and gives the dump with them. Threads keep their places:
   * further ones stand behind them.
   */
  whole(): Promise<Dump>;
}

/** A dump of which nothing is left to read. */
export function openedWhole(dump: Dump): OpenedDump {
  return { dump, known: () => dump, whole: async () => dump };
}
