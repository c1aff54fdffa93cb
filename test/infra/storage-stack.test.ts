import { Match } from "aws-cdk-lib/assertions";
import { INDEXES, PK, SK, TTL_ATTRIBUTE } from "../../shared/contracts/table-keys.ts";
import { countTypes, synth } from "./support.ts";

describe("storage stack", () => {
  const { storage, pipeline } = synth();

  it("has these resources", () => {
    expect(countTypes(storage)).toMatchInlineSnapshot(`
{
  "AWS::DynamoDB::Table": 1,
  "AWS::Events::Archive": 1,
  "AWS::Events::EventBus": 1,
  "AWS::S3::Bucket": 4,
  "AWS::S3::BucketPolicy": 4,
  "AWS::SQS::Queue": 2,
  "AWS::SQS::QueuePolicy": 2,
}
`);
  });

  it("has private, encrypted, owned, TLS-only buckets, all but the log bucket versioned and logged", () => {
    storage.allResourcesProperties("AWS::S3::Bucket", {
      BucketEncryption: Match.anyValue(),
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    storage.allResourcesProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
        ]),
      },
    });
    storage.resourcePropertiesCountIs(
      "AWS::S3::Bucket",
      { VersioningConfiguration: { Status: "Enabled" }, LoggingConfiguration: Match.anyValue() },
      3,
    );
  });

  it.each([
    ["dumps/", 90],
    ["reports/", 365],
  ])("expires %s after %d days, old versions after 30, broken uploads after 7", (prefix, days) => {
    storage.hasResourceProperties("AWS::S3::Bucket", {
      LifecycleConfiguration: {
        Rules: Match.arrayWith([
          Match.objectLike({
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
          }),
          Match.objectLike({ Prefix: prefix, ExpirationInDays: days, Status: "Enabled" }),
        ]),
      },
    });
  });

  it("keeps symbols: no current object of theirs expires", () => {
    const buckets = Object.entries(storage.findResources("AWS::S3::Bucket"));
    const symbols = buckets.find(([id]) => id.startsWith("Symbols"))?.[1];
    expect(JSON.stringify(symbols)).not.toContain("ExpirationInDays");
  });

  it("sends what is created under dumps/ to the queue, once the queue allows it", () => {
    storage.hasResource("AWS::S3::Bucket", {
      Properties: {
        NotificationConfiguration: {
          QueueConfigurations: [
            {
              Event: "s3:ObjectCreated:*",
              Filter: { S3Key: { Rules: [{ Name: "prefix", Value: "dumps/" }] } },
              Queue: Match.anyValue(),
            },
          ],
        },
      },
      DependsOn: [Match.stringLikeRegexp("^IntakeQueuePolicy")],
    });
    storage.hasResourceProperties("AWS::SQS::QueuePolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: "sqs:SendMessage",
            Principal: { Service: "s3.amazonaws.com" },
            Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
          }),
        ]),
      },
    });
  });

  it("has a queue that gives up after five deliveries and hides messages for six time-outs", () => {
    storage.hasResourceProperties("AWS::SQS::Queue", {
      RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: Match.anyValue() },
      VisibilityTimeout: 720,
    });
    const [fn] = Object.values(pipeline.findResources("AWS::Lambda::Function"));
    expect(fn?.["Properties"].Timeout * 6).toBe(720);
    storage.allResourcesProperties("AWS::SQS::Queue", {
      SqsManagedSseEnabled: true,
      MessageRetentionPeriod: 1_209_600,
    });
  });

  it("has one table on demand with point-in-time recovery, TTL and every index of the contract", () => {
    storage.hasResourceProperties("AWS::DynamoDB::Table", {
      BillingMode: "PAY_PER_REQUEST",
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
      KeySchema: [
        { AttributeName: PK, KeyType: "HASH" },
        { AttributeName: SK, KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: Object.entries(INDEXES).map(([IndexName, { pk, sk }]) => ({
        IndexName,
        KeySchema: [
          { AttributeName: pk, KeyType: "HASH" },
          { AttributeName: sk, KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "ALL" },
      })),
    });
  });

  it("archives our events where there are archives", () => {
    storage.hasResourceProperties("AWS::Events::Archive", {
      EventPattern: Match.objectLike({ source: ["stopcode"] }),
      RetentionDays: 30,
    });
    synth({ "stopcode.features.archive": "false" }).storage.resourceCountIs("AWS::Events::Archive", 0);
  });

  it("tags what it makes", () => {
    storage.allResourcesProperties("AWS::S3::Bucket", {
      Tags: Match.arrayWith([
        { Key: "project", Value: "stopcode" },
        { Key: "stage", Value: "dev" },
      ]),
    });
  });

  it("keeps its data in prod and goes with its stack elsewhere", () => {
    const prod = synth({ "stopcode.stage": "prod" }).storage;
    for (const type of ["AWS::S3::Bucket", "AWS::DynamoDB::Table"]) {
      prod.allResources(type, { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
      storage.allResources(type, { DeletionPolicy: "Delete" });
    }
    prod.hasResourceProperties("AWS::DynamoDB::Table", { DeletionProtectionEnabled: true });
  });
});
