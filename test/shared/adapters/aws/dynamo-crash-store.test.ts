import { dynamoClient } from "../../../../shared/adapters/aws/clients.ts";
import { DynamoCrashStore } from "../../../../shared/adapters/aws/dynamo-crash-store.ts";
import type { ServiceError } from "../../../../shared/pipeline/errors.ts";
import { sampleCrash, sampleRejected } from "../../../support/contracts/sample-records.ts";
import { type FakeJsonService, startFakeJsonService } from "./fake-json-service.ts";
import { instantRetry } from "./fake-s3.ts";

let fake: FakeJsonService;
let client: ReturnType<typeof dynamoClient>;
let store: DynamoCrashStore;
beforeEach(async () => {
  fake = await startFakeJsonService();
  client = dynamoClient({ endpoint: fake.endpoint, region: "us-east-1", tries: 2 });
  store = new DynamoCrashStore(client, { table: "t", shards: 8, retentionDays: 90, retry: instantRetry() });
});
afterEach(async () => {
  client.destroy();
  await fake.close();
});

const cancelled = (...codes: string[]) => ({
  status: 400,
  code: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
  CancellationReasons: codes.map((Code) => ({ Code })),
});
const codeOf = (work: Promise<unknown>) => work.catch((error: ServiceError) => error.code);

describe("recordCrash", () => {
  it("puts the crash and counts it in one transaction with a token", async () => {
    expect(await store.recordCrash(sampleCrash("1"))).toBe("created");
    const { operation, body } = fake.requests[0] as FakeJsonService["requests"][number];
    expect(operation).toBe("TransactWriteItems");
    expect(body["ClientRequestToken"]).toMatch(/^[0-9a-f-]{36}$/);
    const [put, add] = body["TransactItems"] as Record<string, Record<string, unknown>>[];
    expect(put?.["Put"]?.["ConditionExpression"]).toBe("attribute_not_exists(#pk)");
    expect(add?.["Update"]?.["UpdateExpression"]).toBe("ADD #count :one");
  });

  it("only puts a crash that has no bucket", async () => {
    expect(await store.recordCrash(sampleRejected("1"))).toBe("created");
    expect(fake.requests.map(({ operation }) => operation)).toEqual(["PutItem"]);
  });

  it("says that the crash was there", async () => {
    fake.script.push(cancelled("ConditionalCheckFailed", "None"));
    expect(await store.recordCrash(sampleCrash("1"))).toBe("exists");
    fake.script.push({ status: 400, code: "ConditionalCheckFailedException" });
    expect(await store.recordCrash(sampleRejected("1"))).toBe("exists");
  });

  it("repeats a transaction that met another one, with a new token", async () => {
    fake.script.push(cancelled("None", "TransactionConflict"), cancelled("None", "ThrottlingError"));
    expect(await store.recordCrash(sampleCrash("1"))).toBe("created");
    expect(new Set(fake.requests.map(({ body }) => body["ClientRequestToken"])).size).toBe(3);
  });

  it("gives up on a counter that is always busy", async () => {
    fake.script.push(...Array.from({ length: 3 }, () => cancelled("None", "TransactionConflict")));
    expect(await codeOf(store.recordCrash(sampleCrash("1")))).toBe("service.throttled");
    expect(fake.requests.length).toBe(3);
  });

  it("keeps the token over the SDK's own repetitions", async () => {
    fake.script.push({ status: 500, code: "InternalServerError" });
    expect(await store.recordCrash(sampleCrash("1"))).toBe("created");
    expect(fake.requests.length).toBe(2);
    expect(new Set(fake.requests.map(({ body }) => body["ClientRequestToken"])).size).toBe(1);
  });
});

describe("errors", () => {
  it.each([
    [400, "ValidationException", "service.rejected"],
    [400, "ResourceNotFoundException", "service.rejected"],
    [400, "AccessDeniedException", "service.denied"],
    [400, "UnrecognizedClientException", "service.denied"],
  ])("%d %s is %s", async (status, code, expected) => {
    fake.script.push({ status, code });
    const error = await store.getCrash("00").catch((caught: ServiceError) => caught);
    expect(error).toMatchObject({ code: expected, message: `GetItem failed: ${code} (HTTP 400)` });
  });

  it("repeats throttled calls and says so when they stay throttled", async () => {
    const throttle = { status: 400, code: "ProvisionedThroughputExceededException" };
    fake.script.push(throttle);
    expect(await store.getCrash("00")).toBeUndefined();
    fake.script.push(throttle, throttle);
    expect(await codeOf(store.getCrash("00"))).toBe("service.throttled");
  });

  it("refuses bad limits and cursors before asking", async () => {
    const list = { by: "day", day: "2026-11-22" } as const;
    for (const limit of [0, 101, 1.5, Number.NaN]) {
      expect(await codeOf(store.listCrashes(list, "2026-11", limit))).toBe("service.rejected");
    }
    for (const cursor of ["", "x", "#", Buffer.from("2026-11-22T00:00:00.000Z").toString("base64url")]) {
      expect(await codeOf(store.listCrashes(list, "2026-11", 10, cursor))).toBe("service.rejected");
    }
    expect(fake.requests.length).toBe(0);
  });
});
