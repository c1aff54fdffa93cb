import { StopcodeError } from "../../shared/bytes/errors.ts";

/** Status codes that the API answers errors with. */
export type ProblemStatus = 400 | 403 | 404 | 405 | 411 | 413 | 415 | 421 | 500 | 503 | 507;

/** A request that gets an error as its answer: code and message go out as they are. */
export class Problem extends StopcodeError {
  readonly status: ProblemStatus;

  constructor(status: ProblemStatus, code: string, message: string, cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause });
    this.status = status;
  }
}

/** What any thrown thing says to a client: our own problems in full, all else only that it failed. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StopcodeError && error.code === "service.rejected") {
    return new Problem(400, "query.rejected", error.message);
  }
  if (error instanceof StopcodeError && error.code.startsWith("service.")) {
    return new Problem(503, error.code, "the store did not answer; try again");
  }
  return new Problem(500, "internal", "the request failed; the server's log has the code");
}
