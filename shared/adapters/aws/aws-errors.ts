import { SourceError, type SourceErrorCode } from "../../bytes/errors.ts";
import { ServiceError, type ServiceErrorCode } from "../../pipeline/errors.ts";

/**
 * Errors of the SDK, told apart by what the caller should do. Messages name the operation, the
 * status and the service's error code; never a key, an id or a body.
 */

/** What is read from an error of the SDK; it may be of any class, so every field is checked. */
export interface AwsFailure {
  /** `SlowDown`, `NoSuchKey`, …; of the transport `ECONNRESET`, `TimeoutError`, … */
  readonly name: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
}

/** Name and status of any thrown thing. */
export function failureOf(error: unknown): AwsFailure {
  if (typeof error !== "object" || error === null) return { name: "unknown" };
  const { name, code, $metadata } = error as {
    name?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: unknown };
  };
  const status = $metadata?.httpStatusCode;
  // Transport errors are plain Errors with a system code.
  const label = name === "Error" && typeof code === "string" ? code : name;
  return {
    name: typeof label === "string" && /^[\w.]{1,64}$/.test(label) ? label : "unknown",
    ...(typeof status === "number" ? { status } : {}),
  };
}

const THROTTLES = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "ProvisionedThroughputExceededException",
  "TransactionInProgressException",
]);
const TIMEOUTS = new Set(["TimeoutError", "RequestTimeout", "RequestTimeoutException", "ETIMEDOUT", "ESOCKETTIMEDOUT"]);
const DENIALS = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
]);
const MISSING = new Set(["NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound"]);

type Kind = "throttled" | "timeout" | "unavailable" | "denied" | "rejected";

function kindOf({ name, status }: AwsFailure): Kind {
  if (THROTTLES.has(name) || status === 429 || (status === 503 && name !== "ServiceUnavailable")) return "throttled";
  if (TIMEOUTS.has(name) || status === 408 || status === 504) return "timeout";
  if (DENIALS.has(name) || status === 401 || status === 403) return "denied";
  if (status === undefined || status >= 500 || status < 400) return "unavailable";
  return "rejected";
}

/** Facts for people about a failure. */
function sentence(operation: string, { name, status }: AwsFailure): string {
  return `${operation} failed: ${name}${status === undefined ? "" : ` (HTTP ${status})`}`;
}

/**
 * The error of a read of an object. A request that S3 refuses as wrong (400, 301) is `source.denied`:
 * trying it again is of no use, its cause is a setting.
 * @param signal the caller's: when it has fired, that is why the read failed
 */
export function toSourceError(operation: string, error: unknown, signal?: AbortSignal): SourceError {
  if (signal?.aborted) return new SourceError("source.aborted", "the read was aborted", { cause: signal.reason });
  if (error instanceof SourceError) return error;
  const failure = failureOf(error);
  return new SourceError(sourceCodeOf(failure), sentence(operation, failure), { cause: error });
}

function sourceCodeOf(failure: AwsFailure): SourceErrorCode {
  const { name, status } = failure;
  // 405 on a read: the version is a delete marker.
  if (MISSING.has(name) || status === 404 || status === 405) return "source.not-found";
  // A pinned object cannot become shorter: one that cannot serve a range of its size is another one.
  if (status === 412 || status === 416) return "source.changed";
  // Our try's own timer, or a socket that was cut: only the first has this name.
  if (name === "AbortError") return "source.timeout";
  const kind = kindOf(failure);
  return kind === "rejected" ? "source.denied" : `source.${kind}`;
}

/** The error of a call to a service other than a read of a dump. */
export function toServiceError(operation: string, error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const failure = failureOf(error);
  const code: ServiceErrorCode = failure.name === "AbortError" ? "service.timeout" : `service.${kindOf(failure)}`;
  return new ServiceError(code, sentence(operation, failure), { cause: error });
}

/** True when the same call may succeed a moment later. */
export function isRetryableService(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "service.throttled" || code === "service.timeout" || code === "service.unavailable";
}

/** True when an object is not there. */
export function isMissing(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return MISSING.has(name) || status === 404;
}
