import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";

describe("emulator", () => {
  it("answers on the loopback address that the tests were given", async () => {
    expect(process.env["AWS_ENDPOINT_URL"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const s3 = new S3Client({ forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "emulator-smoke" }));
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map((bucket) => bucket.Name)).toContain("emulator-smoke");
    s3.destroy();
  });
});
