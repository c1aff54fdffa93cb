import { SQSClient } from "@aws-sdk/client-sqs";
import { dynamoClient, eventBridgeClient, s3Client } from "../../shared/adapters/aws/clients.ts";
import { DynamoCrashStore } from "../../shared/adapters/aws/dynamo-crash-store.ts";
import { EventBridgePublisher } from "../../shared/adapters/aws/eventbridge-publisher.ts";
import { S3DumpStore } from "../../shared/adapters/aws/s3-dump-store.ts";
import { S3ReportStore } from "../../shared/adapters/aws/s3-report-store.ts";
import { ServiceError } from "../../shared/pipeline/errors.ts";
import { defineByteSourceContract } from "../support/contracts/byte-source-contract.ts";
import { defineCrashStoreContract } from "../support/contracts/crash-store-contract.ts";
import { defineDumpStoreContract } from "../support/contracts/dump-store-contract.ts";
import { defineEventPublisherContract } from "../support/contracts/event-publisher-contract.ts";
import { defineReportStoreContract } from "../support/contracts/report-store-contract.ts";
import { sampleCrash, sampleEvent, sampleId } from "../support/contracts/sample-records.ts";
import { makeBucket, makeBus, makeTable, putObject, receiveEvents } from "../support/emulator/aws-fixtures.ts";

/** The AWS adapters held to the contracts of their ports, against the API of AWS as the emulator has it. */

const options = { endpoint: process.env["AWS_ENDPOINT_URL"] };
const s3 = s3Client(options);
const dynamo = dynamoClient(options);
const events = eventBridgeClient(options);
const sqs = new SQSClient({});
afterAll(() => {
  for (const client of [s3, dynamo, events, sqs]) client.destroy();
});

for (const versioned of [true, false]) {
  const kind = versioned ? "a versioned S3 bucket" : "an S3 bucket without versions";

  defineByteSourceContract(`an object in ${kind}`, async (bytes) => {
    const bucket = await makeBucket(s3, versioned);
    const ref = await putObject(s3, bucket, "dumps/u/one", bytes);
    const { source } = await new S3DumpStore(s3).open(ref);
    return { source, change: async (changed) => void (await putObject(s3, bucket, "dumps/u/one", changed)) };
  });

  defineDumpStoreContract(kind, async () => {
    const bucket = await makeBucket(s3, versioned);
    return { store: new S3DumpStore(s3), put: (key, bytes, machine) => putObject(s3, bucket, key, bytes, machine) };
  });
}

defineReportStoreContract("an S3 bucket", async () => ({ store: new S3ReportStore(s3, await makeBucket(s3, true)) }));

for (const shards of [1, 8]) {
  defineCrashStoreContract(`a DynamoDB table with ${shards} shards`, async () => {
    const table = await makeTable(dynamo);
    return { store: new DynamoCrashStore(dynamo, { table, shards, retentionDays: 90 }) };
  });
}

defineEventPublisherContract("an EventBridge bus", async () => {
  const { bus, queueUrl } = await makeBus(events, sqs);
  return {
    publisher: new EventBridgePublisher(events, bus),
    received: (count) => receiveEvents(sqs, queueUrl, count),
  };
});

describe("what is not there", () => {
  it("is a typed error that names no resource", async () => {
    const store = new DynamoCrashStore(dynamo, { table: "no-such-table", shards: 8, retentionDays: 0 });
    const work = [
      store.recordCrash(sampleCrash("nowhere")),
      store.getCrash(sampleId("nowhere")),
      new S3ReportStore(s3, "no-such-bucket").put("reports/a/1.json.gz", new Uint8Array(1)),
    ];
    for (const result of await Promise.allSettled(work)) {
      expect(result.status).toBe("rejected");
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(ServiceError);
      expect((reason as ServiceError).code).toBe("service.rejected");
      expect((reason as ServiceError).message).not.toMatch(/no-such-(table|bucket)/);
    }
  });

  it("is an error of the publisher too", async () => {
    const publisher = new EventBridgePublisher(events, "no-such-bus", { ...quick, tries: 2 });
    const code = await publisher.publish([sampleEvent("nowhere")]).then(
      () => "accepted",
      (error: unknown) => (error as ServiceError).code,
    );
    expect(["service.rejected", "accepted"]).toContain(code);
  });
});

const quick = { tries: 3, baseMs: 1, capMs: 5, tryMs: 5000, random: Math.random, sleep: async () => {} };
