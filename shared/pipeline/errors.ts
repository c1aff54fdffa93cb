import { StopcodeError } from "../bytes/errors.ts";

/** What a caller may do about a failed call to a service. */
export type ServiceErrorCode =
  | "service.throttled"
  | "service.timeout"
  | "service.unavailable"
  | "service.denied"
  | "service.rejected";

/** A call to a service (table, bus, bucket) failed: the delivery is tried again and ends in the DLQ. */
export class ServiceError extends StopcodeError<ServiceErrorCode> {}

/** Why a queue message is not an S3 event of ours; it goes to the DLQ for a person to see. */
export class MessageError extends StopcodeError<"message.not-json" | "message.not-s3-event" | "message.bad-key"> {}
