import { loadDisassembler } from "../../shared/adapters/disassembly/load-disassembler.ts";
import type { DataDir } from "../../shared/adapters/embedded/data-dir.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import { type AnalyzeDumpDeps, analyzeDump } from "../../shared/pipeline/analyze-dump.ts";
import { decodeS3Message } from "../../shared/pipeline/decode-message.ts";
import type { Logger } from "../../shared/pipeline/ports.ts";
import { noMetrics } from "./console-log.ts";
import type { HandleMessage } from "./worker.ts";

/** The same decoder and the same use case as behind SQS, over the embedded adapters. */
export function messageHandler(data: DataDir, log: Logger): HandleMessage {
  const deps: AnalyzeDumpDeps = {
    dumps: data.dumps,
    reports: data.reports,
    crashes: data.crashes,
    events: data.events,
    platform: nodePlatform,
    disassembler: loadDisassembler,
    log,
    metrics: noMetrics,
    limits: DEFAULT_LIMITS,
  };
  return async (body, receiveCount) => {
    const { refs, problems } = decodeS3Message(body);
    for (const ref of refs) await analyzeDump({ ...ref, receiveCount }, deps);
    // What could be read is done; the rest of the message is for a person to see.
    if (problems[0]) throw problems[0];
  };
}
