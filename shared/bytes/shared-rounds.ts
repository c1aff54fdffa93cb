import type { ByteSource, IoCounts } from "./byte-source.ts";

/**
 * Counts what reading many files costs where a step runner reads them side by side: reads of one turn of the runner
 * that do not wait for each other are one round, however many files they are of.
 * @param turn the number of the runner's turn: reads of an earlier turn are over when a new one begins
 * @param counts where to count
 * @returns wraps one source; put it directly around the adapter
 */
export function sharedRounds(turn: () => number, counts: IoCounts): (source: ByteSource) => ByteSource {
  /** The turn that was counted last, and the rounds that its longest chain of reads has had. */
  let counted = -1;
  let longest = 0;
  return (source) => {
    let ownTurn = -1;
    let own = 0;
    return {
      get size() {
        return source.size;
      },
      read: async (ranges, signal) => {
        const now = turn();
        if (now !== counted) [counted, longest] = [now, 0];
        if (now !== ownTurn) [ownTurn, own] = [now, 0];
        own += 1;
        if (own > longest) {
          longest = own;
          counts.rounds += 1;
        }
        counts.requests += ranges.length;
        for (const range of ranges) counts.bytes += range.end - range.start;
        return source.read(ranges, signal);
      },
    };
  };
}
