import fc from "fast-check";
import { decodeS3Message } from "../../../shared/pipeline/decode-message.ts";
import { MessageError } from "../../../shared/pipeline/errors.ts";

/** A record as S3 writes it; fields we do not read are there too. */
function s3Record(object: Record<string, unknown>, eventName = "ObjectCreated:Put"): Record<string, unknown> {
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "eu-central-1",
    eventTime: "2026-11-22T14:00:00.123Z",
    eventName,
    s3: { s3SchemaVersion: "1.0", bucket: { name: "dumps-bucket", arn: "arn:aws:s3:::dumps-bucket" }, object },
  };
}

const body = (...records: unknown[]) => JSON.stringify({ Records: records });

function errorOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("decodeS3Message", () => {
  it("reads one record", () => {
    const object = {
      key: "dumps/m/pc-7/a.dmp",
      size: 65536,
      eTag: "d41d8cd98f00b204e9800998ecf8427e",
      versionId: "v1",
    };
    expect(decodeS3Message(body(s3Record(object)))).toEqual({
      refs: [
        {
          ref: { bucket: "dumps-bucket", key: "dumps/m/pc-7/a.dmp", etag: object.eTag, versionId: "v1" },
          size: 65536,
          receivedAt: "2026-11-22T14:00:00.123Z",
        },
      ],
      ignored: [],
      problems: [],
    });
  });

  it("reads a record of a bucket without versions, and an empty object", () => {
    const { refs } = decodeS3Message(body(s3Record({ key: "dumps/a", size: 0, versionId: "" })));
    expect(refs[0]).toEqual({
      ref: { bucket: "dumps-bucket", key: "dumps/a" },
      size: 0,
      receivedAt: "2026-11-22T14:00:00.123Z",
    });
  });

  it("reads sizes up to 5 TiB", () => {
    const { refs } = decodeS3Message(body(s3Record({ key: "dumps/a", size: 5 * 2 ** 40 })));
    expect(refs[0]?.size).toBe(5_497_558_138_880);
  });

  it("brings times to UTC and milliseconds: everything is ordered by their text", () => {
    const record = { ...s3Record({ key: "dumps/a" }), eventTime: "2026-11-22T15:00:00+01:00" };
    expect(decodeS3Message(body(record)).refs[0]?.receivedAt).toBe("2026-11-22T14:00:00.000Z");
  });

  it.each([
    ["dumps/m/my+pc/a%2Bb.dmp", "dumps/m/my pc/a+b.dmp"],
    ["dumps/m/my%20pc/a%2Bb.dmp", "dumps/m/my pc/a+b.dmp"],
    ["dumps/m/b%C3%BCro/%F0%9F%92%A5.dmp", "dumps/m/büro/💥.dmp"],
  ])("decodes the key %s", (key, plain) => {
    expect(decodeS3Message(body(s3Record({ key }))).refs[0]?.ref.key).toBe(plain);
  });

  it("reads several records of one message, and says which need no work", () => {
    const decoded = decodeS3Message(
      body(
        s3Record({ key: "dumps/a" }),
        s3Record({ key: "dumps/b" }, "ObjectRemoved:DeleteMarkerCreated"),
        s3Record({ key: "symbols/incoming/x.pdb" }),
        s3Record({ key: "dumps/c" }, "s3:ObjectCreated:CompleteMultipartUpload"),
      ),
    );
    expect(decoded.refs.map(({ ref }) => ref.key)).toEqual(["dumps/a", "dumps/c"]);
    expect(decoded.ignored).toEqual([
      { reason: "not-created", event: "ObjectRemoved:DeleteMarkerCreated" },
      { reason: "outside-dumps", event: "ObjectCreated:Put" },
    ]);
  });

  it("knows the test event that S3 sends when a notification is set", () => {
    const test = { Service: "Amazon S3", Event: "s3:TestEvent", Time: "2026-11-22T14:00:00.000Z", Bucket: "b" };
    expect(decodeS3Message(JSON.stringify(test))).toEqual({
      refs: [],
      ignored: [{ reason: "test-event", event: "s3:TestEvent" }],
      problems: [],
    });
  });

  it("keeps the good records of a message that has bad ones", () => {
    const decoded = decodeS3Message(
      body(s3Record({ key: "dumps/%E0%A4%A" }), s3Record({ key: "dumps/a" }), { eventName: "ObjectCreated:Put" }),
    );
    expect(decoded.refs.map(({ ref }) => ref.key)).toEqual(["dumps/a"]);
    expect(decoded.problems.map(({ code }) => code)).toEqual(["message.bad-key", "message.not-s3-event"]);
    expect(decoded.problems[1]?.message).toMatch(/^record 2 is no S3 event: /);
  });

  it.each([
    ["", "message.not-json"],
    ["{", "message.not-json"],
    ["hello", "message.not-json"],
    ["null", "message.not-s3-event"],
    ["[]", "message.not-s3-event"],
    ['{"Records":[]}', "message.not-s3-event"],
    ['{"Records":{}}', "message.not-s3-event"],
    ['{"detail":{"bucket":{"name":"b"}}}', "message.not-s3-event"],
  ])("refuses %j with %s", (text, code) => {
    expect(errorOf(() => decodeS3Message(text))).toMatchObject({ name: "MessageError", code });
  });

  it.each([
    ["size", -1],
    ["size", 1.5],
    ["size", "9"],
    ["size", 2 ** 53],
    ["key", ""],
    ["key", "dumps/".padEnd(4000, "x")],
    ["key", 7],
    ["versionId", 7],
  ])("calls a record with %s %j a problem", (field, value) => {
    const { refs, problems } = decodeS3Message(body(s3Record({ key: "dumps/a", [field]: value })));
    expect(refs).toEqual([]);
    expect(problems[0]).toMatchObject({ code: "message.not-s3-event" });
  });

  it("never repeats what a message holds", () => {
    const secret = "hunter2";
    for (const text of [secret, `{"Records":"${secret}"}`]) {
      expect(String(errorOf(() => decodeS3Message(text)))).not.toContain(secret);
    }
    const { problems } = decodeS3Message(body(s3Record({ key: "dumps/a", size: secret, eTag: 1 })));
    expect(String(problems[0])).not.toContain(secret);
  });

  it("gives back every key, however S3 encodes it", () => {
    const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(key, fc.boolean(), (name, plus) => {
        const encoded = encodeURIComponent(`dumps/${name}`).replaceAll("%2F", "/");
        const sent = plus ? encoded.replaceAll("%20", "+") : encoded;
        expect(decodeS3Message(body(s3Record({ key: sent }))).refs[0]?.ref.key).toBe(`dumps/${name}`);
      }),
    );
  });

  it("answers any text and any JSON with refs or a MessageError, and loses no record", () => {
    const record = fc.oneof(
      fc.jsonValue(),
      fc.record({ eventName: fc.string(), eventTime: fc.string(), s3: fc.jsonValue() }, { requiredKeys: [] }),
      fc.constant(s3Record({ key: "dumps/a" })),
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(record).map((records) => JSON.stringify({ Records: records })),
    );
    fc.assert(
      fc.property(text, (any) => {
        const decoded = errorOf(() => decodeS3Message(any));
        if (decoded instanceof MessageError) return;
        const { refs, ignored, problems } = decoded as ReturnType<typeof decodeS3Message>;
        expect(refs.length + ignored.length + problems.length).toBe(JSON.parse(any).Records?.length ?? 1);
      }),
      { numRuns: 1000 },
    );
  });
});
