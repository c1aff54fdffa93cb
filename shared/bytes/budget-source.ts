import type { ByteSource } from "./byte-source.ts";
import { BudgetError } from "./errors.ts";

/** Limits of one analysis; a missing one does not apply. */
export interface ReadBudget {
  readonly bytes?: number;
  readonly requests?: number;
  readonly rounds?: number;
}

/**
 * Refuses a read before it starts when it would pass a limit, so that what has been
 * read so far can still become a partial report.
 * Bytes read are kept until the end of the analysis, so the byte limit bounds memory too.
 */
export function budgetSource(inner: ByteSource, budget: ReadBudget): ByteSource {
  let bytes = 0;
  let requests = 0;
  let rounds = 0;
  return {
    get size() {
      return inner.size;
    },
    read: async (ranges, signal) => {
      const moreBytes = ranges.reduce((sum, range) => sum + range.end - range.start, bytes);
      check("budget.bytes", moreBytes, budget.bytes);
      check("budget.requests", requests + ranges.length, budget.requests);
      check("budget.rounds", rounds + 1, budget.rounds);
      bytes = moreBytes;
      requests += ranges.length;
      rounds += 1;
      return inner.read(ranges, signal);
    },
  };
}

function check(code: "budget.bytes" | "budget.requests" | "budget.rounds", wanted: number, limit?: number): void {
  if (limit !== undefined && wanted > limit) {
    throw new BudgetError(code, `the read would need ${wanted}, the limit is ${limit}`, {
      expected: limit,
      actual: wanted,
    });
  }
}
