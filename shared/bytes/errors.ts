/**
 * Errors of the byte layer, told apart by what the caller should do about them.
 * Every error of the project extends {@link StopcodeError}.
 */

/** What may stand in an error besides its sentence: numbers for the reader, never bytes of a dump. */
export interface ErrorFacts {
  /** What the format or contract asks for. */
  readonly expected?: string | number;
  /** What was found instead. */
  readonly actual?: string | number;
  /** Byte offset in the source where it was found. */
  readonly offset?: number;
  readonly cause?: unknown;
}

/**
 * Base of all our errors. `code` is stable, dotted and safe for logs and metrics;
 * `message` is for people and holds no dump content.
 */
export class StopcodeError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly expected?: string | number;
  readonly actual?: string | number;
  readonly offset?: number;

  constructor(code: Code, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = code;
    if (facts.expected !== undefined) this.expected = facts.expected;
    if (facts.actual !== undefined) this.actual = facts.actual;
    if (facts.offset !== undefined) this.offset = facts.offset;
  }
}

/** Why a source could not give bytes. */
export type SourceErrorCode =
  | "source.not-found"
  | "source.denied"
  | "source.changed"
  | "source.short-read"
  | "source.bad-response"
  | "source.throttled"
  | "source.timeout"
  | "source.unavailable"
  | "source.aborted"
  | "source.out-of-range";

const RETRYABLE: ReadonlySet<SourceErrorCode> = new Set([
  "source.throttled",
  "source.timeout",
  "source.unavailable",
  "source.short-read",
  "source.bad-response",
]);

/** A source (file, S3 object, memory) could not give the bytes asked for. */
export class SourceError extends StopcodeError<SourceErrorCode> {
  /** True when the same read may succeed later: throttling, time-outs, broken transfers. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** A limit of one analysis was reached (DESIGN, budgets): the report becomes partial. */
export type BudgetErrorCode = "budget.bytes" | "budget.requests" | "budget.rounds" | "budget.time";

/** Thrown by the budget wrapper and the step runner; `expected` is the limit. */
export class BudgetError extends StopcodeError<BudgetErrorCode> {}

/** The content contradicts the format so that the part cannot be read at all. */
export type FormatErrorCode =
  | "format.truncated"
  | "format.bad-signature"
  | "format.bad-value"
  | "format.limit-exceeded"
  | "format.unsupported";

/** Malformed content; `offset` says where. Inside an optional step it becomes a note, at the top a rejection. */
export class FormatError extends StopcodeError<FormatErrorCode> {}
