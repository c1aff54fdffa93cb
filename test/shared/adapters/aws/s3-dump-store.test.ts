import { S3DumpStore, UNKNOWN_SIZE_FIRST_READ } from "../../../../shared/adapters/aws/s3-dump-store.ts";
import { countingSource } from "../../../../shared/bytes/byte-source.ts";
import { SourceError } from "../../../../shared/bytes/errors.ts";
import { FIRST_READ_BYTES, StepRunner, WHOLE_READ_LIMIT } from "../../../../shared/bytes/step-runner.ts";
import {
  defineByteSourceContract,
  patternBytes,
  sourceErrorCode,
} from "../../../support/contracts/byte-source-contract.ts";
import { type FakeS3, failing, instantRetry, type Misbehaviour, startFakeS3 } from "./fake-s3.ts";

const ref = { bucket: "dumps", key: "dumps/m/desk/a b.dmp" };
const SIZE = 300_000;
const bytes = patternBytes(SIZE);
const tail = [{ start: SIZE - 100, end: SIZE }];

const whole: Misbehaviour = (request, _, next) => {
  delete request.headers.range;
  next();
};

let fake: FakeS3;
beforeEach(async () => {
  fake = await startFakeS3({ bytes, etag: '"e1"', versionId: "v1", metadata: { "stopcode-machine": "lab-7" } });
});
afterEach(() => fake.close());

const storeWith = (retry = instantRetry()) => new S3DumpStore(fake.client, { retry });

defineByteSourceContract("an S3 object", async (content) => {
  const server = await startFakeS3({ bytes: content, etag: '"c1"' });
  const { source } = await new S3DumpStore(server.client, { retry: instantRetry() }).open(ref);
  const change = async (changed: Uint8Array) => {
    server.object.bytes = changed;
    server.object.etag = '"c2"';
  };
  return { source, change, close: server.close };
});

describe("the first read", () => {
  it("gives size, version, ETag, machine and the bytes of a small dump in one request", async () => {
    const opened = await storeWith().open(ref, undefined, SIZE);
    expect(opened).toMatchObject({ machine: "lab-7", versionId: "v1", etag: '"e1"' });
    const source = countingSource(opened.source);
    const runner = new StepRunner(source);
    await runner.prefetch();
    await runner.run((fetched) => fetched.bytes(0, SIZE));
    expect(fake.requests.map(({ range }) => range)).toEqual([`bytes=0-${SIZE - 1}`]);
    expect(source.counts).toEqual({ bytes: SIZE, requests: 1, rounds: 1 });
  });

  it("takes 256 KiB of an object of unknown size, and the rest in a second request", async () => {
    const { source } = await storeWith().open(ref);
    expect(Buffer.compare((await source.read([{ start: 0, end: SIZE }]))[0] as Uint8Array, bytes)).toBe(0);
    expect(fake.requests.map(({ range }) => range)).toEqual([
      `bytes=0-${UNKNOWN_SIZE_FIRST_READ - 1}`,
      `bytes=${UNKNOWN_SIZE_FIRST_READ}-${SIZE - 1}`,
    ]);
  });

  it("takes of a large object what the step runner reads first", async () => {
    fake.object.bytes = new Uint8Array(WHOLE_READ_LIMIT + 1);
    const { source } = await storeWith().open(ref, undefined, WHOLE_READ_LIMIT + 1);
    await new StepRunner(source).prefetch();
    expect(fake.requests.map(({ range }) => range)).toEqual([`bytes=0-${FIRST_READ_BYTES - 1}`]);
  });

  it("pins every read to version and ETag", async () => {
    const { source } = await storeWith().open({ ...ref, etag: "e1" });
    await source.read(tail);
    expect(fake.requests.map(({ ifMatch }) => ifMatch)).toEqual(['"e1"', '"e1"']);
    expect(fake.requests[1]?.url).toContain("versionId=v1");
    await expect(sourceErrorCode(storeWith().open({ ...ref, etag: "other" }))).resolves.toBe("source.changed");
  });

  it("opens an empty object, whatever the event said of its size", async () => {
    fake.object.bytes = new Uint8Array(0);
    for (const hint of [undefined, 0, 77]) {
      const opened = await storeWith().open(ref, undefined, hint);
      expect(opened.source.size).toBe(0);
      expect(opened.machine).toBe("lab-7");
    }
  });

  it("takes a whole answer only when it is no longer than what was asked for", async () => {
    fake.script.push(whole);
    expect((await storeWith().open(ref, undefined, SIZE)).source.size).toBe(SIZE);
    fake.script.push(whole, whole, whole);
    expect(await sourceErrorCode(storeWith().open(ref))).toBe("source.bad-response");
  });
});

describe("an object of 5 TiB", () => {
  const TOTAL = 5 * 2 ** 40;
  /** Answers any range of an object of this size with zeros. */
  const huge =
    (total: number | string): Misbehaviour =>
    (request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const length = Number(last) - Number(first) + 1;
      response.writeHead(206, {
        etag: '"e1"',
        "content-range": `bytes ${first}-${last}/${total}`,
        "content-length": length,
      });
      response.end(new Uint8Array(length));
    };

  it("is read at its end, with offsets that no 32 bits hold", async () => {
    fake.script.push(huge(TOTAL), huge(TOTAL));
    const { source } = await storeWith().open(ref, undefined, TOTAL);
    expect(source.size).toBe(TOTAL);
    await source.read([{ start: TOTAL - 16, end: TOTAL }]);
    expect(fake.requests[1]?.range).toBe("bytes=5497558138864-5497558138879");
  });

  it("has no sibling beyond 2^53 bytes", async () => {
    fake.script.push(...Array.from({ length: 3 }, () => huge("9007199254740993")));
    expect(await sourceErrorCode(storeWith().open(ref))).toBe("source.bad-response");
  });
});

describe("a server that misbehaves", () => {
  const headers = (over: Record<string, string | number>, body = bytes.subarray(SIZE - 100)): Misbehaviour => {
    return (_, response) => {
      const right = { etag: '"e1"', "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE}`, "content-length": 100 };
      response.writeHead(206, { ...right, ...over });
      response.end(body);
    };
  };
  const cases: [string, Misbehaviour, string, number][] = [
    ["the whole object for a range", whole, "source.bad-response", 3],
    ["another range", headers({ "content-range": `bytes 0-99/${SIZE}` }), "source.bad-response", 3],
    ["no Content-Range", headers({ "content-range": "" }), "source.bad-response", 3],
    ["a Content-Range without size", headers({ "content-range": "bytes 0-99/*" }), "source.bad-response", 3],
    ["another length", headers({ "content-length": 99 }, bytes.subarray(0, 99)), "source.bad-response", 3],
    ["another size", headers({ "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE + 1}` }), "source.changed", 1],
    ["another ETag", headers({ etag: '"e2"' }), "source.changed", 1],
    ["412", failing(412, "PreconditionFailed"), "source.changed", 1],
    ["416 in the middle", failing(416, "InvalidRange"), "source.changed", 1],
    ["404", failing(404, "NoSuchKey"), "source.not-found", 1],
    ["404 of the version", failing(404, "NoSuchVersion"), "source.not-found", 1],
    ["405 of a delete marker", failing(405, "MethodNotAllowed"), "source.not-found", 1],
    ["403", failing(403, "AccessDenied"), "source.denied", 1],
    ["400", failing(400, "InvalidArgument"), "source.denied", 1],
    ["503", failing(503, "SlowDown"), "source.throttled", 3],
    ["429", failing(429, "TooManyRequests"), "source.throttled", 3],
    ["500", failing(500, "InternalError"), "source.unavailable", 3],
    ["a closed connection", (r) => r.socket.destroy(), "source.unavailable", 3],
    [
      "a short body",
      (_, response) => {
        response.writeHead(206, { "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE}`, "content-length": 100 });
        response.write(bytes.subarray(0, 50));
        setTimeout(() => response.destroy(), 20);
      },
      "source.short-read",
      3,
    ],
    [
      "a body without length that ends early",
      (_, response) => {
        response.writeHead(206, { "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE}` });
        response.end(bytes.subarray(0, 50));
      },
      "source.short-read",
      3,
    ],
    [
      "a body without length that does not end",
      (_, response) => {
        response.writeHead(206, { "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE}` });
        response.end(new Uint8Array(1000));
      },
      "source.bad-response",
      3,
    ],
  ];

  it.each(cases)("answers with %s", async (_, behaviour, code, tries) => {
    const { source } = await storeWith().open(ref);
    fake.script.push(behaviour, behaviour, behaviour);
    expect(await sourceErrorCode(source.read(tail))).toBe(code);
    expect(fake.requests.length - 1).toBe(tries);
  });

  it.each(cases.filter(([, , , tries]) => tries > 1))("recovers after %s", async (_, behaviour) => {
    const retry = instantRetry();
    const { source } = await storeWith(retry).open(ref);
    fake.script.push(behaviour, behaviour);
    expect(Buffer.compare((await source.read(tail))[0] as Uint8Array, bytes.subarray(SIZE - 100))).toBe(0);
    expect(retry.waits).toEqual([50, 100]);
  });

  const hang: Misbehaviour = () => {};
  const stall: Misbehaviour = (_, response) => {
    response.writeHead(206, { "content-range": `bytes ${SIZE - 100}-${SIZE - 1}/${SIZE}`, "content-length": 100 });
    response.write(bytes.subarray(0, 50));
  };
  it.each([
    ["before its answer", hang],
    ["within its body", stall],
  ])("hangs %s: the try is given up", async (_, behaviour) => {
    const { source } = await storeWith(instantRetry({ tryMs: 60, tries: 2 })).open(ref);
    fake.script.push(behaviour, behaviour);
    expect(await sourceErrorCode(source.read(tail))).toBe("source.timeout");
    fake.script.push(behaviour);
    expect((await source.read(tail))[0]?.length).toBe(100);
  });

  it.each([
    ["before its answer", hang],
    ["within its body", stall],
  ])("hangs %s: the caller may end the read", async (_, behaviour) => {
    const { source } = await storeWith().open(ref);
    fake.script.push(behaviour);
    const caller = new AbortController();
    setTimeout(() => caller.abort(), 40);
    expect(await sourceErrorCode(source.read(tail, caller.signal))).toBe("source.aborted");
  });

  it("fails a read as a whole when one of its ranges fails, and starts no more requests", async () => {
    const store = new S3DumpStore(fake.client, { retry: instantRetry(), parallel: 1 });
    const { source } = await store.open(ref);
    fake.script.push(failing(403, "AccessDenied"));
    const ranges = [280_000, 281_000, 282_000].map((start) => ({ start, end: start + 10 }));
    expect(await sourceErrorCode(source.read(ranges))).toBe("source.denied");
    expect(fake.requests.length).toBe(2);
  });

  it("keeps to its bound of requests side by side", async () => {
    let now = 0;
    let most = 0;
    const slow: Misbehaviour = (_, response, next) => {
      now += 1;
      most = Math.max(most, now);
      response.on("finish", () => {
        now -= 1;
      });
      setTimeout(next, 5);
    };
    const { source } = await new S3DumpStore(fake.client, { parallel: 4 }).open(ref);
    fake.script.push(...Array.from({ length: 20 }, () => slow));
    await source.read(Array.from({ length: 20 }, (_, n) => ({ start: 270_000 + n * 10, end: 270_005 + n * 10 })));
    expect(most).toBe(4);
  });

  it("does not quote the server, the key or the bucket", async () => {
    fake.script.push(failing(403, "AccessDenied"));
    const error = await storeWith()
      .open(ref)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toBe("GetObject failed: AccessDenied (HTTP 403)");
  });
});
