import { open } from "node:fs/promises";
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Generator, GeneratorMissing } from "../generated/generator.ts";
import { Observer } from "./observer.ts";
import { readOutputs, report, s3 } from "./stage.ts";

/**
 * A large kernel dump through the deployed pipeline, in parts as machines send it. Without a word it is one of 64 MiB or so,
 * because the emulator keeps objects in memory:
 *
 *   STOPCODE_LARGE_OBJECTS=8 npm run test:system -- large-dump      a full dump of 8 GiB; bodies go to sparse files
 */

const PART = 64 * 1024 * 1024;
const { STOPCODE_LARGE_OBJECTS } = process.env;
const out = readOutputs();

/** Sends a file in parts; gives how many. */
async function upload(file: string, key: string): Promise<number> {
  const Bucket = out.DumpsBucket;
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: key }));
  const handle = await open(file);
  const { size } = await handle.stat();
  const parts: CompletedPart[] = [];
  for (let start = 0; start < size; start += PART) {
    const body = new Uint8Array(Math.min(PART, size - start));
    await handle.read(body, 0, body.length, start);
    const PartNumber = parts.length + 1;
    const sent = await s3.send(new UploadPartCommand({ Bucket, Key: key, UploadId, PartNumber, Body: body }));
    parts.push({ ETag: sent.ETag, PartNumber });
  }
  await handle.close();
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: key, UploadId, MultipartUpload: { Parts: parts } }));
  return parts.length;
}

function generatorHere(): Generator | undefined {
  try {
    return new Generator();
  } catch (error) {
    if (error instanceof GeneratorMissing) return undefined;
    throw error;
  }
}

const generator = generatorHere();
afterAll(() => generator?.close());

if (generator === undefined) {
  console.warn("SKIPPED: a large kernel dump through the deployed pipeline: the dump generator is not here");
  it("has no generator to make a large dump", () => expect(generator).toBeUndefined());
} else {
  it("a kernel dump in parts becomes a report for a few megabytes of reads", async () => {
    const gib = Number(STOPCODE_LARGE_OBJECTS ?? 0);
    const world = ["--modules", "200", "--processes", "300", "--scenario", "0x3B"];
    const shape = gib > 0 ? ["--type", "full", "--ram-gib", String(gib)] : ["--type", "bitmap-kernel"];
    const made = generator.make([...world, ...shape]);
    if (typeof made === "string") throw new Error(made);
    const bus = await Observer.ofBus(out);
    const started = performance.now();
    const parts = await upload(made.file, "dumps/m/large-machine/MEMORY.DMP");
    const uploaded = performance.now();
    const { detail } = await bus.first("Crash Analyzed", { machine: "large-machine" });
    const analyzed = performance.now();
    await bus.close();
    const said = await report(out, String(detail["report_key"]));
    const io = said["io"] as { source_size: number; bytes_read: number; requests: number; rounds: number };
    process.stdout.write(
      `${io.source_size} bytes in ${parts} parts uploaded in ${((uploaded - started) / 1000).toFixed(1)} s, event ` +
        `${((analyzed - uploaded) / 1000).toFixed(1)} s later; fetched ${io.bytes_read} bytes in ${io.requests} requests and ` +
        `${io.rounds} rounds\n`,
    );
    expect(io.source_size).toBe(made.truth.file_size);
    expect(io.bytes_read).toBeLessThan(8 * 1024 * 1024);
    expect(said["bugcheck"]).toMatchObject({ code: "0x3b" });
    expect(said["modules"]).toHaveLength(made.truth.modules.length);
    expect(said["culprit"]).toMatchObject({ module: made.truth.expect.culprit });
  }, 900_000);
}
