import { readFileSync } from "node:fs";
import { openFile } from "../../shared/adapters/files/file-source.ts";
import { nodePlatform } from "../../shared/adapters/node/platform.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../shared/pipeline/analyze.ts";
import type { CrashReport } from "../../shared/report/crash-report.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";

/**
 * The finished report beside `minidump-stackwalk --json`: consumers of the one must be able to read
 * the other. minidump-oracle.test.ts compares what was read; this compares what is printed.
 *
 * Known difference: the oracle reads `last_error_value` on every system; on macOS and Linux there is no
 * TEB, and what it prints there ("ERROR_SUCCESS") is four zero bytes of something else. Ours is null.
 * Of a number that is both, it prints the NTSTATUS; GetLastError gives Win32 errors: 0x102 is WAIT_TIMEOUT.
 */
const WIN32_NAMES: Readonly<Record<string, string>> = { STATUS_TIMEOUT: "WAIT_TIMEOUT" };
const SUFFIX = ".expected.rust-minidump-0.27.json";

type Json = Record<string, unknown>;
const pick = (value: unknown, keys: readonly string[]): Json =>
  Object.fromEntries(keys.map((key) => [key, (value as Json | null | undefined)?.[key] ?? null]));

const MODULE_KEYS = [
  "base_addr",
  "end_addr",
  "filename",
  "debug_id",
  "debug_file",
  "code_id",
  "version",
  "cert_subject",
];
const FRAME_KEYS = ["offset", "module", "module_offset", "trust", "unloaded_modules"];

/** The part of a report that this version fills and the oracle prints too. */
function comparable(report: CrashReport | Json): Json {
  const { threads, modules, unloaded_modules, crashing_thread, ...rest } = report as CrashReport;
  const windowsOnly = rest.system_info.os === "Windows NT" ? ["last_error_value"] : [];
  return {
    ...pick(rest, ["status", "pid", "process_uptime", "main_module", "lsb_release", "thread_count"]),
    system_info: pick(rest.system_info, ["os", "os_ver", "cpu_arch", "cpu_info", "cpu_count", "cpu_microcode_version"]),
    crash_info: pick(rest.crash_info, ["type", "address", "crashing_thread", "assertion"]),
    modules: modules.map((module) => pick(module, MODULE_KEYS)),
    unloaded_modules: (unloaded_modules ?? []).map((module) =>
      pick(module, ["base_addr", "end_addr", "filename", "code_id"]),
    ),
    threads: threads.map((thread) => ({
      ...pick(thread, ["thread_id", "thread_name", ...windowsOnly]),
      frame0: thread.frames[0] ? pick(thread.frames[0], FRAME_KEYS) : null,
    })),
    crashing_thread: crashing_thread
      ? {
          ...pick(crashing_thread, ["threads_index", "thread_id", "thread_name", ...windowsOnly]),
          registers: crashing_thread.frames[0]?.registers ?? null,
        }
      : null,
  };
}

describeCorpus("the report beside minidump-stackwalk's", () => {
  it.each(corpusFiles("", SUFFIX))("%s", async (name) => {
    const oracle = JSON.parse(readFileSync(corpusPath(name), "utf8"), (key, value) =>
      key === "last_error_value" ? (WIN32_NAMES[value] ?? value) : value,
    );
    const opened = await openFile(corpusPath(name.slice(0, -SUFFIX.length)));
    try {
      const { report } = await analyzeSource(opened.source, { limits: DEFAULT_LIMITS, platform: nodePlatform });
      expect(comparable(report)).toEqual(comparable(oracle));
    } finally {
      await opened.close();
    }
  });
});
