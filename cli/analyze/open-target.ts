import { openFile } from "../../shared/adapters/files/file-source.ts";
import { type ByteSource, memorySource } from "../../shared/bytes/byte-source.ts";
import { SourceError, StopcodeError } from "../../shared/bytes/errors.ts";

/** The command line itself was wrong. */
export class UsageError extends StopcodeError<"usage.bad-source" | "usage.bad-symbols"> {}

/** A source that must be closed. */
export interface OpenTarget {
  readonly source: ByteSource;
  close(): Promise<void>;
}

/** A pipe cannot be read by range, so it is kept in memory; larger dumps must be files. */
const MAX_PIPE_BYTES = 256 * 1024 * 1024;

/**
 * Opens what the user named: a file, `s3://bucket/key`, or `-` for standard input.
 * @throws SourceError when it cannot be read, UsageError when it names nothing readable
 */
export async function openTarget(target: string): Promise<OpenTarget> {
  if (target === "-") return { source: memorySource(await readPipe()), close: async () => {} };
  if (target.startsWith("s3://")) return openS3(target);
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(target)?.[1];
  if (scheme !== undefined) {
    throw new UsageError("usage.bad-source", `${scheme}:// is not read; give a file, s3://bucket/key or -`);
  }
  return openFile(target);
}

async function openS3(target: string): Promise<OpenTarget> {
  const match = /^s3:\/\/([^/]+)\/(.+)$/.exec(target);
  if (!match) throw new UsageError("usage.bad-source", `${target} names no object; the form is s3://bucket/key`);
  // The SDK is a third of a second of start-up that a local file does not need.
  const { openS3Object } = await import("./open-s3.ts");
  return { source: await openS3Object(match[1] as string, match[2] as string), close: async () => {} };
}

async function readPipe(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of process.stdin) {
    total += (chunk as Buffer).length;
    if (total > MAX_PIPE_BYTES) {
      throw new SourceError(
        "source.unavailable",
        `standard input is larger than ${MAX_PIPE_BYTES} bytes; give a file`,
        {
          expected: MAX_PIPE_BYTES,
        },
      );
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
