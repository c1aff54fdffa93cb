import { s3Client } from "../../shared/adapters/aws/clients.ts";
import { S3DumpStore } from "../../shared/adapters/aws/s3-dump-store.ts";
import type { ByteSource } from "../../shared/bytes/byte-source.ts";

/** Opens an S3 object with the credentials and region of the usual AWS settings. */
export async function openS3Object(bucket: string, key: string): Promise<ByteSource> {
  const endpoint = process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"];
  const { source } = await new S3DumpStore(s3Client({ endpoint })).open({ bucket, key });
  return source;
}
