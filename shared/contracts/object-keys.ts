/**
 * Names of objects in S3 and of crashes (DESIGN, "Identity"). Pure functions; the hash is passed in
 * so that this file needs no crypto of a platform.
 */

/** Prefix of all dumps; the only one whose events reach the analyze queue. */
export const DUMPS_PREFIX = "dumps/";
/** Uploads through our API: one upload id is one crash, whatever is put there later. */
export const UPLOADS_PREFIX = "dumps/u/";
/** Machines that put straight to S3: `dumps/m/<machine>/<name>`. */
export const MACHINES_PREFIX = "dumps/m/";
/** Full reports. */
export const REPORTS_PREFIX = "reports/";
/** The only prefix that triggers symbol indexing. */
export const SYMBOLS_INCOMING_PREFIX = "symbols/incoming/";
/** Object metadata key that names the machine (`x-amz-meta-stopcode-machine`). */
export const MACHINE_METADATA = "stopcode-machine";
/** Machine of a dump that says nothing about where it comes from. */
export const UNKNOWN_MACHINE = "unknown";

/** One pinned object version. */
export interface ObjectRef {
  readonly bucket: string;
  readonly key: string;
  /** S3 version id; absent on buckets without versions. */
  readonly versionId?: string;
  /** ETag with or without its quotes. */
  readonly etag?: string;
}

/** 32 hex digits of SHA-256: 128 bits are enough to never meet by chance. */
export type HashHex = (parts: readonly string[]) => string;

/**
 * Crash id: hash(bucket, key) under `dumps/u/`, so that a repeated PUT is the same upload;
 * hash(bucket, key, version or ETag) elsewhere.
 */
export function crashIdOf(ref: ObjectRef, hash: HashHex): string {
  if (ref.key.startsWith(UPLOADS_PREFIX)) return hash([ref.bucket, ref.key]);
  return hash([ref.bucket, ref.key, ref.versionId ?? (ref.etag ?? "").replaceAll('"', "")]);
}

/** Longest machine name that is kept; longer ones are cut, so that keys stay far below 1 KB. */
export const MAX_MACHINE_LENGTH = 128;

/** The machine: the object's metadata, else the `m/` part of the key, else `unknown`. Control characters are dropped. */
export function machineOf(key: string, metadata?: string): string {
  const fromKey = key.startsWith(MACHINES_PREFIX) ? key.slice(MACHINES_PREFIX.length).split("/")[0] : undefined;
  for (const name of [metadata, fromKey]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is dropped
    const clean = (name ?? "").replace(/[\u0000-\u001f\u007f]/g, "").trim();
    if (clean !== "") return clean.slice(0, MAX_MACHINE_LENGTH);
  }
  return UNKNOWN_MACHINE;
}

/** Key of a run's report. */
export function reportKey(crashId: string, run: number): string {
  return `${REPORTS_PREFIX}${crashId}/${run}.json.gz`;
}

/**
 * Decodes an object key from an S3 notification. AWS encodes a space as `+`; others as `%20`.
 * @returns undefined when it is not valid percent-encoding
 */
export function decodeEventKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
