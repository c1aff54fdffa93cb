import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { keepsData, type Settings } from "../settings.ts";

/** What differs between our buckets. */
export interface KeptBucketProps {
  readonly settings: Settings;
  readonly accessLogs: s3.Bucket;
  /** Prefix and days after which current objects expire; absent: they stay. */
  readonly expire?: { readonly prefix: string; readonly days: number };
}

/** Unfinished multipart uploads are billed and invisible: they go after this many days. */
export const ABORT_UPLOAD_DAYS = 7;

/** A bucket as all of ours are: versioned (reads are pinned), encrypted, private, TLS only, logged, with an end to everything. */
export function keptBucket(scope: Construct, id: string, props: KeptBucketProps): s3.Bucket {
  const { settings, expire } = props;
  return new s3.Bucket(scope, id, {
    versioned: true,
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    serverAccessLogsBucket: props.accessLogs as s3.IBucket,
    serverAccessLogsPrefix: `${id.toLowerCase()}/`,
    lifecycleRules: [
      {
        id: "leftovers",
        abortIncompleteMultipartUploadAfter: Duration.days(ABORT_UPLOAD_DAYS),
        noncurrentVersionExpiration: Duration.days(settings.retentionDays.noncurrent),
        expiredObjectDeleteMarker: true,
      },
      ...(expire === undefined
        ? []
        : [{ id: "retention", prefix: expire.prefix, expiration: Duration.days(expire.days) }]),
    ],
    // Elsewhere than in prod the bucket goes with its stack; CloudFormation refuses while objects are in it.
    removalPolicy: keepsData(settings) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

/** The bucket that the others' access logs go to. */
export function accessLogsBucket(scope: Construct, id: string, settings: Settings): s3.Bucket {
  return new s3.Bucket(scope, id, {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    lifecycleRules: [
      {
        id: "retention",
        expiration: Duration.days(settings.retentionDays.logs),
        abortIncompleteMultipartUploadAfter: Duration.days(ABORT_UPLOAD_DAYS),
      },
    ],
    removalPolicy: keepsData(settings) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}
