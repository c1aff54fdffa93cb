import { S3ReportStore } from "../../../../shared/adapters/aws/s3-report-store.ts";
import type { ServiceError } from "../../../../shared/pipeline/errors.ts";
import { patternBytes } from "../../../support/contracts/byte-source-contract.ts";
import { type FakeS3, failing, instantRetry, type Misbehaviour, startFakeS3 } from "./fake-s3.ts";

const KEY = "reports/aa/1.json.gz";
let fake: FakeS3;
let store: S3ReportStore;
beforeEach(async () => {
  fake = await startFakeS3({ bytes: patternBytes(1000), etag: '"e1"' });
  store = new S3ReportStore(fake.client, "reports", instantRetry());
});
afterEach(() => fake.close());

const codeOf = (work: Promise<unknown>) => work.catch((error: ServiceError) => error.code);
const shortBody: Misbehaviour = (_, response) => {
  response.writeHead(200, { "content-length": 1000 });
  response.write(patternBytes(10));
  setTimeout(() => response.destroy(), 10);
};

describe("S3ReportStore", () => {
  it("tries again after throttling and broken bodies", async () => {
    fake.script.push(failing(503, "SlowDown"), shortBody);
    expect(await store.get(KEY)).toEqual(patternBytes(1000));
    fake.script.push(failing(503, "SlowDown"));
    await store.put(KEY, patternBytes(10));
    expect(fake.requests.map(({ method }) => method)).toEqual(["GET", "GET", "GET", "PUT", "PUT"]);
  });

  it("tells missing from denied", async () => {
    fake.script.push(failing(404, "NoSuchKey"));
    expect(await store.get(KEY)).toBeUndefined();
    fake.script.push(failing(403, "AccessDenied"));
    expect(await codeOf(store.get(KEY))).toBe("service.denied");
    fake.script.push(failing(403, "AccessDenied"));
    expect(await codeOf(store.put(KEY, patternBytes(1)))).toBe("service.denied");
  });

  it("gives up after its tries", async () => {
    fake.script.push(...Array.from({ length: 3 }, () => failing(500, "InternalError")));
    expect(await codeOf(store.put(KEY, patternBytes(1)))).toBe("service.unavailable");
    fake.script.push(shortBody, shortBody, shortBody);
    expect(await codeOf(store.get(KEY))).toBe("service.unavailable");
  });

  it("does not load what is no report of ours", async () => {
    fake.script.push((_, response) => {
      response.writeHead(200, { "content-length": 2 ** 40 });
      response.flushHeaders();
    });
    expect(await codeOf(store.get(KEY))).toBe("service.rejected");
  });
});
