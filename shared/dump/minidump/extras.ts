import type { FetchedBytes } from "../../bytes/block-cache.ts";
import { attempt, Notes } from "../../notes.ts";
import { STREAM, streamName } from "./stream-types.ts";
import { readAssertionInfo } from "./streams/assertion-info.ts";
import { countMaps, readProcLimits } from "./streams/linux-proc.ts";
import { readLsbRelease } from "./streams/linux-text.ts";
import { readMacBootArgs, readMacCrashInfo } from "./streams/mac-text.ts";
import { decodeUtf8 } from "./strings.ts";

/** Reads the body of a stream by its type, or undefined when the dump lacks it or it cannot be read. */
export type StreamReader = <T>(type: number, parse: (body: Uint8Array, notes: Notes) => T) => T | undefined;

/** What reports pass on as it is, under the keys of `minidump-stackwalk --json`; `assertion` is ours. */
export function readExtras(bytes: FetchedBytes, read: StreamReader): Readonly<Record<string, unknown>> {
  const extras = {
    lsb_release: read(STREAM.LinuxLsbRelease, readLsbRelease),
    proc_limits: read(STREAM.MozLinuxLimits, readProcLimits),
    linux_memory_map_count: read(STREAM.LinuxMaps, countMaps),
    soft_errors: read(STREAM.MozSoftErrors, readSoftErrors),
    mac_crash_info: read(STREAM.MozMacosCrashInfo, (body) => readMacCrashInfo(bytes, body)),
    mac_boot_args: read(STREAM.MozMacosBootargs, (body) => readMacBootArgs(bytes, body)),
    assertion: read(STREAM.AssertionInfo, readAssertionInfo),
  };
  return Object.fromEntries(Object.entries(extras).filter(([, value]) => value !== undefined));
}

/** MozSoftErrors: JSON of the errors that a writer met and survived. What is no JSON is the dump's fault, not ours. */
function readSoftErrors(body: Uint8Array, notes: Notes): unknown {
  const where = streamName(STREAM.MozSoftErrors);
  const value = attempt(new Notes(), where, (): unknown => JSON.parse(decodeUtf8(body)));
  if (value === undefined) notes.add("format.bad-value", where, "the text is no JSON");
  return value;
}
