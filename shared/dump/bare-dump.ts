import type { Dump } from "./dump.ts";
import { NO_MEMORY } from "./memory.ts";

/** A dump of which nothing is known but its size: what rejected and starved analyses report. */
export function bareDump(size: number): Dump {
  return {
    format: "unknown",
    kind: "unknown",
    dumpType: 0,
    size,
    truncated: false,
    sections: [],
    cpu: "unknown",
    pointerSize: 8,
    system: { os: "unknown" },
    process: {},
    modules: [],
    unloadedModules: [],
    threads: [],
    extras: {},
    memory: NO_MEMORY,
  };
}
