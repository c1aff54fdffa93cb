import { setTimeout as sleep } from "node:timers/promises";
import {
  GetFunctionConfigurationCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { DeleteObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { corpusThere, oracleExport, type SampleDump, sampleDumps } from "./dumps.ts";
import { Observer } from "./observer.ts";
import {
  crash,
  depth,
  eventually,
  everyItem,
  type Item,
  lambda,
  put,
  readOutputs,
  recordOf,
  report,
  s3,
  s3Message,
  send,
  sqs,
} from "./stage.ts";

/**
 * Black box: dumps go in through S3 and the queue; what comes out is looked at in the table, the reports
 * bucket, a queue on the bus and a queue on the topic. Nothing of ours is imported.
 */

const UPLOADS = 200;
/** Not JSON, and JSON that is no S3 event; both must end in the DLQ as they are. */
const POISON = ["this is not JSON", '{"hello":"world"}'];

const out = readOutputs();
const samples = sampleDumps();
const small = smallest(samples);
let bus: Observer;
let topic: Observer;

beforeAll(async () => {
  bus = await Observer.ofBus(out);
  topic = await Observer.ofTopic(out.BucketsTopicArn);
  // First of all: their five deliveries take as long as everything else here.
  for (const body of POISON) await send(out, body);
});

afterAll(async () => {
  await bus?.close();
  await topic?.close();
});

describe(`real dumps ${corpusThere ? "of the corpus" : "are not here: examples"}`, () => {
  it.each(samples.map((dump) => [dump.name, dump] as const))(
    "%s becomes a record, a report and an event",
    async (name, dump) => {
      const machine = `sample-${name}`;
      const object = await put(out, `dumps/m/${machine}/${name}`, dump.bytes);
      const { detail } = await bus.first("Crash Analyzed", { machine });
      const id = String(detail["crash_id"]);
      expect(detail).toMatchObject({
        version: 1,
        run: 1,
        report_key: `reports/${id}/1.json.gz`,
        id: expect.any(String),
      });
      expect(JSON.stringify(detail).length).toBeLessThan(16 * 1024);

      const row = await crash(out, id);
      expect(JSON.stringify(row)).toContain(object.versionId);
      expect(recordOf(row)).toMatchObject({ machine, status: detail["status"] });

      const full = await report(out, String(detail["report_key"]));
      expect(full).toMatchObject({ schema: "stopcode.report/1", dump: { size: dump.bytes.length } });
      expect(full["bucket"]).toMatchObject({ id: detail["bucket_id"] });
      if (dump.stopCode !== undefined) {
        expect(Number((full["bugcheck"] as Item)["code"])).toBe(dump.stopCode);
        // The report keeps the code as stored; lists and events have the failure that it was rewritten from.
        const rewritten = dump.stopCode >>> 28 === 1;
        expect(Number(detail["stop_code"])).toBe(rewritten ? dump.stopCode & 0x0fffffff : dump.stopCode);
      }
      if (dump.oracle !== undefined) {
        expect(full["system_info"]).toMatchObject({ cpu_arch: dump.oracle.system_info.cpu_arch });
        expect(full["modules"]).toHaveLength(dump.oracle.modules.length);
        expect(full["pid"]).toBe(dump.oracle.pid);
      }
      // Found by a consistent read, so the bucket's announcement is out or on its way.
      const born = await bus.first("Bucket Created", { bucket_id: detail["bucket_id"] });
      expect(born.detail["crash_id"]).toEqual(expect.any(String));
    },
  );

  it("each bucket was announced once, on the bus and on the topic", async () => {
    const buckets = bus.all("Bucket Created").map(({ detail }) => detail["bucket_id"]);
    expect(new Set(buckets).size).toBe(buckets.length);
    for (const bucket_id of buckets) await topic.first("Bucket Created", { bucket_id });
    expect(topic.all("Crash Analyzed")).toEqual([]);
  });
});

describe("identity", () => {
  it("a machine in the object's metadata goes before the one in the key", async () => {
    await put(out, "dumps/m/from-key/meta.dmp", small.bytes, { "stopcode-machine": "from-metadata" });
    await bus.first("Crash Analyzed", { machine: "from-metadata" });
    expect(bus.all("Crash Analyzed", { machine: "from-key" })).toEqual([]);
  });

  it.each(["a b+c.dmp", "büro/💥 100%.dmp", "a&b=c;d'e(f)!.dmp", "plus+plus/%2B.dmp"])(
    "the key %p arrives as it is",
    async (name) => {
      const machine = `keys-${name}`;
      const key = `dumps/${name}`;
      await put(out, key, small.bytes, { "stopcode-machine": encodeMetadata(machine) });
      const { detail } = await bus.first("Crash Analyzed", { machine: encodeMetadata(machine) });
      expect(JSON.stringify(await crash(out, String(detail["crash_id"])))).toContain(JSON.stringify(key).slice(1, -1));
    },
  );

  it("a repeated PUT under dumps/u/ is the same upload: the later version is ignored with a note", async () => {
    const key = "dumps/u/0190-upload";
    const meta = { "stopcode-machine": "uploader" };
    const first = await put(out, key, small.bytes, meta);
    const { detail } = await bus.first("Crash Analyzed", { machine: "uploader" });
    const second = await put(out, key, samples.at(-1)?.bytes ?? small.bytes, meta);
    expect(second.versionId).not.toBe(first.versionId);
    const row = await eventually("the note on the crash", async () => {
      const found = await crash(out, String(detail["crash_id"]));
      return JSON.stringify(found).includes("upload.later-version-ignored") ? found : undefined;
    });
    expect(JSON.stringify(row)).toContain(first.versionId);
    expect(bus.all("Crash Analyzed", { machine: "uploader" })).toHaveLength(1);
  });

  it("a repeated PUT under dumps/m/ is a new crash", async () => {
    await put(out, "dumps/m/twice/same.dmp", small.bytes);
    await put(out, "dumps/m/twice/same.dmp", small.bytes);
    const seen = await eventually("two crashes", () => {
      const both = bus.all("Crash Analyzed", { machine: "twice" });
      return both.length >= 2 ? both : undefined;
    });
    expect(new Set(seen.map(({ detail }) => detail["crash_id"])).size).toBe(2);
  });
});

describe("answers that are no analysis", () => {
  it.each([
    ["text", Buffer.from("hello, I am not a dump\n".repeat(50))],
    ["oracle-export", oracleExport()],
    ["zeros", Buffer.alloc(70_000)],
    ["empty", Buffer.alloc(0)],
    ["cut-header", small.bytes.subarray(0, 20)],
  ])("%s is rejected with a reason, and kept", async (name, bytes) => {
    const machine = `rejected-${name}`;
    const object = await put(out, `dumps/m/${machine}/${name}.dmp`, bytes);
    const { detail } = await bus.first("Crash Rejected", { machine });
    expect(detail["reason"]).toMatch(/^[a-z]+(\.[a-z-]+)+$|^[a-z-]+$/);
    expect(recordOf(await crash(out, String(detail["crash_id"])))).toMatchObject({
      status: "rejected",
      reason: detail["reason"],
    });
    expect(await report(out, String(detail["report_key"]))).toMatchObject({ schema: "stopcode.report/1" });
    await s3.send(new HeadObjectCommand({ Bucket: out.DumpsBucket, Key: object.key, VersionId: object.versionId }));
  });

  it("an object that is deleted before it is read is rejected; one that was only marked deleted is read", async () => {
    await pausing(async () => {
      const gone = await put(out, "dumps/m/gone/a.dmp", small.bytes);
      await s3.send(new DeleteObjectCommand({ Bucket: out.DumpsBucket, Key: gone.key, VersionId: gone.versionId }));
      const marked = await put(out, "dumps/m/marked/a.dmp", small.bytes);
      await s3.send(new DeleteObjectCommand({ Bucket: out.DumpsBucket, Key: marked.key }));
    });
    const { detail } = await bus.first("Crash Rejected", { machine: "gone" });
    expect(detail["reason"]).toBe("source.not-found");
    await bus.first("Crash Analyzed", { machine: "marked" });
  });
});

describe("redelivery", () => {
  it("of a message changes nothing: no counter, no bucket, no event", async () => {
    const object = await put(out, "dumps/m/redelivered/a.dmp", small.bytes);
    await bus.first("Crash Analyzed", { machine: "redelivered" });
    await settled();
    const before = await everyItem(out);
    const events = bus.seen.length;
    for (let i = 0; i < 3; i += 1) await send(out, s3Message(out, object));
    await settled();
    await sleep(1500);
    expect(await everyItem(out)).toEqual(before);
    expect(bus.seen.slice(events)).toEqual([]);
  });

  it("repeats an event that got lost: the bus refuses, the record stands, the next delivery announces it", async () => {
    await withoutBus(async () => {
      await put(out, "dumps/m/unheard/a.dmp", small.bytes);
      await eventually("the record", async () =>
        (await everyItem(out)).find((item) => recordOf(item)["machine"] === "unheard"),
      );
      await sleep(1000);
      expect(bus.all("Crash Analyzed", { machine: "unheard" })).toEqual([]);
    });
    const counters = (await everyItem(out)).filter((item) => String(item["pk"]).startsWith("COUNT#"));
    await bus.first("Crash Analyzed", { machine: "unheard" }, 60_000);
    expect((await everyItem(out)).filter((item) => String(item["pk"]).startsWith("COUNT#"))).toEqual(counters);
  }, 120_000);

  it("needs no work for the test event of S3 and for events of no interest", async () => {
    await send(out, '{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}');
    await send(out, s3Message(out, { key: "elsewhere/a.dmp", versionId: "v", etag: "e", size: 1 }));
    await settled();
  });
});

describe("a storm", () => {
  it(`of ${UPLOADS} uploads: times from PUT to event, requests and bytes for each dump`, async () => {
    const puts = new Map<string, number>();
    for (let i = 0; i < UPLOADS; i += 1) {
      const machine = `load-${i}`;
      const dump = samples[i % samples.length] ?? small;
      puts.set(machine, Date.now());
      await put(out, `dumps/m/${machine}/${dump.name}`, dump.bytes);
      // One at a time: the time of each is its own, not its place in the queue.
      await bus.first("Crash Analyzed", { machine });
    }
    const rows = new Map<string, Item>(
      (await everyItem(out)).map((item) => [String(recordOf(item)["machine"]), recordOf(item)]),
    );
    const times = [...puts].map(([machine, at]) => (bus.all("Crash Analyzed", { machine })[0]?.at ?? Number.NaN) - at);
    times.sort((a, b) => a - b);
    const lines = samples.map((dump, i) => {
      const io = (rows.get(`load-${i}`)?.["io"] ?? {}) as Record<string, number>;
      return [dump.name, dump.bytes.length, io["bytesRead"], io["requests"], io["rounds"]];
    });
    print([["dump", "size", "bytes read", "requests", "rounds"], ...lines]);
    print([
      ["PUT to event, ms", "p50", "p95", "max"],
      [`${UPLOADS} uploads`, at(times, 0.5), at(times, 0.95), at(times, 1)],
    ]);
    expect(times.every(Number.isFinite)).toBe(true);
    for (const [, size, , requests] of lines) if (Number(size) <= 4 * 2 ** 20) expect(requests).toBeLessThanOrEqual(2);
  }, 240_000);
});

describe("after all that", () => {
  it("every crash with a bucket was counted exactly once, in its bucket", async () => {
    await settled();
    const rows = await everyItem(out);
    const crashes = tally(
      rows.filter((row) => row["sk"] === "CRASH" && recordOf(row)["bucketId"] !== undefined),
      (row) => recordOf(row)["bucketId"],
    );
    const counted = new Map<unknown, number>();
    for (const row of rows.filter(({ pk }) => String(pk).startsWith("COUNT#"))) {
      const bucket = String(row["pk"]).split("#")[1];
      counted.set(bucket, (counted.get(bucket) ?? 0) + Number(row["crashes"]));
    }
    expect(counted).toEqual(crashes);
  });

  it("every crash was announced exactly once, and each announced crash is recorded", async () => {
    const announced = tally(
      [...bus.all("Crash Analyzed"), ...bus.all("Crash Rejected")],
      ({ detail }) => detail["crash_id"],
    );
    const recorded = (await everyItem(out)).filter(({ sk }) => sk === "CRASH").map((row) => recordOf(row)["crashId"]);
    expect([...announced.keys()].sort()).toEqual(recorded.sort());
    // Two would be allowed, events are at least once; here nothing fails that would make a second one.
    expect([...announced.values()].every((times) => times === 1)).toBe(true);
    const ids = bus.seen.map(({ detail }) => detail["id"]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("poison", () => {
  it("ends in the dead-letter queue after five deliveries, as it was sent; nothing else does", async () => {
    const found = new Map<string, string>();
    await eventually(
      "the poisoned messages",
      async () => {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: out.DeadLettersUrl,
            MaxNumberOfMessages: 10,
            WaitTimeSeconds: 1,
            VisibilityTimeout: 120,
            MessageSystemAttributeNames: ["ApproximateReceiveCount"],
          }),
        );
        for (const message of Messages) found.set(message.MessageId ?? "", message.Body ?? "");
        return found.size >= POISON.length ? true : undefined;
      },
      240_000,
    );
    expect([...found.values()].sort()).toEqual([...POISON].sort());
    expect(await depth(out.DumpQueueUrl)).toBe(0);
  }, 250_000);
});

/** Waits until the dump queue holds nothing but the poison, twice in a row. */
async function settled(): Promise<void> {
  let calm = 0;
  await eventually("an empty queue", async () => {
    const waiting = await depth(out.DumpQueueUrl);
    calm = waiting <= POISON.length ? calm + 1 : 0;
    await sleep(100);
    return calm >= 3 ? true : undefined;
  });
}

/** Stops the function's queue while something happens to the objects that its messages name. */
async function pausing(work: () => Promise<void>): Promise<void> {
  const { EventSourceMappings = [] } = await lambda.send(
    new ListEventSourceMappingsCommand({ FunctionName: out.AnalyzeFunctionName }),
  );
  const enable = (Enabled: boolean) =>
    Promise.all(
      EventSourceMappings.map(({ UUID }) => lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }))),
    );
  await enable(false);
  await sleep(1500);
  try {
    await work();
  } finally {
    await enable(true);
  }
}

/** Gives the function a bus that refuses every event while something happens. */
async function withoutBus(work: () => Promise<void>): Promise<void> {
  const FunctionName = out.AnalyzeFunctionName;
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const set = (name: string) =>
    lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName,
        Environment: { Variables: { ...Environment?.Variables, EVENT_BUS_NAME: name } },
      }),
    );
  await set("arn:aws:sqs:us-east-1:000000000000:not-a-bus");
  try {
    await work();
  } finally {
    await set(out.EventBusName);
  }
}

/** How many there are of each. */
function tally<T>(things: readonly T[], name: (thing: T) => unknown): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  for (const thing of things) counts.set(name(thing), (counts.get(name(thing)) ?? 0) + 1);
  return counts;
}

function smallest(dumps: readonly SampleDump[]): SampleDump {
  const [first] = [...dumps].sort((a, b) => a.bytes.length - b.bytes.length);
  if (first === undefined) throw new Error("there is neither a corpus nor examples/*.dmp");
  return first;
}

/** S3 metadata is ASCII. */
function encodeMetadata(text: string): string {
  return encodeURIComponent(text);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function print(rows: readonly (readonly unknown[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length))) ?? [];
  const text = rows.map((row) => row.map((cell, column) => String(cell).padEnd(widths[column] ?? 0)).join("  "));
  process.stdout.write(`\n${text.join("\n")}\n`);
}
