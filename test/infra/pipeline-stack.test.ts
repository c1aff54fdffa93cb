import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Match } from "aws-cdk-lib/assertions";
import { ANALYZE_ENV } from "../../shared/contracts/env.ts";
import { countTypes, ROOT, synth } from "./support.ts";

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

describe("pipeline stack", () => {
  const { pipeline } = synth();
  const statements: Statement[] = Object.values(pipeline.findResources("AWS::IAM::Policy")).flatMap(
    (policy) => policy["Properties"].PolicyDocument.Statement,
  );

  it("has these resources", () => {
    expect(countTypes(pipeline)).toMatchInlineSnapshot(`
{
  "AWS::CloudWatch::Alarm": 6,
  "AWS::Events::Rule": 1,
  "AWS::IAM::Policy": 1,
  "AWS::IAM::Role": 1,
  "AWS::KMS::Key": 1,
  "AWS::Lambda::EventSourceMapping": 1,
  "AWS::Lambda::Function": 1,
  "AWS::Logs::LogGroup": 1,
  "AWS::SNS::Topic": 2,
  "AWS::SNS::TopicPolicy": 2,
  "AWS::SQS::Queue": 1,
  "AWS::SQS::QueuePolicy": 1,
}
`);
  });

  it("runs on arm64 and Node 24, traced, with its variables from the contract", () => {
    pipeline.hasResourceProperties("AWS::Lambda::Function", {
      Architectures: ["arm64"],
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      TracingConfig: { Mode: "Active" },
      LoggingConfig: { LogFormat: "JSON", LogGroup: Match.anyValue() },
      Timeout: 120,
      MemorySize: 1024,
    });
    pipeline.hasResourceProperties("AWS::Logs::LogGroup", { RetentionInDays: 30 });
    const [fn] = Object.values(pipeline.findResources("AWS::Lambda::Function"));
    expect(Object.keys(fn?.["Properties"].Environment.Variables)).toEqual(
      expect.arrayContaining(Object.keys(ANALYZE_ENV)),
    );
  });

  it("takes one message at a time and answers for each", () => {
    pipeline.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
      BatchSize: 1,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      ScalingConfig: { MaximumConcurrency: 50 },
    });
  });

  it("reserves concurrency only when it is set", () => {
    const reserved = synth({ "stopcode.analyze.reservedConcurrency": "60" }).pipeline;
    reserved.hasResourceProperties("AWS::Lambda::Function", { ReservedConcurrentExecutions: 60 });
    pipeline.hasResourceProperties("AWS::Lambda::Function", { ReservedConcurrentExecutions: Match.absent() });
  });

  it("has a role with these rights and no others", () => {
    const actions = statements.flatMap((statement) => statement.Action).sort();
    expect(actions).toMatchInlineSnapshot(`
[
  "dynamodb:DeleteItem",
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "dynamodb:UpdateItem",
  "events:PutEvents",
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "s3:GetObject",
  "s3:GetObjectVersion",
  "s3:ListBucket",
  "s3:PutObject",
  "sqs:ChangeMessageVisibility",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:GetQueueUrl",
  "sqs:ReceiveMessage",
  "xray:PutTelemetryRecords",
  "xray:PutTraceSegments",
]
`);
    expect(actions.filter((action) => action.includes("*"))).toEqual([]);
    pipeline.hasResourceProperties("AWS::IAM::Role", { ManagedPolicyArns: Match.absent() });
  });

  it("names the resources of every right; X-Ray alone has none to name", () => {
    const everything = statements.filter((statement) => statement.Resource === "*");
    expect(everything.map((statement) => statement.Action)).toEqual([
      ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    ]);
    const ends = (action: string) =>
      JSON.stringify(statements.find((statement) => [statement.Action].flat().includes(action))?.Resource);
    expect(ends("s3:GetObjectVersion")).toContain('"/dumps/*"');
    expect(ends("s3:PutObject")).toContain('"/reports/*"');
  });

  it("announces new buckets on an encrypted TLS-only topic", () => {
    pipeline.hasResourceProperties("AWS::Events::Rule", {
      EventPattern: { source: ["stopcode"], "detail-type": ["Bucket Created"] },
      Targets: [
        Match.objectLike({
          Arn: { Ref: Match.stringLikeRegexp("^NoticesBuckets") },
          // What the topic does not take for a day waits for a person.
          DeadLetterConfig: { Arn: { "Fn::GetAtt": [Match.stringLikeRegexp("^NoticesUndelivered"), "Arn"] } },
        }),
      ],
    });
    pipeline.allResourcesProperties("AWS::SNS::Topic", { KmsMasterKeyId: Match.anyValue() });
    pipeline.allResourcesProperties("AWS::SNS::TopicPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
        ]),
      },
    });
    pipeline.hasResourceProperties("AWS::KMS::Key", { EnableKeyRotation: true });
  });

  it("mails alarms when there is an address", () => {
    pipeline.resourceCountIs("AWS::SNS::Subscription", 0);
    synth({ "stopcode.alarms.email": "crashes@example.com" }).pipeline.hasResourceProperties("AWS::SNS::Subscription", {
      Protocol: "email",
      Endpoint: "crashes@example.com",
      TopicArn: { Ref: Match.stringLikeRegexp("^NoticesAlarms") },
    });
  });

  describe("alarms", () => {
    const alarms = Object.values(pipeline.findResources("AWS::CloudWatch::Alarm")).map((alarm) => alarm["Properties"]);
    const runbook = readFileSync(join(ROOT, "docs/runbook.md"), "utf8");

    it("watch the DLQ, the queue's age and the function", () => {
      const seen = alarms.map(({ MetricName, Threshold, EvaluationPeriods }) => [
        MetricName,
        Threshold,
        EvaluationPeriods,
      ]);
      expect(seen.sort()).toEqual([
        ["ApproximateAgeOfOldestMessage", 900, 1],
        ["ApproximateNumberOfMessagesVisible", 1, 1],
        ["ApproximateNumberOfMessagesVisible", 1, 1],
        ["Duration", 108_000, 1],
        ["Errors", 1, 1],
        ["Throttles", 1, 3],
      ]);
    });

    it.each(alarms.map((alarm) => [alarm.AlarmName, alarm]))(
      "%s reaches people and has a runbook entry",
      (_, alarm) => {
        expect(alarm.AlarmActions).toHaveLength(1);
        expect(alarm.TreatMissingData).toBe("notBreaching");
        const anchor = /Runbook: docs\/runbook\.md#([a-z-]+)$/.exec(alarm.AlarmDescription)?.[1];
        const entry = runbook.split(/^## /m).find((text) => text.startsWith(`${anchor}\n`));
        for (const part of ["### Description", "### Investigation", "### Resolution"]) expect(entry).toContain(part);
      },
    );
  });
});
