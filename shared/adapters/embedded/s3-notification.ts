/** What an S3 notification says about one object. */
export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly etag: string;
  readonly size: number;
  /** ISO 8601 with milliseconds. */
  readonly createdAt: string;
}

/**
 * The body of a queue message for a stored object, in the form in which S3 writes it: the embedded
 * queue and SQS are read by the same decoder.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function s3Notification(object: StoredObject): string {
  return JSON.stringify({
    Records: [
      {
        eventVersion: "2.1",
        eventSource: "aws:s3",
        awsRegion: "local",
        eventTime: object.createdAt,
        eventName: "ObjectCreated:Put",
        s3: {
          s3SchemaVersion: "1.0",
          bucket: { name: object.bucket },
          object: {
            key: encodeURIComponent(object.key).replaceAll("%2F", "/").replaceAll("%20", "+"),
            size: object.size,
            eTag: object.etag,
            versionId: object.versionId,
            sequencer: object.versionId.replaceAll("-", "").toUpperCase(),
          },
        },
      },
    ],
  });
}
